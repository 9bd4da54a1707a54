import OTLP
import TraceStorage

/// Conditions, ranges and fields of every kind, for scans over odd spans.
package enum ScanCases {
    static let keys = [
        "gen_ai.request.model", "gen_ai.usage.input_tokens", "http.status", "tags", "", "nowhere", "service.name",
    ]

    static let ranges = [
        TimeRange.all,
        TimeRange(start: 1_760_000_000_000_000_000, end: 1_760_001_000_000_000_000),
        TimeRange(start: 0, end: 1),
    ]

    static let fields: [FieldReference] =
        [
            .traceID, .spanID, .parentSpanID, .name, .kind, .statusCode, .statusMessage, .startTime, .duration,
            .serviceName, .scopeName, .scopeVersion, .adjustedCount,
        ] + AttributePlace.allCases.flatMap { place in keys.prefix(4).map { .attribute(place, key: $0) } }

    package static let predicates: [SpanPredicate] = fixed + attributes + combined

    private static let fixed: [SpanPredicate] = [
        .all,
        .compare(.name, .equal, .string("chat")),
        .compare(.name, .notEqual, .string("chat")),
        .compare(.name, .matches, .string("GET /.*")),
        .compare(.name, .notMatches, .string("(chat|GET /[0-9]+)")),
        .compare(.kind, .equal, .int(2)),
        .compare(.kind, .greater, .double(2.5)),
        .compare(.statusCode, .equal, .int(2)),
        .compare(.statusMessage, .equal, .string("it broke")),
        .compare(.duration, .greaterOrEqual, .int(2_000_000_000)),
        .compare(.duration, .equal, .int(0)),
        .compare(.startTime, .less, .int(1_760_001_000_000_000_000)),
        .compare(.serviceName, .equal, .string("worker")),
        .compare(.serviceName, .notEqual, .string("worker")),
        .compare(.scopeName, .equal, .string("agents")),
        .compare(.adjustedCount, .greater, .int(1)),
        .compare(.traceID, .equal, .traceID(TraceID(high: 7, low: 2))),
        .compare(.spanID, .notEqual, .spanID(SpanID(5))),
        .exists(.parentSpanID),
        .exists(.statusMessage),
        .exists(.scopeVersion),
    ]

    private static let attributes: [SpanPredicate] = AttributePlace.allCases.flatMap { place in
        keys.flatMap { key -> [SpanPredicate] in
            let field = FieldReference.attribute(place, key: key)
            return [
                .exists(field), .compare(field, .equal, .string("gpt-x")), .compare(field, .notEqual, .string("gpt-x")),
                .compare(field, .equal, .int(200)), .compare(field, .notEqual, .double(200)),
                .compare(field, .less, .double(0.75)), .compare(field, .equal, .bool(true)),
                .compare(field, .matches, .string("id-1.*")), .compare(field, .notMatches, .string(".*x")),
                .compare(field, .equal, .bytes([0, 1])),
            ]
        }
    }

    private static let combined: [SpanPredicate] =
        keys.flatMap { key -> [SpanPredicate] in
            [.tag(key: key, text: "200"), .tag(key: key, text: "gpt-x"), .tag(key: key, text: "true")]
        } + [
            .and([.compare(.serviceName, .equal, .string("gateway")), .exists(.attribute(.span, key: "k"))]),
            .or([.compare(.name, .equal, .string("chat")), .tag(key: "k", text: "200")]),
            .not(.exists(.attribute(.any, key: "user.id"))),
            .not(.and([.compare(.kind, .equal, .int(1)), .not(.exists(.attribute(.event, key: "k")))])),
            .and([]),
            .or([]),
        ]
}
