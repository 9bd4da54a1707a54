import OTLP
import QueryAPI
import Testing
import TraceFixtures
import TraceStorage

@Suite struct JaegerAPITests {
    private static let second: UInt64 = 1_000_000_000

    /// Spans of some traces around two seconds before the clock's now, one trace a second.
    private static let fixtures: [SpanFixture] = {
        func span(
            _ trace: UInt64, _ id: UInt64, _ name: String, _ service: String, parent: UInt64 = 0,
            _ change: (inout SpanFixture) -> Void = { _ in }
        ) -> SpanFixture {
            SpanFixture(name, service: service, id: id, parent: parent).with {
                $0.traceID = TraceID(high: 0, low: trace)
                $0.start = QueryServer.now - 100 * second + trace * second
                $0.end = $0.start + 10_000_000
                change(&$0)
            }
        }
        return [
            span(1, 1, "GET /cart", "web") { $0.attributes = [KeyValue("http.status", .int(500))] },
            span(1, 2, "query", "db", parent: 1) {
                $0.kind = 3
                $0.status = 2
                $0.end = $0.start + 250_000_000
                $0.attributes = [KeyValue("db.system", .string("pg:13")), KeyValue("cached", .bool(true))]
            },
            span(2, 3, "GET /cart", "web") { $0.resource.append(KeyValue("zone", .string("b"))) },
            span(3, 4, "POST /pay", "web") {
                $0.kind = 0
                $0.events = [.init("retry", attributes: [KeyValue("attempt", .int(2))])]
            },
            span(4, 5, "a/b", "pay/ment") { $0.kind = 5 },
        ]
    }()

    private static func store() throws -> InMemoryStore {
        let store = InMemoryStore()
        try store.append(.of(fixtures, position: 1, receivedAt: QueryServer.now))
        return store
    }

    private static func answer(_ path: String) async throws -> QueryServer.Answer {
        var answer: QueryServer.Answer?
        try await QueryServer.serving(try store()) { answer = try await $0.get(path) }
        return try #require(answer)
    }

    private static func envelope(_ data: String, total: Int = 0, errors: String = "null") -> String {
        "{\"data\":\(data),\"total\":\(total),\"limit\":0,\"offset\":0,\"errors\":\(errors)}"
    }

    // MARK: services and operations

    @Test(arguments: [
        ("/api/services", #"["db","pay/ment","web"]"#, 3),
        ("/api/services/web/operations", #"["GET /cart","POST /pay"]"#, 2),
        ("/api/services/pay%2Fment/operations", #"["a/b"]"#, 1),
        ("/api/services/pay%252Fment/operations", #"["a/b"]"#, 1),
        ("/api/services/none/operations", "[]", 0),
        (
            "/api/operations?service=web",
            #"[{"name":"GET /cart","spanKind":"server"},{"name":"POST /pay","spanKind":""}]"#, 2
        ),
        ("/api/operations?service=web&spanKind=server", #"[{"name":"GET /cart","spanKind":"server"}]"#, 1),
        ("/api/operations?service=pay%2Fment", #"[{"name":"a/b","spanKind":"consumer"}]"#, 1),
    ])
    func namesAreListed(_ path: String, _ data: String, _ total: Int) async throws {
        let answer = try await Self.answer(path)
        #expect(answer.status == 200)
        #expect(answer.text == Self.envelope(data, total: total))
    }

    @Test func anEmptyStoreHasAnEmptyListOfServices() async throws {
        try await QueryServer.serving(InMemoryStore()) { server in
            let text = try await server.get("/api/services").text
            #expect(text == Self.envelope("[]"))
        }
    }

    // MARK: errors

    @Test(arguments: [
        ("/api/operations", 400, "parameter 'service' is required"),
        ("/api/traces/00000000000000000000000000000099", 404, "trace not found"),
        ("/api/traces/0", 404, "trace not found"),
        (
            "/api/traces/xyz", 400,
            "unable to parse param 'traceID': 'xyz' is no trace id, expected up to 32 hexadecimal digits"
        ),
        (
            "/api/traces/1?start=x", 400,
            #"unable to parse param 'start': strconv.ParseInt: parsing \"x\": invalid syntax"#
        ),
        (
            "/api/traces?service=web&start=1.5", 400,
            #"unable to parse param 'start': strconv.ParseInt: parsing \"1.5\": invalid syntax"#
        ),
        (
            "/api/traces?service=web&end=now", 400,
            #"unable to parse param 'end': strconv.ParseInt: parsing \"now\": invalid syntax"#
        ),
        (
            "/api/traces?service=web&limit=many", 400,
            #"unable to parse param 'limit': strconv.ParseInt: parsing \"many\": invalid syntax"#
        ),
        ("/api/traces?limit=0", 400, "unable to parse param 'limit': 0 is out of range, expected 1 to 1500"),
        ("/api/traces?limit=1501", 400, "unable to parse param 'limit': 1501 is out of range, expected 1 to 1500"),
        ("/api/traces?minDuration=5", 400, #"unable to parse param 'minDuration': time: invalid duration \"5\""#),
        ("/api/traces?maxDuration=x", 400, #"unable to parse param 'maxDuration': time: invalid duration \"x\""#),
        ("/api/traces?minDuration=2s&maxDuration=1s", 400, "'maxDuration' should be greater than 'minDuration'"),
        ("/api/traces?tag=key", 400, "malformed 'tag' parameter, expecting key:value, received: key"),
        (
            "/api/traces?tags=%7B%22a%22:1%7D", 400,
            "malformed 'tags' parameter, cannot unmarshal JSON: expected a string at byte 5"
        ),
        (
            "/api/traces?traceID=1&traceID=no", 400,
            "cannot parse traceID param: 'no' is no trace id, expected up to 32 hexadecimal digits"
        ),
        (
            "/api/dependencies?endTs=x", 400,
            #"unable to parse param 'endTs': strconv.ParseInt: parsing \"x\": invalid syntax"#
        ),
    ])
    func mistakesAreNamed(_ path: String, _ status: Int, _ message: String) async throws {
        let answer = try await Self.answer(path)
        #expect(answer.status == status)
        #expect(answer.headers["Content-Type"] == ["text/plain; charset=utf-8"])
        #expect(answer.text == Self.envelope("null", errors: "[{\"code\":\(status),\"msg\":\"\(message)\"}]") + "\n")
    }

    // MARK: search

    private static let service = #"{"key":"service.name"#

    @Test(arguments: [
        ("service=web", [3, 2, 1]),
        ("", [4, 3, 2, 1]),
        ("service=db", [1]),
        ("service=web&operation=GET+/cart", [2, 1]),
        ("operation=query", [1]),
        ("service=none", []),
        ("service=web&limit=2", [3, 2]),
        // One span has to meet all conditions.
        ("service=web&operation=query", []),
        ("service=web&tag=db.system:pg:13", []),
        ("service=db&tag=db.system:pg:13", [1]),
        ("service=db&tag=db.system:pg", []),
        ("minDuration=200ms", [1]),
        ("service=web&minDuration=200ms", []),
        ("maxDuration=10ms", [4, 3, 2, 1]),
        ("minDuration=10ms&maxDuration=10000us", [4, 3, 2, 1]),
        ("maxDuration=9.9ms", []),
        ("tag=http.status:500", [1]),
        ("tag=cached:true", [1]),
        ("tag=cached:true&tag=db.system:pg:13", [1]),
        ("tag=cached:true&tag=http.status:500", []),
        ("tag=zone:b", [2]),
        ("tag=attempt:2", [3]),
        ("tag=error:true", [1]),
        ("tag=span.kind:client", [1]),
        ("tag=otel.status_code:ERROR", [1]),
        (#"tags=%7B%22cached%22%3A%22true%22%2C%22error%22%3A%22true%22%7D"#, [1]),
        (#"tags=%7B%7D"#, [4, 3, 2, 1]),
        ("start=1767225502000000&end=1767225503000000", [3, 2]),
        ("start=1767225503000001", [4]),
        ("end=1767225501999999", [1]),
        ("start=-5&lookback=1h", [4, 3, 2, 1]),
        ("traceID=2&traceID=1&service=none", [2, 1]),
    ])
    func tracesAreFound(_ query: String, _ expected: [Int]) async throws {
        let answer = try await Self.answer("/api/traces?\(query)")
        #expect(answer.status == 200)
        let ids = answer.text.split(separator: "{\"traceID\":\"").dropFirst()
            .filter { $0.dropFirst(16).hasPrefix("\",\"spans\"") }.compactMap { Int($0.prefix(16)) }
        #expect(ids == expected)
    }

    @Test func wholeTracesAreAnswered() async throws {
        let text = try await Self.answer("/api/traces?service=db").text
        #expect(text.contains("\"operationName\":\"GET /cart\"") && text.contains("\"operationName\":\"query\""))
    }

    @Test func tracesThatAreMissingAreNamed() async throws {
        let answer = try await Self.answer("/api/traces?traceID=99&traceID=4")
        #expect(answer.status == 200)
        #expect(answer.text.hasSuffix(#""errors":[{"msg":"trace not found","traceID":"0000000000000099"}]}"#))
        #expect(answer.text.contains("\"operationName\":\"a/b\""))
    }

    @Test(arguments: [
        "1", "0001", "0000000000000001", "00000000000000000000000000000001", "AAAAAAAAAAE=", "AAAAAAAAAAAAAAAAAAAAAQ",
        "AAAAAAAAAAAAAAAAAAAAAQ%3D%3D",
    ]) func idsAreReadInAllForms(_ id: String) async throws {
        let text = try await Self.answer("/api/traces/\(id)").text
        #expect(text.hasPrefix(#"{"data":[{"traceID":"0000000000000001","spans":[{"#))
    }

    // MARK: the rest

    @Test func answersAreIndentedWhenAskedFor() async throws {
        let expected = """
            {
                "data": [
                    "a/b"
                ],
                "total": 1,
                "limit": 0,
                "offset": 0,
                "errors": null
            }
            """
        let path = "/api/services/pay%2Fment/operations?prettyPrint="
        #expect(try await Self.answer(path + "true").text == expected)
        #expect(try await Self.answer(path + "false").text == compact(expected))
        #expect(try await Self.answer("/api/services/none/operations?prettyPrint=1").text.contains("\"data\": [],\n"))
    }

    @Test(arguments: [
        ("", #"[{"parent":"web","child":"db","callCount":1}]"#),
        ("?service=web", #"[{"parent":"web","child":"db","callCount":1}]"#),
        ("?service=pay", "[]"),
        ("?endTs=1767225500000&lookback=1000", "[]"),
    ])
    func callsBetweenServicesAreCounted(_ query: String, _ data: String) async throws {
        #expect(try await Self.answer("/api/dependencies\(query)").text == Self.envelope(data))
    }

    @Test func aTraceTooLargeToShowIsRefused() async throws {
        var configuration = QueryConfiguration()
        configuration.maxSpansPerTrace = 1
        try await QueryServer.serving(try Self.store(), configuration: configuration) { server in
            let large = try await server.get("/api/traces/1").status
            let small = try await server.get("/api/traces/2").status
            #expect(large == 413 && small == 200)
        }
    }
}
