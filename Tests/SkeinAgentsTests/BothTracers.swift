import Skein
import SkeinTesting
import Testing
import Tracing

/// Does the same work on Skein's tracer and on a plain one, and checks that their spans say the same.
///
/// - Returns: Skein's, in the order in which they ended.
func spansOnBothTracers(_ work: (any Tracer) async throws -> Void) async rethrows -> [RecordedSpan] {
    let exporter = InMemorySpanExporter()
    try await work(exporter.tracer())
    let plain = PlainTracer()
    try await work(plain)
    #expect(plain.spans.map(\.operationName) == exporter.spans.map(\.name))
    for (other, own) in zip(plain.spans, exporter.spans) {
        #expect(other.endCount == 1)
        #expect(other.kind == own.kind)
        #expect(other.linkCount == own.links.count)
        #expect(Set(other.attributeKeys) == Set(own.attributes.keys), "\(own.name)")
        for (key, value) in own.attributes { #expect(other.attributes.get(key) == value.plain, "\(own.name) \(key)") }
        let events = own.events.filter { $0.name != "exception" }
        #expect(other.events.map(\.name) == events.map(\.name))
        for (event, expected) in zip(other.events, events) {
            for (key, value) in expected.attributes { #expect(event.attributes.get(key) == value.plain, "\(key)") }
        }
        if case .error = own.status { #expect(other.status?.code == .error) } else { #expect(other.status == nil) }
    }
    return exporter.spans
}

extension [RecordedSpan] {
    /// The only span with that name.
    func only(_ name: String) throws -> RecordedSpan {
        let found = filter { $0.name == name }
        #expect(found.count == 1, "\(name) among \(map(\.name))")
        return try #require(found.first)
    }
}

extension AttributeValue {
    fileprivate var plain: SpanAttribute {
        switch self {
        case .string(let text): .string(text)
        case .int(let number): .int64(number)
        case .double(let number): .double(number)
        case .bool(let flag): .bool(flag)
        case .array(let values):
            .stringArray(values.compactMap { if case .string(let text) = $0 { text } else { nil } })
        }
    }
}
