import OTLP
import Skein
import SkeinTesting
import Synchronization
import Testing
import Tracing

@Suite struct SkeinSpanTests {
    private let exporter = InMemorySpanExporter()

    private struct Instant: TracerInstant {
        let nanosecondsSinceEpoch: UInt64
        static func < (a: Instant, b: Instant) -> Bool { a.nanosecondsSinceEpoch < b.nanosecondsSinceEpoch }
    }

    private func only() throws -> RecordedSpan {
        #expect(exporter.spans.count == 1)
        return try #require(exporter.spans.first)
    }

    @Test func everyTypeOfAttributeArrivesAsSet() throws {
        let span = exporter.tracer().startSpan("types", context: .topLevel)
        span.record("string", "é" + String(repeating: "x", count: 300))
        span.record("empty", "")
        span.record("int", Int64.min)
        span.record("max", Int.max)
        span.record("double", -0.5)
        span.record("true", true)
        span.record("false", false)
        span.record("strings", ["a", "", "ccc"])
        span.record("ints", [Int64(-1), 0, 300])
        span.record("doubles", [1.5, .infinity])
        span.record("bools", [true, false])
        span.record("none", [String]())
        span.record(HTTPAttributes.httpResponseStatusCode, 200)
        span.end()
        #expect(
            try only().attributes == [
                "string": .string("é" + String(repeating: "x", count: 300)), "empty": .string(""),
                "int": .int(.min), "max": .int(.max), "double": .double(-0.5), "true": .bool(true),
                "false": .bool(false), "strings": .array([.string("a"), .string(""), .string("ccc")]),
                "ints": .array([.int(-1), .int(0), .int(300)]), "doubles": .array([.double(1.5), .double(.infinity)]),
                "bools": .array([.bool(true), .bool(false)]), "none": .array([]),
                "http.response.status_code": .int(200),
            ])
    }

    @Test func dictionaryAttributesArriveTheSame() throws {
        let span: any Tracing.Span = exporter.tracer().startSpan("types", context: .topLevel)
        span.attributes["string"] = "a"
        span.attributes["int"] = 7
        span.attributes["int32"] = SpanAttribute.int32(-7)
        span.attributes["double"] = 1.5
        span.attributes["bool"] = true
        span.attributes["strings"] = ["a", "b"]
        span.attributes["doubles"] = [1.0, 2.0]
        span.attributes["bools"] = SpanAttribute.boolArray([true])
        span.attributes["ints"] = SpanAttribute.int32Array([1, 2])
        span.attributes["convertible"] = SpanAttribute.stringConvertible(SpanID(1))
        span.attributes["convertibles"] = SpanAttribute.stringConvertibleArray([SpanID(1)])
        span.updateAttributes { $0["updated"] = 1 }
        span.end()
        #expect(
            try only().attributes == [
                "string": .string("a"), "int": .int(7), "int32": .int(-7), "double": .double(1.5), "bool": .bool(true),
                "strings": .array([.string("a"), .string("b")]), "doubles": .array([.double(1), .double(2)]),
                "bools": .array([.bool(true)]), "ints": .array([.int(1), .int(2)]),
                "convertible": .string("0000000000000001"), "convertibles": .array([.string("0000000000000001")]),
                "updated": .int(1),
            ])
    }

    @Test func keySetTwiceKeepsItsLastValueOnce() throws {
        let span = exporter.tracer().startSpan("twice", context: .topLevel)
        for number in 0..<100 {
            span.record("counter", number)
            span.record("key", number % 2 == 0)
            span.attributes["text"] = "\(number)"
            span.addEvent(SpanEvent(name: "e"))
        }
        span.end()
        let recorded = try only()
        #expect(recorded.attributeKeys.sorted() == ["counter", "key", "text"])
        #expect(recorded.attributes == ["counter": .int(99), "key": .bool(false), "text": .string("99")])
        #expect(recorded.events.count == 100)
    }

    @Test func attributesCanBeReadRemovedAndReplaced() throws {
        let span = exporter.tracer().startSpan("read", context: .topLevel)
        span.record("a", 1)
        span.record("list", ["x"])
        #expect(span.attributes.get("a") == .int64(1))
        #expect(span.attributes.get("list") == .stringArray(["x"]))
        span.updateAttributes { $0["a"] = SpanAttribute?.none }
        #expect(span.attributes.get("a") == nil)
        span.attributes = ["b": 2]
        #expect(span.attributes == ["b": 2])
        span.end()
        #expect(try only().attributes == ["b": .int(2)])
    }

    @Test func identityTimeNameAndKindArrive() throws {
        let tracer = exporter.tracer()
        let kinds: [SpanKind] = [.internal, .server, .client, .producer, .consumer]
        for kind in kinds {
            let span = tracer.startSpan(
                "before", context: .topLevel, ofKind: kind, at: Instant(nanosecondsSinceEpoch: 1_000))
            span.operationName = "after"
            span.end(at: Instant(nanosecondsSinceEpoch: 2_000))
            let recorded = try #require(exporter.spans.last)
            #expect(recorded.name == "after" && recorded.kind == kind)
            #expect(recorded.startNanoseconds == 1_000 && recorded.endNanoseconds == 2_000)
            #expect(recorded.traceID == span.spanContext?.traceID && recorded.spanID == span.spanContext?.spanID)
            #expect(recorded.flags == 0x103)
        }
    }

    @Test func endBeforeStartCountsAsTheStart() throws {
        let span = exporter.tracer().startSpan(
            "back", context: .topLevel, at: Instant(nanosecondsSinceEpoch: 5_000))
        span.end(at: Instant(nanosecondsSinceEpoch: 1))
        #expect(try only().endNanoseconds == 5_000)
    }

    @Test func childrenNameTheirParent() throws {
        let tracer = exporter.tracer()
        var remote = ServiceContext.topLevel
        tracer.extract(
            ["traceparent": TraceContextTests.valid, "tracestate": "a=1"], into: &remote, using: HeaderExtractor())
        tracer.withSpan("outer", context: remote) { _ in
            tracer.withSpan("inner") { _ in }
        }
        let (inner, outer) = (exporter.spans[0], exporter.spans[1])
        #expect(outer.parentSpanID.hex == TraceContextTests.spanID && outer.traceID.hex == TraceContextTests.traceID)
        #expect(outer.flags == 0x301 && outer.traceState == "a=1")
        #expect(SpanExpectation(name: "inner", kind: .internal, childOf: outer).mismatches(in: inner) == [])
        #expect(inner.flags == 0x101 && inner.traceState == "a=1")
    }

    @Test func errorBecomesAnEventAndTheStatus() throws {
        struct Broken: Error, CustomStringConvertible { var description: String { "it broke" } }
        #expect(throws: Broken.self) {
            try exporter.tracer().withSpan("fails") { _ in throw Broken() }
        }
        let span = try only()
        #expect(span.status == .error(""))
        let event = try #require(span.events.first)
        #expect(event.name == "exception")
        #expect(event.attributes["exception.message"] == .string("it broke"))
        guard case .string(let type) = event.attributes["exception.type"] else {
            Issue.record("no exception.type")
            return
        }
        #expect(type.hasSuffix("Broken"))
    }

    @Test func errorIsRecordedWithItsCallStackWhereThatIsWanted() throws {
        struct Broken: Error {}
        let tracer = exporter.tracer { $0.recordsCallStacks = true }
        let span = tracer.startSpan("stack", context: .topLevel)
        span.recordError(Broken())
        span.recordError(Broken(), attributes: ["exception.stacktrace": "mine"])
        span.end()
        let stacks = try only().events.compactMap { $0.attributes["exception.stacktrace"] }
        guard case .string(let stack)? = stacks.first else {
            Issue.record("no exception.stacktrace")
            return
        }
        // A call without a name is a place in the program, for a symbolizer.
        let program = try #require(CommandLine.arguments[0].split(separator: "/").last)
        let lines = stack.split(separator: "\n")
        #expect(lines.count > 3 && lines.contains { $0.contains("recordError") || $0.hasPrefix("\(program) + 0x") })
        #expect(stacks.last == .string("mine"))
    }

    /// What `withSpan` hands out where the tracer is the process's own.
    @Test func spanOfAnyTypeTakesValuesByType() throws {
        let recording: any Span = exporter.tracer().startSpan("any", context: .topLevel)
        for span in [recording, NoOpTracer().startAnySpan("noop")] {
            span.record("text", "a")
            span.record("number", 7)
            span.record("share", 0.5)
            span.record("flag", true)
            span.record(GenAI.requestModel, "gpt-5")
            span.record(GenAI.responseFinishReasons, ["stop"])
            span.end()
        }
        #expect(
            try only().attributes == [
                "text": .string("a"), "number": .int(7), "share": .double(0.5), "flag": .bool(true),
                "gen_ai.request.model": .string("gpt-5"), "gen_ai.response.finish_reasons": .array([.string("stop")]),
            ])
    }

    @Test func okIsFinalAndErrorsKeepTheirMessage() throws {
        let tracer = exporter.tracer()
        let first = tracer.startSpan("ok", context: .topLevel)
        first.setStatus(SpanStatus(code: .error, message: "no"))
        first.setStatus(SpanStatus(code: .ok))
        first.setStatus(SpanStatus(code: .error))
        first.end()
        let second = tracer.startSpan("error", context: .topLevel)
        second.setStatus(SpanStatus(code: .error, message: "no"))
        second.end()
        #expect(exporter.spans.map(\.status) == [.ok, .error("no")])
    }

    @Test func linksArriveAndEmptyContextsAreNoLinks() throws {
        let tracer = exporter.tracer()
        let target = tracer.startSpan("target", context: .topLevel)
        let span = tracer.startSpan("links", context: .topLevel)
        span.addLink(SpanLink(context: target.context, attributes: ["why": "handoff"]))
        span.addLink(SpanLink(context: .topLevel, attributes: [:]))
        span.end()
        let link = try #require(try only().links.first)
        #expect(try only().links.count == 1)
        #expect(link.traceID == target.spanContext?.traceID && link.spanID == target.spanContext?.spanID)
        #expect(link.attributes == ["why": .string("handoff")])
        #expect(link.flags == 0x103)
    }

    @Test func whatGoesOverALimitIsDroppedAndCounted() throws {
        let tracer = exporter.tracer { configuration in
            configuration.limits.attributeCountMax = 3
            configuration.limits.attributeValueLengthMax = 4
            configuration.limits.eventCountMax = 2
            configuration.limits.linkCountMax = 1
            configuration.limits.attributesPerEventMax = 1
            configuration.limits.attributesPerLinkMax = 0
        }
        let span = tracer.startSpan("limits", context: .topLevel)
        span.record("a", "ééééé")
        span.record("b", ["12345", "1"])
        span.attributes["c"] = "123456"
        span.record("d", 1)
        span.attributes["e"] = 1
        span.record("a", "again")
        for _ in 0..<5 {
            span.addEvent(SpanEvent(name: "e", attributes: ["x": "123456", "y": "123456"]))
            span.addLink(SpanLink(context: span.context, attributes: ["x": 1]))
        }
        span.end()
        let recorded = try only()
        #expect(
            recorded.attributes == [
                "a": .string("agai"), "b": .array([.string("1234"), .string("1")]), "c": .string("1234"),
            ])
        #expect(recorded.droppedAttributes == 2)
        #expect(recorded.events.count == 2 && recorded.droppedEvents == 3)
        #expect(recorded.events.allSatisfy { $0.attributes.count == 1 && $0.droppedAttributes == 1 })
        #expect(recorded.events.first?.attributes.values.first == .string("1234"))
        #expect(recorded.links.count == 1 && recorded.droppedLinks == 4)
        #expect(recorded.links.first?.droppedAttributes == 1)
    }

    @Test func defaultLimitIs128AttributesAndBuffersGrow() throws {
        let span = exporter.tracer().startSpan("many", context: .topLevel)
        for number in 0..<200 { span.attributes["key.\(number)"] = "\(number)\(String(repeating: "v", count: number))" }
        span.end()
        let recorded = try only()
        #expect(recorded.attributes.count == 128 && recorded.droppedAttributes == 72)
        for number in 0..<128 {
            #expect(
                recorded.attributes["key.\(number)"] == .string("\(number)\(String(repeating: "v", count: number))"))
        }
    }

    @Test func writesAfterTheEndAreIgnoredAndCounted() throws {
        let tracer = exporter.tracer()
        let span = tracer.startSpan("late", context: .topLevel)
        span.end()
        #expect(!span.isRecording)
        span.record("a", 1)
        span.attributes["b"] = 1
        span.operationName = "later"
        span.addEvent("e")
        span.setStatus(SpanStatus(code: .ok))
        span.end()
        #expect(try only().attributes.isEmpty)
        #expect(try only().name == "late")
        #expect(tracer.statistics.writesAfterEnd == 6)
        #expect(tracer.statistics.ended == 1)
    }

    @Test func fourThreadsOfFiftyAttributesOnOneSpanKeepAll() async throws {
        let tracer = exporter.tracer { $0.limits.attributeCountMax = 1000 }
        for _ in 0..<20 {
            exporter.removeAll()
            let span = tracer.startSpan("shared", context: .topLevel)
            await withTaskGroup(of: Void.self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        for number in 0..<50 { span.attributes["w\(worker).\(number)"] = number }
                    }
                }
            }
            span.end()
            #expect(try only().attributes.count == 200)
        }
    }

    /// `updateAttributes` reads all attributes and assigns all.
    @Test func updatesOfAllAttributesLoseNothingOfOtherThreads() async throws {
        let tracer = exporter.tracer { $0.limits.attributeCountMax = 1000 }
        for _ in 0..<20 {
            exporter.removeAll()
            let span = tracer.startSpan("shared", context: .topLevel)
            span.record("counter", 0)
            await onThreads(4) { worker in
                for number in 0..<50 {
                    if worker == 0 { span.record("counter", number) }
                    span.updateAttributes { $0["w\(worker).\(number)"] = number }
                }
            }
            span.end()
            #expect(try only().attributes.count == 201)
            #expect(try only().attributes["counter"] == .int(49))
        }
    }

    @Test func updatesCanRemoveAttributes() throws {
        let span = exporter.tracer().startSpan("remove", context: .topLevel)
        span.attributes["a"] = 1
        span.attributes["b"] = 2
        span.updateAttributes { $0 = ["b": 5] }
        span.end()
        #expect(try only().attributes == ["b": .int(5)])
    }

    @Test func assigningWhatWasReadBeforeAnotherWriteBringsItBack() throws {
        let span = exporter.tracer().startSpan("restore", context: .topLevel)
        span.attributes["a"] = 1
        let saved = span.attributes
        span.attributes["a"] = 2
        span.record("b", 3)
        span.attributes = saved
        span.end()
        #expect(try only().attributes == ["a": .int(1)])
    }

    /// A description is the user's code and may use the span that it is set on.
    @Test func descriptionMayUseTheSpan() throws {
        struct Curious: CustomStringConvertible, Sendable {
            let span: SkeinSpan
            var description: String { "seen with \(span.operationName)" }
        }
        let span = exporter.tracer().startSpan("self", context: .topLevel)
        span.attributes.set("who", value: .stringConvertible(Curious(span: span)))
        span.end()
        #expect(try only().attributes == ["who": .string("seen with self")])
    }

    @Test func descriptionInAnEventALinkOrAnErrorMayUseTheSpan() throws {
        struct Curious: CustomStringConvertible, Sendable {
            let span: SkeinSpan
            var description: String {
                span.record("asked", true)
                return "seen with \(span.operationName)"
            }
        }
        struct Broken: Error {}
        let tracer = exporter.tracer()
        let span = tracer.startSpan("self", context: .topLevel)
        var attributes: SpanAttributes = [:]
        attributes.set("who", value: .stringConvertible(Curious(span: span)))
        attributes.set("all", value: .stringConvertibleArray([Curious(span: span)]))
        span.addEvent(SpanEvent(name: "event", attributes: attributes))
        span.addLink(SpanLink(context: tracer.startSpan("other", context: .topLevel).context, attributes: attributes))
        span.recordError(Broken(), attributes: attributes)
        span.end()
        let recorded = try only()
        let expected: [String: AttributeValue] = [
            "who": .string("seen with self"), "all": .array([.string("seen with self")]),
        ]
        #expect(recorded.events.map { $0.attributes.filter { expected[$0.key] != nil } } == [expected, expected])
        #expect(recorded.links.map(\.attributes) == [expected])
        #expect(recorded.attributes == ["asked": .bool(true)])
    }

    @Test func errorThatComesAfterTheEndIsCounted() throws {
        struct Late: Error {}
        let tracer = exporter.tracer()
        let span = tracer.startSpan("s", context: .topLevel)
        span.end()
        span.recordError(Late())
        #expect(tracer.statistics.writesAfterEnd == 1)
    }

    @Test func writesThatRaceWithTheEndAreKeptOrCounted() async throws {
        let tracer = exporter.tracer { $0.limits.attributeCountMax = 10_000 }
        let span = tracer.startSpan("race", context: .topLevel)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for number in 0..<500 { span.attributes["w\(worker).\(number)"] = number }
                }
            }
            group.addTask { span.end() }
        }
        let kept = try only().attributes.count
        #expect(UInt64(kept) + tracer.statistics.writesAfterEnd == 2000)
    }
}
