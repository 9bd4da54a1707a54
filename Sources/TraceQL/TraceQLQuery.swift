import TraceStorage

/// A parsed and checked query.
package struct TraceQLQuery: Hashable, Sendable {
    /// Bytes of a query; a longer one is refused. Grafana's builder stays under 2 KB.
    package static let sourceBytesMax = 65_536
    /// Logical operators, negations and parentheses of a query; one with more is refused. Each may make the tree one
    /// level deeper, so the number keeps walking it within a small stack.
    package static let partsMax = 500

    package let source: String
    package let spanset: SpansetExpression

    /// Parses and checks a query.
    package init(_ source: String) throws(TraceQLError) {
        self.source = source
        guard source.utf8.count <= Self.sourceBytesMax else {
            throw TraceQLError(
                .syntax, at: 0, in: source,
                "query of \(source.utf8.count) bytes, expected at most \(Self.sourceBytesMax)")
        }
        var parser = TraceQLParser(source, try TraceQLLexer.tokens(of: source))
        spanset = try parser.query()
        try TraceQLValidator(source: source).check(spanset)
    }
}

/// Selects spans of one trace.
package indirect enum SpansetExpression: Hashable, Sendable {
    /// The spans for which the expression is true; all for nil.
    case filter(FieldExpression?)
    /// Both sides' spans, where both have some.
    case and(SpansetExpression, SpansetExpression)
    /// Both sides' spans, where either has some.
    case or(SpansetExpression, SpansetExpression)
}

/// An expression over one span. `at` is the offset of the part in the source that errors point to.
package indirect enum FieldExpression: Hashable, Sendable {
    case literal(TraceQLLiteral, at: Int)
    case field(TraceQLField, at: Int)
    case not(FieldExpression, at: Int)
    case and(FieldExpression, FieldExpression)
    case or(FieldExpression, FieldExpression)
    case compare(FieldExpression, ComparisonOperator, FieldExpression, at: Int)

    var offset: Int {
        switch self {
        case .literal(_, let at), .field(_, let at), .not(_, let at), .compare(_, _, _, let at): at
        case .and(let left, _), .or(let left, _): left.offset
        }
    }
}

package enum TraceQLField: Hashable, Sendable {
    case attribute(AttributePlace, key: String)
    case intrinsic(TraceQLIntrinsic)
}

/// What a span has besides attributes; raw values are the scoped spellings, or the only one.
package enum TraceQLIntrinsic: String, Hashable, Sendable, CaseIterable {
    case name = "span:name"
    case duration = "span:duration"
    case status = "span:status"
    case statusMessage = "span:statusMessage"
    case kind = "span:kind"
    case spanID = "span:id"
    case parentID = "span:parentID"
    case traceID = "trace:id"
    case traceDuration = "trace:duration"
    case rootName = "trace:rootName"
    case rootService = "trace:rootService"
    case eventName = "event:name"
    case eventTimeSinceStart = "event:timeSinceStart"
    case linkTraceID = "link:traceID"
    case linkSpanID = "link:spanID"
    case scopeName = "instrumentation:name"
    case scopeVersion = "instrumentation:version"

    private static let short: [String: TraceQLIntrinsic] = [
        "name": .name, "duration": .duration, "status": .status, "statusMessage": .statusMessage, "kind": .kind,
        "traceDuration": .traceDuration, "rootName": .rootName, "rootServiceName": .rootService,
    ]

    init?(word: String) {
        guard let found = Self.short[word] ?? Self(rawValue: word) else { return nil }
        self = found
    }

    /// Those that valid queries may name and this program cannot evaluate.
    static let unsupported: Set = [
        "parent", "nestedSetLeft", "nestedSetRight", "nestedSetParent", "span:childCount",
    ]
}

package enum TraceQLLiteral: Hashable, Sendable {
    case string(String)
    case int(Int64)
    case float(Double)
    /// Nanoseconds.
    case duration(Int64)
    case bool(Bool)
    /// `StatusCode` on the wire.
    case status(Int64)
    /// `SpanKind` on the wire.
    case kind(Int64)
    case `nil`

    init?(word: String) {
        switch word {
        case "true": self = .bool(true)
        case "false": self = .bool(false)
        case "nil": self = .nil
        case "unset": self = .status(0)
        case "ok": self = .status(1)
        case "error": self = .status(2)
        case "unspecified": self = .kind(0)
        case "internal": self = .kind(1)
        case "server": self = .kind(2)
        case "client": self = .kind(3)
        case "producer": self = .kind(4)
        case "consumer": self = .kind(5)
        case "minInt": self = .int(.min)
        case "maxInt": self = .int(.max)
        default: return nil
        }
    }
}
