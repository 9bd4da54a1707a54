import OTLP
import QueryAPI
import Testing
import TraceStorage

@Suite struct JaegerV3APITests {
    /// As the encoder writes it, so that what comes back can be compared as text.
    private static let first = """
        {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
         "scopeSpans": [{"scope": {"name": "lib"}, "spans": [
           {"traceId": "00000000000000010000000000000abc", "spanId": "00000000000000a1", "flags": 257, "name": "GET",
            "kind": 2, "startTimeUnixNano": "1767225590000001999", "endTimeUnixNano": "1767225590001003998",
            "attributes": [{"key": "z", "value": {"intValue": "1"}}, {"key": "a", "value": {"boolValue": true}}],
            "status": {"code": 2}}]}]}
        """
    private static let second = """
        {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
         "scopeSpans": [{"scope": {}, "spans": [
           {"traceId": "00000000000000000000000000000abd", "spanId": "00000000000000a2", "name": "POST",
            "startTimeUnixNano": "1767225595000000000", "endTimeUnixNano": "1767225595000000001"}]}]}
        """

    private static func answer(_ path: String) async throws -> QueryServer.Answer {
        var answer: QueryServer.Answer?
        try await QueryServer.serving(
            json: "{\"resourceSpans\": [\(first)]}", "{\"resourceSpans\": [\(second)]}"
        ) { server in
            answer = try await server.get("/api/v3\(path)")
        }
        return try #require(answer)
    }

    private static func result(_ resources: String...) -> String {
        compact("{\"result\": {\"resourceSpans\": [\(resources.joined(separator: ","))]}}")
    }

    @Test(arguments: [
        "/traces/00000000000000010000000000000abc", "/traces/10000000000000abc", "/traces/10000000000000ABC",
        "/traces/00000000000000010000000000000abc?startTime=2026-01-01T00:00:00Z&endTime=2026-01-02T00:00:00Z",
        "/traces/00000000000000010000000000000abc?start_time=2026-01-01T00:00:00+01:00&raw_traces=true",
    ])
    func aTraceComesBackAsItWasSent(_ path: String) async throws {
        let answer = try await Self.answer(path)
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == ["application/json"])
        #expect(answer.text == Self.result(Self.first))
    }

    @Test(arguments: [
        ("/services", #"{"services":["web"]}"#),
        (
            "/operations?service=web",
            #"{"operations":[{"name":"GET","spanKind":"server"},{"name":"POST","spanKind":"internal"}]}"#
        ),
        ("/operations?service=web&span_kind=server", #"{"operations":[{"name":"GET","spanKind":"server"}]}"#),
        ("/operations?service=none", #"{"operations":[]}"#),
    ])
    func namesAreListed(_ path: String, _ body: String) async throws {
        let answer = try await Self.answer(path)
        #expect(answer.status == 200)
        #expect(answer.text == body)
    }

    private static let range = "query.startTimeMin=2025-12-31T00:00:00Z&query.startTimeMax=2026-01-01T00:00:00Z"

    @Test(arguments: [
        ("", [1, 0]), ("&query.serviceName=web", [1, 0]), ("&query.service_name=web&query.searchDepth=1", [1]),
        ("&query.operationName=GET", [0]), ("&query.durationMin=1ms", [0]), ("&query.durationMax=1ms", [1]),
        (#"&query.attributes=%7B%22z%22:%221%22,%22error%22:%22true%22%7D"#, [0]),
    ])
    func tracesAreFound(_ query: String, _ expected: [Int]) async throws {
        let answer = try await Self.answer("/traces?\(Self.range)\(query)")
        #expect(answer.status == 200)
        let resources = expected.map { $0 == 0 ? Self.first : Self.second }
        #expect(answer.text == compact("{\"result\": {\"resourceSpans\": [\(resources.joined(separator: ","))]}}"))
    }

    @Test func tracesAreSummarised() async throws {
        let expected = """
            {"summaries": [
              {"traceId": "00000000000000000000000000000abd", "rootServiceName": "web", "rootOperationName": "POST",
               "minStartTimeUnixNano": "1767225595000000000", "maxEndTimeUnixNano": "1767225595000000001",
               "spanCount": 1, "services": [{"name": "web", "spanCount": 1}]},
              {"traceId": "00000000000000010000000000000abc", "rootServiceName": "web", "rootOperationName": "GET",
               "minStartTimeUnixNano": "1767225590000001999", "maxEndTimeUnixNano": "1767225590001003998",
               "spanCount": 1, "errorSpanCount": 1, "services": [{"name": "web", "spanCount": 1, "errorSpanCount": 1}]}]}
            """
        #expect(try await Self.answer("/trace-summaries?\(Self.range)").text == compact(expected))
        let none = try await Self.answer("/trace-summaries?\(Self.range)&query.serviceName=none")
        #expect(none.status == 200 && none.text == "{}")
    }

    @Test func spansWithoutTheirParentAreCounted() async throws {
        let orphan = """
            {"resourceSpans": [{"scopeSpans": [{"spans": [
              {"traceId": "00000000000000000000000000000abe", "spanId": "00000000000000a3",
               "parentSpanId": "00000000000000ff", "name": "lost", "startTimeUnixNano": "1767225595000000000",
               "endTimeUnixNano": "1767225595000000001"}]}]}]}
            """
        let expected = """
            {"summaries": [{"traceId": "00000000000000000000000000000abe",
              "minStartTimeUnixNano": "1767225595000000000", "maxEndTimeUnixNano": "1767225595000000001",
              "spanCount": 1, "orphanSpanCount": 1, "services": [{"spanCount": 1}]}]}
            """
        try await QueryServer.serving(json: orphan) { server in
            let answer = try await server.get("/api/v3/trace-summaries?\(Self.range)")
            #expect(answer.text == compact(expected))
        }
    }

    @Test func parametersMayBeInSnakeCase() async throws {
        let path =
            "/traces?query.start_time_min=2026-01-01T00:59:50%2B01:00&query.start_time_max=2026-01-01T00:59:51+01:00"
        #expect(try await Self.answer(path).text == Self.result(Self.first))
    }

    @Test(arguments: [
        ("/traces/ffff", 404, "No traces found"),
        ("/traces/0", 404, "No traces found"),
        ("/traces?\(range)&query.serviceName=none", 404, "No traces found"),
        (
            "/traces/xyz", 400,
            "malformed parameter trace_id: 'xyz' is no trace id, expected up to 32 hexadecimal digits"
        ),
        (
            "/traces/abc?startTime=yesterday", 400,
            "malformed parameter startTime: 'yesterday' is no time, expected RFC 3339"
        ),
        ("/operations", 400, "malformed parameter service: expected the name of a service"),
        ("/traces?query.serviceName=web", 400, "malformed parameter query.startTimeMin: expected a time"),
        (
            "/traces?query.startTimeMin=2026-01-01T00:00:00Z", 400,
            "malformed parameter query.startTimeMax: expected a time"
        ),
        (
            "/traces?query.startTimeMin=2026-01-02T00:00:00Z&query.startTimeMax=2026-01-01T00:00:00Z", 400,
            "malformed parameter query.startTimeMax: expected a time after query.startTimeMin"
        ),
        (
            "/traces?\(range)&query.durationMin=x", 400,
            #"malformed parameter query.durationMin: time: invalid duration \"x\""#
        ),
        (
            "/traces?\(range)&query.searchDepth=0", 400,
            "malformed parameter query.searchDepth: '0' is out of range, expected 1 to 1500"
        ),
        (
            "/traces?\(range)&query.attributes=z", 400,
            "malformed parameter query.attributes: expected an object at byte 0"
        ),
        (
            "/traces?\(range)&query.filter=%7B%7D", 400,
            "malformed parameter query.filter: filter expressions are not supported"
        ),
    ])
    func mistakesAreNamed(_ path: String, _ status: Int, _ message: String) async throws {
        let answer = try await Self.answer(path)
        #expect(answer.status == status)
        #expect(answer.headers["Content-Type"] == ["application/json"])
        #expect(answer.text == "{\"error\":{\"httpCode\":\(status),\"message\":\"\(message)\"}}")
    }
}
