import AgentTraffic
import OTLP
import OTLPTestSupport
import Testing

/// Builds requests by hand.
enum Request {
    static func make(resource: [UInt8] = [], scope: [UInt8] = [], spans: [[UInt8]]) -> [UInt8] {
        var writer = WireWriter()
        writer.message(1) { writer in
            if !resource.isEmpty { writer.bytes(1, resource) }
            writer.message(2) { writer in
                if !scope.isEmpty { writer.bytes(1, scope) }
                for span in spans { writer.bytes(2, span) }
            }
        }
        return writer.bytes
    }

    static func span(id: UInt64 = 7, _ body: (inout WireWriter) -> Void = { _ in }) -> [UInt8] {
        var writer = WireWriter()
        writer.traceID(1, TraceID(high: 1, low: 2))
        writer.spanID(2, SpanID(id))
        body(&writer)
        return writer.bytes
    }

    /// An attribute of one value inside so many arrays or maps. Made from its end, so that depth costs no copies.
    static func nested(_ levels: Int, inMaps: Bool = false) -> [UInt8] {
        var reversed: [UInt8] = [42, 3 << 3]
        func frame(_ field: UInt32) {
            var head = WireWriter()
            head.head(field, count: reversed.count)
            reversed += head.bytes.reversed()
        }
        let key: [UInt8] = [UInt8(ascii: "k"), 1, 1 << 3 | 2]
        for _ in 0..<levels {
            if inMaps {
                frame(2)
                reversed += key
            }
            frame(1)
            frame(inMaps ? 6 : 5)
        }
        frame(2)
        return (reversed + key).reversed()
    }
}

@Suite struct SpanBatchTests {
    @Test func rowsHoldEveryFieldOfASpan() throws {
        var generator = RandomRequest(seed: 11)
        for _ in 0..<300 {
            let bytes = generator.next()
            let batch = try SpanBatch(decoding: bytes)
            #expect(batch.rejectedSpans == 0)
            // Written again it decodes to the same rows, and a second rewrite changes no byte.
            let rewritten = batch.encoded()
            let again = try SpanBatch(decoding: rewritten)
            #expect(DecodedRequest(again) == DecodedRequest(batch))
            #expect(again.encoded() == rewritten)
        }
    }

    @Test func truncationAtEveryByteIsAnErrorOrAShorterRequest() throws {
        var generator = RandomRequest(seed: 5)
        var bytes = generator.next()
        while !(200..<4_000).contains(bytes.count) { bytes = generator.next() }
        let whole = try SpanBatch(decoding: bytes).spans.count
        for count in bytes.indices {
            guard let batch = try? SpanBatch(decoding: Array(bytes[..<count])) else { continue }
            #expect(batch.spans.count <= whole)
            _ = DecodedRequest(batch)
        }
    }

    @Test func flippingAnyBitNeverReadsOutOfBounds() {
        var traffic = AgentTraffic(seed: 3)
        let bytes = traffic.request(spans: 2)
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                guard let batch = try? SpanBatch(decoding: damaged) else { continue }
                _ = DecodedRequest(batch)
                _ = OTLPJSON.encode(batch)
            }
        }
    }

    @Test(arguments: [false, true]) func valuesNestedOverTheLimitRejectTheirSpanAlone(inMaps: Bool) throws {
        let deep = Request.span { $0.bytes(9, Request.nested(65, inMaps: inMaps)) }
        let deepest = Request.span(id: 8) { $0.bytes(9, Request.nested(64, inMaps: inMaps)) }
        let batch = try SpanBatch(decoding: Request.make(spans: [deep, deepest]))
        #expect(batch.spans.map(\.spanID) == [SpanID(8)])
        #expect(batch.rejections == [.attributeDepth: 1])
        var value = batch.value(of: batch.attributes[0])
        var levels = 0
        while true {
            if case .array(let elements) = value {
                value = elements[0]
            } else if case .keyValueList(let pairs) = value {
                value = pairs[0].value
            } else {
                break
            }
            levels += 1
        }
        #expect(levels == 64)
        #expect(value == .int(42))
    }

    @Test func hundredThousandLevelsAreRejectedWhereverTheyStand() throws {
        let hostile = Request.nested(100_000)
        let inSpan = Request.make(spans: [Request.span { $0.bytes(9, hostile) }])
        #expect(try SpanBatch(decoding: inSpan).rejections == [.attributeDepth: 1])
        var envelope = WireWriter()
        envelope.bytes(1, hostile)
        let inResource = try SpanBatch(decoding: Request.make(resource: envelope.bytes, spans: [Request.span()]))
        #expect(inResource.rejections == [.attributeDepth: 1])
        #expect(inResource.keyValues(inResource.resources[0].attributes).isEmpty)
        envelope = WireWriter()
        envelope.bytes(3, hostile)
        let inScope = try SpanBatch(decoding: Request.make(scope: envelope.bytes, spans: [Request.span()]))
        #expect(inScope.rejections == [.attributeDepth: 1])
        let inEvent = Request.span { $0.message(11) { $0.bytes(3, hostile) } }
        #expect(try SpanBatch(decoding: Request.make(spans: [inEvent])).rejections == [.attributeDepth: 1])
    }

    @Test func attributesOverTheLimitRejectTheirSpanAlone() throws {
        func span(_ id: UInt64, attributes: Int, inEvent: Int = 0) -> [UInt8] {
            Request.span(id: id) { span in
                for index in 0..<attributes { span.keyValue(9, KeyValue("k\(index)", .int(1))) }
                span.message(11) { event in
                    for index in 0..<inEvent { event.keyValue(3, KeyValue("k\(index)", .int(1))) }
                }
            }
        }
        let spans = [
            span(1, attributes: 16_384), span(2, attributes: 16_385), span(3, attributes: 16_000, inEvent: 384),
            span(4, attributes: 16_000, inEvent: 385),
        ]
        let batch = try SpanBatch(decoding: Request.make(spans: spans))
        #expect(batch.spans.map(\.spanID.rawValue) == [1, 3])
        #expect(batch.rejections == [.attributeCount: 2])
        #expect(batch.attributes.count == 2 * 16_384)
    }

    @Test func almostEmptyMessagesCannotTakeManyTimesTheirSize() {
        for body: [UInt8] in [[0x0A, 0x00], [0x0A, 0x02, 0x12, 0x00]] {
            let bomb = Array(repeatElement(body, count: 500_000).joined())
            #expect(throws: WireError.self) { try SpanBatch(decoding: bomb) }
        }
        let attributes = Request.span { span in for _ in 0..<100_000 { span.bytes(9, [UInt8]()) } }
        let batch = try? SpanBatch(decoding: Request.make(spans: [attributes]))
        #expect(batch?.rejections[.attributeCount] ?? 1 == 1)
        let events = Request.span { span in for _ in 0..<100_000 { span.bytes(11, [UInt8]()) } }
        #expect(throws: WireError.self) { try SpanBatch(decoding: Request.make(spans: [events])) }
    }

    @Test func idsOfWrongLengthOrZeroRejectTheirSpanAlone() throws {
        func span(trace: Int, id: Int, parent: Int?, fill: UInt8 = 9) -> [UInt8] {
            var writer = WireWriter()
            writer.bytes(1, [UInt8](repeating: fill, count: trace))
            writer.bytes(2, [UInt8](repeating: fill, count: id))
            if let parent { writer.bytes(4, [UInt8](repeating: fill, count: parent)) }
            return writer.bytes
        }
        let spans = [
            span(trace: 16, id: 8, parent: nil), span(trace: 16, id: 8, parent: 0), span(trace: 16, id: 8, parent: 8),
            span(trace: 15, id: 8, parent: nil), span(trace: 17, id: 8, parent: nil), span(trace: 0, id: 8, parent: 1),
            span(trace: 16, id: 7, parent: nil), span(trace: 16, id: 8, parent: 7),
            span(trace: 16, id: 8, parent: nil, fill: 0),
        ]
        let batch = try SpanBatch(decoding: Request.make(spans: spans))
        #expect(batch.spans.map(\.parentSpanID.isValid) == [false, false, true])
        #expect(batch.rejections == [.invalidTraceID: 4, .invalidSpanID: 1, .invalidParentSpanID: 1])
        let kept = try SpanBatch(decoding: batch.encoded())
        #expect(DecodedRequest(kept) == DecodedRequest(batch))
        #expect(kept.rejections.isEmpty)
    }

    @Test func theLastOfASingularFieldCounts() throws {
        let span = Request.span { span in
            span.bytes(4, [1, 2, 3])
            span.spanID(4, SpanID(5))
            span.string(5, "first")
            span.string(5, "second")
            span.varint(6, 3)
            span.varint(6, 2)
            span.message(15) { $0.varint(3, 2) }
            span.message(15) { $0.string(2, "why") }
            span.message(9) { pair in
                pair.string(1, "merged")
                pair.message(2) { $0.string(1, "kept") }
                pair.message(2) { _ in }
            }
        }
        let batch = try SpanBatch(decoding: Request.make(spans: [span]))
        let decoded = try #require(DecodedRequest(batch).spans.first)
        #expect(decoded.parentSpanID == SpanID(5))
        #expect(decoded.name == "second")
        #expect(decoded.kind == 2)
        #expect(decoded.statusCode == 2)
        #expect(decoded.statusMessage == "why")
        #expect(decoded.attributes == [KeyValue("merged", .string("kept"))])
    }

    @Test func aResourceBehindItsScopesIsTheirs() throws {
        var writer = WireWriter()
        writer.message(1) { resource in
            resource.message(2) { scope in
                scope.bytes(2, Request.span())
                scope.message(1) { $0.string(1, "late scope") }
            }
            resource.message(1) { $0.keyValue(1, KeyValue("service.name", .string("late"))) }
        }
        let batch = try SpanBatch(decoding: writer.bytes)
        let span = try #require(batch.spans.first)
        #expect(batch.serviceName(of: batch.resource(of: span)) == "late")
        #expect(batch.string(batch.scope(of: span).name) == "late scope")
    }

    @Test func aResourceOrScopeBehindItsSpansRejectsThem() throws {
        let hostile = Request.nested(65)
        for isResource in [true, false] {
            var writer = WireWriter()
            writer.message(1) { resource in
                resource.message(2) { scope in
                    scope.bytes(2, Request.span { $0.keyValue(9, KeyValue("k", .int(1))) })
                    scope.bytes(2, Request.span(id: 0))
                    if !isResource { scope.message(1) { $0.bytes(3, hostile) } }
                }
                if isResource { resource.message(1) { $0.bytes(1, hostile) } }
            }
            let batch = try SpanBatch(decoding: writer.bytes)
            #expect(batch.spans.isEmpty && batch.attributes.isEmpty)
            #expect(batch.rejections == [.attributeDepth: 2])
        }
    }

    @Test func aResourceInTwoPartsIsMerged() throws {
        var writer = WireWriter()
        writer.message(1) { resource in
            resource.message(1) { $0.keyValue(1, KeyValue("first", .int(1))) }
            resource.message(2) { scope in
                scope.message(1) { $0.string(1, "name") }
                scope.bytes(2, Request.span())
                scope.string(3, "scope schema")
                scope.message(1) { $0.string(2, "version") }
            }
            resource.message(1) { $0.keyValue(1, KeyValue("second", .int(2))) }
            resource.string(3, "schema")
        }
        let batch = try SpanBatch(decoding: writer.bytes)
        let resource = try #require(DecodedRequest(batch).resources.first)
        #expect(resource.attributes == [KeyValue("first", .int(1)), KeyValue("second", .int(2))])
        #expect(resource.schemaURL == "schema" && resource.scopes[0].schemaURL == "scope schema")
        #expect(resource.scopes[0].name == "name" && resource.scopes[0].version == "version")
        #expect(batch.resources[0].needsRaw && batch.scopes[0].needsRaw && batch.resources.count == 1)
    }

    /// Values whose message has one field, two fields and a field cut short, around the form that is read at once.
    @Test(
        arguments: [
            ([0x18, 0x05], .int(5)), ([0x18, 0x85, 0x01], .int(133)), ([0x18, 0x05, 0x12], nil),
            ([0x18, 0x05, 0x10, 0x01], .bool(true)), ([0x18, 0x85, 0x81, 0x01], .int(16_517)), ([0x18, 0x85], nil),
            ([0x10, 0x02], .bool(true)), ([0x10, 0x80, 0x01], .bool(true)), ([0x0A, 0x00], .string("")),
            ([0x0A, 0x01, 0x61], .string("a")), ([0x0A, 0x02, 0x61], nil), ([0x0A, 0x00, 0x18, 0x01], .int(1)),
            ([0x21, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F], .double(1)), ([0x21, 0, 0, 0, 0, 0, 0, 0xF0], nil), ([], .empty),
        ] as [([UInt8], AnyValue?)])
    func valuesOfEveryForm(content: [UInt8], expected: AnyValue?) throws {
        let span = Request.span { span in
            span.message(9) { pair in
                pair.string(1, "k")
                pair.bytes(2, content)
            }
        }
        guard let expected else {
            #expect(throws: WireError.self) { try SpanBatch(decoding: Request.make(spans: [span])) }
            return
        }
        let batch = try SpanBatch(decoding: Request.make(spans: [span]))
        #expect(batch.keyValues(batch.spans[0].attributes) == [KeyValue("k", expected)])
    }

    @Test func fieldsOfAnotherWireTypeAreUnknownOnes() throws {
        let span = Request.span { span in
            span.string(6, "a kind as text")
            span.varint(7, 5)
            span.fixed32(16, 1)
        }
        let batch = try SpanBatch(decoding: Request.make(spans: [span]))
        let row = try #require(batch.spans.first)
        #expect(row.kind == 0 && row.startTime == 0 && row.flags == 1 && row.needsRaw)
    }

    @Test func enumerationsKeepUnknownValues() throws {
        let span = Request.span { span in
            span.varint(6, 99)
            span.message(15) { $0.varint(3, UInt64(bitPattern: -4)) }
        }
        let row = try #require(try SpanBatch(decoding: Request.make(spans: [span])).spans.first)
        #expect(row.kind == 99 && row.statusCode == -4)
    }

    @Test(arguments: [3, 4, 6, 7] as [UInt8]) func groupsAndUnknownWireTypesAreErrors(type: UInt8) {
        #expect(throws: WireError.self) { try SpanBatch(decoding: [8 | type, 0, 0, 0, 0, 0, 0, 0, 0]) }
    }

    @Test func fieldNumberZeroAndEndlessVarintsAreErrors() {
        #expect(throws: WireError.invalidTag(offset: 0)) { try SpanBatch(decoding: [0x02, 0x00]) }
        let endless = [0x50] + [UInt8](repeating: 0x80, count: 10) + [0x01]
        #expect(throws: WireError.malformedVarint(offset: 1)) { try SpanBatch(decoding: endless) }
        let tooLong: [UInt8] = [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
        #expect(throws: WireError.truncated(offset: 11)) { try SpanBatch(decoding: tooLong) }
    }

    @Test func unknownFieldsOfEveryLevelSurviveARewrite() throws {
        var writer = WireWriter()
        func mark(_ writer: inout WireWriter, _ level: String) { writer.string(2_000, "unknown in \(level)") }
        mark(&writer, "request")
        writer.message(1) { resourceSpans in
            mark(&resourceSpans, "resource spans")
            resourceSpans.message(1) { mark(&$0, "resource") }
            resourceSpans.message(2) { scopeSpans in
                mark(&scopeSpans, "scope spans")
                scopeSpans.message(1) { mark(&$0, "scope") }
                scopeSpans.bytes(2, Request.span(id: 0))
                scopeSpans.bytes(
                    2,
                    Request.span { span in
                        mark(&span, "span")
                        span.message(11) { mark(&$0, "event") }
                        span.message(13) { mark(&$0, "link") }
                        span.message(15) { mark(&$0, "status") }
                        span.message(9) { pair in
                            mark(&pair, "attribute")
                            pair.message(2) { mark(&$0, "value") }
                        }
                    })
            }
        }
        let batch = try SpanBatch(decoding: writer.bytes)
        #expect(batch.rejections == [.invalidSpanID: 1])
        let text = String(decoding: batch.encoded(), as: UTF8.self)
        for level in [
            "request", "resource spans", "resource", "scope spans", "scope", "span", "event", "link", "status",
            "attribute", "value",
        ] {
            #expect(text.contains("unknown in \(level)"))
        }
        #expect(batch.spans[0].needsRaw && batch.resources[0].needsRaw && batch.scopes[0].needsRaw)
    }

    @Test func aRewriteKeepsWhatWasAskedForOnly() throws {
        var traffic = AgentTraffic(seed: 9)
        let batch = try SpanBatch(decoding: traffic.request(spans: 200))
        let errors = batch.encoded { $0.isError }
        let decoded = DecodedRequest(try SpanBatch(decoding: errors))
        #expect(decoded.spans == DecodedRequest(batch).spans.filter { $0.statusCode == 2 })
        #expect(!decoded.spans.isEmpty)
        #expect(batch.encoded { _ in false }.isEmpty)
    }

    @Test func requestsLaidEndToEndAreOneRequest() throws {
        var traffic = AgentTraffic(seed: 4)
        let parts = (0..<3).map { _ in traffic.request(spans: 20) }
        let joined = DecodedRequest(try SpanBatch(decoding: Array(parts.joined())))
        #expect(try joined.resources == parts.flatMap { DecodedRequest(try SpanBatch(decoding: $0)).resources })
    }

    @Test func aNoRequestIsEmpty() throws {
        #expect(try SpanBatch(decoding: []).spans.isEmpty)
        #expect(SpanBatch.empty.encoded().isEmpty)
    }
}
