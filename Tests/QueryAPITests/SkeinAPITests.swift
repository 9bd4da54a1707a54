import CZlib
import OTLP
import QueryAPI
import Testing
import TraceFixtures
import TraceStorage

@Suite struct SkeinAPITests {
    private static let second: UInt64 = 1_000_000_000

    /// One trace of a root with two children, and one of a single span, 100 and 50 s before the clock's now.
    private static let fixtures: [SpanFixture] = {
        let start = QueryServer.now - 100 * second
        let child = SpanFixture("chat", service: "agent", id: 2, parent: 1).with {
            $0.kind = 3
            ($0.start, $0.end) = (start + 100, start + 400)
            $0.status = 2
            $0.statusMessage = "busy"
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.usage.input_tokens", .int(10)),
                KeyValue("gen_ai.usage.output_tokens", .int(3)), KeyValue("list", .array([.int(1), .bool(true)])),
            ]
        }
        return [
            SpanFixture("plan", service: "web", id: 1).with { ($0.start, $0.end) = (start, start + 1_000) }, child,
            SpanFixture("chat", service: "agent", id: 3, parent: 1).with {
                $0.kind = 0
                ($0.start, $0.end) = (start + 500, start + 600)
                $0.attributes = [
                    KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.usage.input_tokens", .int(5)),
                ]
            },
            SpanFixture("lone", service: "web", id: 9).with {
                $0.traceID = TraceID(high: 0, low: 7)
                ($0.start, $0.end) = (QueryServer.now - 50 * second, QueryServer.now - 49 * second)
            },
        ]
    }()

    private static func answer(
        _ path: String, headers: [(String, String)] = []
    ) async throws -> QueryServer.Answer {
        let store = InMemoryStore()
        try store.append(.of(fixtures, position: 1, receivedAt: QueryServer.now - 200 * second))
        var answer: QueryServer.Answer?
        try await QueryServer.serving(store) { answer = try await $0.get("/api/skein/v1\(path)", headers: headers) }
        return try #require(answer)
    }

    // MARK: traces

    @Test func aTraceShowsComputedAndReportedCostWithoutExponents() async throws {
        let store = InMemoryStore()
        let span = SpanFixture("chat", id: 1).with {
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")),
                KeyValue("gen_ai.provider.name", .string("anthropic")),
                KeyValue("gen_ai.request.model", .string("claude-sonnet-4-5")),
                KeyValue("gen_ai.usage.input_tokens", .int(4)), KeyValue("gen_ai.usage.output_tokens", .int(0)),
                KeyValue("operation.cost", .double(6e-5)),
            ]
        }
        try store.append(.of([span], position: 1, receivedAt: QueryServer.now))
        try await QueryServer.serving(store) { server in
            let answer = try await server.get("/api/skein/v1/traces/\(span.traceID.hex)")
            let cost =
                #""costUSD":0.000012,"costSource":"computed","computedCostUSD":0.000012,"reportedCostUSD":0.00006"#
            #expect(answer.text.split(separator: cost, omittingEmptySubsequences: false).count == 3, "\(answer.text)")
        }
    }

    @Test func aTraceIsATreeWithTimesTokensAndCost() async throws {
        let expected = """
            {"traceID": "00000000000000010000000000000001",
             "summary": {"rootServiceName": "web", "rootTraceName": "plan",
               "startTimeUnixNano": "1767225500000000000", "durationNs": 1000, "spanCount": 3, "errorCount": 1,
               "services": [{"name": "agent", "spanCount": 2, "errorCount": 1},
                            {"name": "web", "spanCount": 1, "errorCount": 0}],
               "tokens": {"inputTokens": 15, "outputTokens": 3}, "costUSD": 0, "costSource": "unknown"},
             "spans": [
               {"spanID": "0000000000000001", "depth": 0, "service": "web", "operation": "plan", "kind": "server",
                "status": "unset", "startTimeUnixNano": "1767225500000000000", "durationNs": 1000, "selfTimeNs": 600,
                "onCriticalPath": true, "attributes": {}, "tokens": {"inputTokens": 15, "outputTokens": 3},
                "costUSD": 0, "costSource": "unknown"},
               {"spanID": "0000000000000002", "parentSpanID": "0000000000000001", "depth": 1, "service": "agent",
                "operation": "chat", "kind": "client", "status": "error", "statusMessage": "busy",
                "startTimeUnixNano": "1767225500000000100", "durationNs": 300, "selfTimeNs": 300,
                "onCriticalPath": true,
                "attributes": {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10,
                  "gen_ai.usage.output_tokens": 3, "list": [1, true]},
                "tokens": {"inputTokens": 10, "outputTokens": 3}, "costUSD": 0, "costSource": "unknown"},
               {"spanID": "0000000000000003", "parentSpanID": "0000000000000001", "depth": 1, "service": "agent",
                "operation": "chat", "kind": "unspecified", "status": "unset",
                "startTimeUnixNano": "1767225500000000500", "durationNs": 100, "selfTimeNs": 100,
                "onCriticalPath": true,
                "attributes": {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5},
                "tokens": {"inputTokens": 5, "outputTokens": 0}, "costUSD": 0, "costSource": "unknown"}],
             "criticalPath": [
               {"spanID": "0000000000000001", "startTimeUnixNano": "1767225500000000000", "durationNs": 100},
               {"spanID": "0000000000000002", "startTimeUnixNano": "1767225500000000100", "durationNs": 300},
               {"spanID": "0000000000000001", "startTimeUnixNano": "1767225500000000400", "durationNs": 100},
               {"spanID": "0000000000000003", "startTimeUnixNano": "1767225500000000500", "durationNs": 100},
               {"spanID": "0000000000000001", "startTimeUnixNano": "1767225500000000600", "durationNs": 400}]}
            """
        let answer = try await Self.answer("/traces/10000000000000001")
        #expect(answer.status == 200)
        #expect(answer.text == compact(expected))
    }

    // MARK: RED

    @Test func rowsSayRateErrorsAndDuration() async throws {
        let answer = try await Self.answer(
            "/red?start=2025-12-31T23:58:20Z&end=1767225599999999999&by=service,operation")
        #expect(answer.status == 200)
        #expect(answer.text.hasPrefix(#"{"rows":[{"key":{"service":"agent","operation":"chat"},"count":2,"#))
        #expect(answer.text.contains(#""rate":0.02,"errors":1,"errorRate":0.5,"p50Ns":"#))
        #expect(answer.text.contains(#"{"key":{"service":"web","operation":"plan"},"count":1,"#))
        #expect(answer.text.hasSuffix(#""spans":1}],"partial":false,"truncated":false}"#))
    }

    @Test(arguments: [
        ("since=1m", #"[{"key":{"service":"web","operation":"lone"}"#, 1),
        ("since=99s&by=service", #"[{"key":{"service":"web"}"#, 1),
        ("", #"[{"key":{"service":"agent","operation":"chat"}"#, 3),
        ("by=span.gen_ai.usage.input_tokens&q=%7Bname%3D%22chat%22%7D", #"[{"key":{"span.gen_ai.usage"#, 2),
        ("q=%7Bstatus%3Derror%7D&by=status,kind", #"[{"key":{"status":"error","kind":"client"},"count":1"#, 1),
        ("since=2m&step=1m&by=kind", #"[{"key":{"kind":"server"},"count":2"#, 3),
        ("q=%7Bname%3D%22none%22%7D", "[]", 0),
    ])
    func rowsFollowTheParameters(_ query: String, _ start: String, _ rows: Int) async throws {
        let text = try await Self.answer("/red?\(query)").text
        #expect(text.hasPrefix("{\"rows\":\(start)"), "\(text)")
        #expect(text.split(separator: "{\"key\":").count - 1 == rows)
    }

    @Test func aSeriesHasAPointForEachStepWithSpans() async throws {
        let text = try await Self.answer("/red?start=1767225480000000000&step=60s&by=service").text
        #expect(
            text.contains(#""series":[{"startTimeUnixNano":"1767225480000000000","count":1,"#)
                && text.contains(#",{"startTimeUnixNano":"1767225540000000000","count":1,"#))
    }

    // MARK: search

    @Test func aSearchSummarisesTraces() async throws {
        let expected = """
            {"traces": [{"traceID": "00000000000000010000000000000001", "rootServiceName": "web",
               "rootTraceName": "plan", "startTimeUnixNano": "1767225500000000000", "durationNs": 1000,
               "spanCount": 3, "errorCount": 1, "matchedCount": 1,
               "matchedSpans": [{"spanID": "0000000000000003", "service": "agent", "operation": "chat",
                 "startTimeUnixNano": "1767225500000000500", "durationNs": 100, "error": false,
                 "attributes": {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5}}]}],
             "partial": false}
            """
        let query = "%7B+resource.service.name+%3D+%22agent%22+%26%26+duration+%3C+200ns+%7D"
        #expect(try await Self.answer("/search?q=\(query)").text == compact(expected))
    }

    @Test(arguments: [
        ("", 2), ("q=%7B%7D&limit=1", 1), ("since=60s", 1), ("end=1767225501000000000", 1),
        ("q=%7BrootName%3D%22plan%22%7D", 1), ("q=%7Bname%3D%22none%22%7D", 0),
    ])
    func searchesFollowTheParameters(_ query: String, _ traces: Int) async throws {
        let answer = try await Self.answer("/search?\(query)")
        #expect(answer.status == 200)
        #expect(answer.text.split(separator: "{\"traceID\"").count - 1 == traces, "\(answer.text)")
    }

    // MARK: errors

    @Test(arguments: [
        ("/traces/xyz", 400, "invalid_trace_id", "'xyz' is no trace id"),
        ("/traces/99", 404, "trace_not_found", "there is no trace 00000000000000000000000000000099"),
        ("/nowhere", 404, "not_found", "there is nothing at GET /api/skein/v1/nowhere"),
        ("/red?start=x", 400, "invalid_parameter", "start: 'x' is no time, expected unix nanoseconds or RFC 3339"),
        ("/red?since=1h&start=1", 400, "invalid_parameter", "start and since exclude each other"),
        ("/red?start=5&end=4", 400, "invalid_parameter", "start lies after end"),
        ("/red?since=-1h", 400, "invalid_parameter", "since: '-1h' is no duration over 0"),
        ("/red?step=0", 400, "invalid_parameter", "step: '0' is no duration over 0"),
        ("/red?by=span.", 400, "invalid_parameter", "by: 'span.' is nothing to group by"),
        ("/red?by=a,b,c,d,e,f,g,h,i", 400, "invalid_parameter", "by: 9 keys, expected at most 8"),
        ("/search?limit=0", 400, "invalid_parameter", "limit: '0' is out of range, expected 1 to 1500"),
        (
            "/red?q=%7BrootName%3D%22plan%22%7D", 400, "unsupported_query",
            "q: the query asks for more than one span can answer"
        ),
    ])
    func mistakesAreNamed(_ path: String, _ status: Int, _ code: String, _ message: String) async throws {
        let answer = try await Self.answer(path)
        #expect(answer.status == status)
        #expect(answer.text.hasPrefix("{\"error\":{\"code\":\"\(code)\",\"message\":\"\(message)\",\"hint\":"))
    }

    @Test(arguments: ["%7B", "name", "%7Bname%3D%7D"]) func aBrokenQueryIsNamedWithItsPlace(_ query: String)
        async throws
    {
        for path in ["/search", "/red"] {
            let answer = try await Self.answer("\(path)?q=\(query)")
            #expect(answer.status == 400)
            #expect(answer.text.hasPrefix(#"{"error":{"code":"invalid_query","message":"q: 1:"#))
        }
    }

    // MARK: compression

    @Test func answersAreCompressedWhereTheClientTakesIt() async throws {
        let plain = try await Self.answer("/traces/10000000000000001")
        let packed = try await Self.answer("/traces/10000000000000001", headers: [("Accept-Encoding", "gzip")])
        #expect(plain.headers["Content-Encoding"] == [])
        #expect(packed.headers["Content-Encoding"] == ["gzip"])
        #expect(packed.body.count < plain.body.count)
        #expect(Self.gunzip(packed.body, capacity: 1 << 20) == plain.body)
    }

    private static func gunzip(_ bytes: [UInt8], capacity: Int) -> [UInt8] {
        var bytes = bytes
        return [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            var stream = z_stream()
            bytes.withUnsafeMutableBufferPointer { input in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(capacity)
                inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                inflate(&stream, Z_FINISH)
                inflateEnd(&stream)
            }
            count = Int(stream.total_out)
        }
    }
}
