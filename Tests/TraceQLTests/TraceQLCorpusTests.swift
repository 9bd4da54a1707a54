import Foundation
import OTLP
import Testing
import TraceFixtures
import TraceQL
import TraceStorage
import Yams

@Suite struct TraceQLCorpusTests {
    struct ValidQuery: Decodable, CustomTestStringConvertible {
        var query: String
        var spans: [String]
        var testDescription: String { query }
    }

    struct InvalidQuery: Decodable, CustomTestStringConvertible {
        var query: String
        var code: String
        var error: String
        var testDescription: String { query }
    }

    static func corpus<Entry: Decodable>(_ name: String, as: Entry.Type) throws -> [Entry] {
        let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(name).yaml")
        return try YAMLDecoder().decode([Entry].self, from: String(contentsOf: url, encoding: .utf8))
    }

    /// The spans of three traces; the root of the third has not come.
    static let spans: [SpanFixture] = {
        func span(_ trace: UInt64, _ id: UInt64, _ name: String, _ service: String, ms: ClosedRange<UInt64>)
            -> SpanFixture
        {
            SpanFixture(name, service: service, id: id, parent: id == 1 ? 0 : 1).with {
                $0.traceID = TraceID(high: 0, low: trace)
                $0.start = trace * 10_000_000_000 + ms.lowerBound * 1_000_000
                $0.end = trace * 10_000_000_000 + ms.upperBound * 1_000_000
                $0.kind = 1
            }
        }
        let list = { (texts: [String]) in AnyValue.array(texts.map { .string($0) }) }
        return [
            span(1, 1, "invoke", "gateway", ms: 0...2000).with {
                $0.kind = 2
                $0.attributes = [KeyValue("http.status_code", .int(200)), KeyValue("http.status_code", .int(999))]
            },
            span(1, 2, "chat", "worker", ms: 100...400).with {
                $0.kind = 3
                $0.scope = "agents"
                $0.attributes = [KeyValue("cached", .bool(true))]
                $0.events = [
                    .init("first", time: $0.start + 1_000_000, attributes: [KeyValue("tokens", .int(7))]),
                    .init("second", time: $0.start + 2_000_000, attributes: [KeyValue("tokens", .int(9))]),
                ]
            },
            span(1, 3, "tool", "worker", ms: 500...700).with {
                ($0.status, $0.statusMessage) = (2, "boom")
                $0.attributes = [KeyValue("tags", list(["a", "b"]))]
            },
            span(2, 1, "query", "db", ms: 0...1000).with {
                ($0.kind, $0.status) = (2, 1)
                $0.attributes = [KeyValue("http.status_code", .int(500))]
            },
            span(2, 2, "tool", "db", ms: 10...210).with {
                $0.attributes = [
                    KeyValue("ratio", .double(0.25)), KeyValue("cached", .bool(false)),
                    KeyValue("key with blank", .string("v")), KeyValue("a-b+c/d:e", .int(1)),
                    KeyValue("path", .string("C:\\dir")), KeyValue("tags", list(["b", "b"])),
                    KeyValue("big", .int(.max)),
                ]
            },
            span(3, 2, "chat", "worker", ms: 0...50).with { $0.kind = 3 },
        ]
    }()

    @Test(arguments: try corpus("valid", as: ValidQuery.self))
    func aValidQuerySelectsItsSpans(_ entry: ValidQuery) throws {
        var search = TraceSearch(.query(try TraceQLQuery(entry.query)))
        search.spansPerTrace = 0
        let result = try search.run(on: ListReader(Self.spans))
        let found = result.traces.flatMap { trace in
            trace.matchedSpans.map { "\(trace.traceID.low).\($0.spanID.rawValue)" }
        }
        #expect(found.sorted() == entry.spans)
        #expect(result.isComplete)
    }

    @Test(arguments: try corpus("invalid", as: InvalidQuery.self))
    func anInvalidQueryIsRefusedWithItsPlace(_ entry: InvalidQuery) throws {
        let error = try #require(throws: TraceQLError.self) { try TraceQLQuery(entry.query) }
        #expect("\(error)" == entry.error)
        #expect(error.code.rawValue == entry.code)
    }

    @Test func cutQueriesNeverTrap() throws {
        let valid = try Self.corpus("valid", as: ValidQuery.self).map(\.query)
        let invalid = try Self.corpus("invalid", as: InvalidQuery.self).map(\.query)
        for query in valid + invalid {
            for count in 0..<query.count {
                _ = try? TraceQLQuery(String(query.prefix(count)))
                _ = try? TraceQLQuery(String(query.dropFirst(count)))
            }
        }
    }

    @Test func queriesWithTooManyPartsAreRefused() {
        for query in [
            "{ " + String(repeating: "(", count: 100_000) + " }", "{ " + String(repeating: "!", count: 60_000) + ".a }",
            "{ .a = 1" + String(repeating: " || .a = 1", count: 5_000) + " }",
            "{}" + String(repeating: "&&{}", count: 10_000), String(repeating: "(", count: 60_000),
        ] {
            #expect(throws: TraceQLError.self) { try TraceQLQuery(query) }
        }
    }
}
