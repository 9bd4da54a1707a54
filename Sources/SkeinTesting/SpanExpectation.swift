import Skein
import Tracing

/// What a test expects of one span; what is not set is not looked at.
///
/// ```swift
/// #expect(SpanExpectation(name: "chat gpt-5", kind: .client).mismatches(in: span) == [])
/// ```
public struct SpanExpectation: Sendable {
    /// The name.
    public var name: String?
    /// The kind.
    public var kind: SpanKind?
    /// Attributes that must be there with these values; others may be there too.
    public var attributes: [String: AttributeValue]
    /// What is expected of further attributes, by key.
    public var matching: [String: AttributeMatcher]
    /// The names of the events, in order.
    public var events: [String]?
    /// The number of links.
    public var linkCount: Int?
    /// The outcome.
    public var status: RecordedSpan.Status?
    /// The span that must be the parent, in the same trace.
    public var parent: RecordedSpan?
    /// The spans below, in the order in which they began; only ``SpanTree/mismatches(_:)`` looks at them.
    public var children: [SpanExpectation]?

    /// An expectation of what is given.
    public init(
        name: String? = nil, kind: SpanKind? = nil, attributes: [String: AttributeValue] = [:],
        matching: [String: AttributeMatcher] = [:], events: [String]? = nil, linkCount: Int? = nil,
        status: RecordedSpan.Status? = nil, childOf parent: RecordedSpan? = nil, children: [SpanExpectation]? = nil
    ) {
        self.name = name
        self.kind = kind
        self.attributes = attributes
        self.status = status
        self.parent = parent
        self.matching = matching
        self.events = events
        self.linkCount = linkCount
        self.children = children
    }

    /// Whether the span is as expected.
    public func matches(_ span: RecordedSpan) -> Bool { mismatches(in: span).isEmpty }

    /// One line for each difference; empty when the span is as expected.
    public func mismatches(in span: RecordedSpan) -> [String] {
        var lines: [String] = []
        func compare<Value: Equatable>(_ what: String, _ actual: Value, _ expected: Value?) {
            if let expected, expected != actual { lines.append("\(what) is \(actual), expected \(expected)") }
        }
        compare("name", span.name, name)
        if let kind { compare("kind", span.kind, .some(kind)) }
        compare("status", span.status, status)
        compare("trace id", span.traceID, parent?.traceID)
        compare("parent span id", span.parentSpanID, parent?.spanID)
        for (key, expected) in attributes.sorted(by: { $0.key < $1.key }) {
            guard let actual = span.attributes[key] else {
                lines.append("\(key) is absent, expected \(expected)")
                continue
            }
            compare(key, actual, expected)
        }
        for (key, matcher) in matching.sorted(by: { $0.key < $1.key }) where !matcher.matches(span.attributes[key]) {
            lines.append("\(key) is \(span.attributes[key].map { "\($0)" } ?? "absent"), expected \(matcher)")
        }
        compare("events", span.events.map(\.name), events)
        compare("link count", span.links.count, linkCount)
        return lines
    }
}
