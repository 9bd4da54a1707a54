import OTLP
import TraceStorage

/// Spans written for one condition each, and which of them each condition must find.
enum ConditionTable {
    static let trace = TraceID(high: 0xABCD, low: 0xEF01)

    /// A request of one service whose spans have these names and ids made of them.
    static func request(service: String, names: [String]) throws -> SpanBatch {
        try request(service: service, spans: names.map { ($0, { _ in }) })
    }

    static func request(service: String, spans: [(name: String, fill: (inout WireWriter) -> Void)]) throws -> SpanBatch
    {
        var writer = WireWriter()
        writer.message(1) { writer in
            writer.message(1) { writer in
                writer.keyValue(1, KeyValue("service.name", .string(service)))
                writer.keyValue(1, KeyValue("region", .string("eu")))
            }
            writer.message(2) { writer in
                for span in spans {
                    writer.message(2) { writer in
                        writer.traceID(1, trace)
                        writer.spanID(2, SpanID(span.name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) }))
                        writer.string(5, span.name)
                        writer.fixed64(7, 1_760_000_000_000_000_000)
                        writer.fixed64(8, 1_760_000_001_000_000_000)
                        span.fill(&writer)
                    }
                }
            }
        }
        return try SpanBatch(decoding: writer.takeBytes())
    }

    static func batches() throws -> [StoredBatch] {
        let values: [(String, AnyValue)] = [
            ("int", .int(5)), ("double", .double(5)), ("text", .string("5")), ("big", .int(9_007_199_254_740_993)),
            ("flag", .bool(true)), ("list", .array([.int(4), .int(5)])), ("fives", .array([.int(5), .int(5)])),
            ("nothing", .empty), ("words", .array([.string("ab"), .string("cd")])),
        ]
        let first = try request(
            service: "a", spans: values.map { name, value in (name, { $0.keyValue(9, KeyValue("v", value)) }) })
        let second = try request(
            service: "b",
            spans: [
                (
                    "twice",
                    { writer in
                        writer.keyValue(9, KeyValue("v", .string("first")))
                        writer.keyValue(9, KeyValue("v", .string("second")))
                    }
                ),
                (
                    "events",
                    { writer in
                        for text in ["red", "blue"] {
                            writer.message(11) { $0.keyValue(3, KeyValue("colour", .string(text))) }
                        }
                    }
                ),
                ("own region", { $0.keyValue(9, KeyValue("region", .string("us"))) }),
            ])
        return [first, second].enumerated().map { index, batch in
            StoredBatch(
                batch: batch, position: JournalPosition(UInt64(index + 1)), receivedAt: 1_760_000_002_000_000_000)
        }
    }

    private static let v = FieldReference.attribute(.span, key: "v")
    private static let colour = FieldReference.attribute(.event, key: "colour")

    static let cases: [(SpanPredicate, [String])] = [
        (.compare(v, .equal, .int(5)), ["int", "double", "list", "fives"]),
        (.compare(v, .equal, .double(5)), ["int", "double", "list", "fives"]),
        (.compare(v, .equal, .string("5")), ["text"]),
        (.compare(v, .notEqual, .int(5)), ["big"]),
        (.compare(v, .notEqual, .string("5")), ["twice", "words"]),
        (.compare(v, .equal, .double(9_007_199_254_740_992)), []),
        (.compare(v, .less, .int(5)), ["list"]),
        (.compare(v, .equal, .bool(true)), ["flag"]),
        (.compare(v, .equal, .string("first")), ["twice"]),
        (.compare(v, .equal, .string("second")), []),
        (.compare(v, .matches, .string("fir")), []),
        (.compare(v, .matches, .string("fir.*")), ["twice"]),
        (.compare(v, .matches, .string("a[bx]")), ["words"]),
        (.compare(v, .notMatches, .string("a.")), ["text", "twice"]),
        (.exists(v), ["int", "double", "text", "big", "flag", "list", "fives", "words", "twice"]),
        (.tag(key: "v", text: "5"), ["int", "double", "text", "list", "fives"]),
        (.tag(key: "v", text: "true"), ["flag"]),
        (.tag(key: "colour", text: "blue"), ["events"]),
        (.compare(colour, .equal, .string("blue")), ["events"]),
        (.compare(colour, .equal, .string("green")), []),
        (.compare(.attribute(.any, key: "region"), .equal, .string("us")), ["own region"]),
        (
            .compare(.attribute(.any, key: "region"), .equal, .string("eu")),
            ["int", "double", "text", "big", "flag", "list", "fives", "nothing", "words", "twice", "events"]
        ),
        (
            .and([.tag(key: "region", text: "eu"), .compare(.serviceName, .equal, .string("b"))]),
            ["twice", "events", "own region"]
        ),
    ]
}
