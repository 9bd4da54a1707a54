import OTLP

/// Serialized messages, by a writer that shares nothing with protobuf-c.
enum SampleBytes {
    /// One request with every field of a span, one value of each type and an unknown field, in the order in which
    /// protobuf-c packs: by field number, unknown fields last.
    static let exportRequest: [UInt8] = {
        var request = WireWriter()
        request.message(1) { resourceSpans in
            resourceSpans.message(1) { resource in
                resource.message(1) { attribute(&$0, "service.name", "planner") }
                resource.varint(2, 3)
            }
            resourceSpans.message(2) { scopeSpans in
                scopeSpans.message(1) { scope in
                    scope.string(1, "agents")
                    scope.string(2, "1.2.0")
                }
                scopeSpans.message(2) { span(&$0) }
                scopeSpans.string(3, "https://example.org/scope")
            }
            resourceSpans.string(3, "https://example.org/resource")
        }
        return request.bytes
    }()

    static let traceID = [UInt8](1...16)
    static let spanID = [UInt8](21...28)
    static let parentSpanID = [UInt8](31...38)

    private static func span(_ writer: inout WireWriter) {
        writer.bytes(1, traceID)
        writer.bytes(2, spanID)
        writer.string(3, "ot=th:8")
        writer.bytes(4, parentSpanID)
        writer.string(5, "invoke_agent planner")
        writer.varint(6, 3)
        writer.fixed64(7, 1_700_000_000_000_000_001)
        writer.fixed64(8, 1_700_000_000_123_456_789)
        attributes(&writer)
        writer.varint(10, 1)
        writer.message(11) { event in
            event.fixed64(1, 1_700_000_000_000_000_002)
            event.string(2, "exception")
            event.message(3) { attribute(&$0, "exception.type", "Timeout") }
            event.varint(4, 2)
        }
        writer.varint(12, 4)
        writer.message(13) { link in
            link.bytes(1, traceID)
            link.bytes(2, parentSpanID)
            link.string(3, "a=b")
            link.varint(5, 5)
            link.fixed32(6, 0x301)
        }
        writer.varint(14, 6)
        writer.message(15) { status in
            status.string(2, "deadline exceeded")
            status.varint(3, 2)
        }
        writer.fixed32(16, 0x101)
        writer.string(900, "a field of the future")
    }

    private static func attributes(_ writer: inout WireWriter) {
        writer.message(9) { attribute(&$0, "gen_ai.agent.name", "planner") }
        writer.message(9) { value(&$0, "truth") { $0.varint(2, 1) } }
        writer.message(9) { value(&$0, "integer") { $0.varint(3, UInt64(bitPattern: -5)) } }
        writer.message(9) { value(&$0, "double") { $0.fixed64(4, (2.5).bitPattern) } }
        writer.message(9) {
            value(&$0, "array") { $0.message(5) { $0.message(1) { $0.varint(3, 300) } } }
        }
        writer.message(9) {
            value(&$0, "map") { $0.message(6) { $0.message(1) { attribute(&$0, "inner", "value") } } }
        }
        writer.message(9) { value(&$0, "bytes") { $0.bytes(7, [0, 255, 128]) } }
        writer.message(9) { value(&$0, "empty") { _ in } }
    }

    private static func attribute(_ writer: inout WireWriter, _ key: String, _ text: String) {
        value(&writer, key) { $0.string(1, text) }
    }

    private static func value(_ writer: inout WireWriter, _ key: String, _ body: (inout WireWriter) -> Void) {
        writer.string(1, key)
        writer.message(2, body)
    }

    /// An AnyValue that lies `depth` messages deep, itself included: arrays within arrays.
    static func nestedAnyValue(depth: Int) -> [UInt8] {
        // Built from the inside out and backwards, so that it takes linear time.
        var backwards: [UInt8] = []
        for level in 1..<max(depth, 1) {
            var header = WireWriter()
            let isInAnyValue = (depth - level) % 2 == 1
            header.tag(isInAnyValue ? 5 : 1, WireType.lengthDelimited)
            header.varint(UInt64(backwards.count))
            backwards.append(contentsOf: header.bytes.reversed())
        }
        return backwards.reversed()
    }

    /// A request whose single scope holds `count` spans without any field.
    static func emptySpans(_ count: Int) -> [UInt8] {
        var request = WireWriter()
        request.message(1) { $0.message(2) { $0.raw((0..<2 * count).lazy.map { $0 % 2 == 0 ? 0x12 : 0 }) } }
        return request.bytes
    }
}
