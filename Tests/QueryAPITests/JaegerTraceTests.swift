import Testing

/// The classic trace JSON, as documents written by hand beside the spans they are made of.
@Suite struct JaegerTraceTests {
    static let checkout = """
        {"resourceSpans": [{
          "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "shop"}},
            {"key": "host.name", "value": {"stringValue": "h1"}},
            {"key": "deployment.id", "value": {"intValue": "7"}}]},
          "scopeSpans": [{
            "scope": {"name": "lib", "version": "1.2", "attributes": [{"key": "x", "value": {"boolValue": true}}]},
            "spans": [
              {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "00f067aa0ba902b7", "name": "checkout",
               "kind": 2, "traceState": "a=b", "startTimeUnixNano": "1767225590000001999",
               "endTimeUnixNano": "1767225590001003998",
               "attributes": [
                 {"key": "zeta", "value": {"stringValue": "last"}},
                 {"key": "count", "value": {"intValue": "9007199254740991"}},
                 {"key": "big", "value": {"intValue": "9007199254740992"}},
                 {"key": "low", "value": {"intValue": "-9223372036854775808"}},
                 {"key": "ratio", "value": {"doubleValue": 0.5}},
                 {"key": "flag", "value": {"boolValue": false}},
                 {"key": "blob", "value": {"bytesValue": "AAH/"}},
                 {"key": "list", "value": {"arrayValue": {"values": [
                   {"stringValue": "a\\"b"}, {"intValue": "1"}, {"boolValue": true}, {"doubleValue": 1.5}]}}},
                 {"key": "map", "value": {"kvlistValue": {"values": [
                   {"key": "b", "value": {"stringValue": "x"}}, {"key": "a", "value": {"arrayValue": {}}}]}}},
                 {"key": "none"}],
               "events": [
                 {"timeUnixNano": "1767225590000500999", "name": "second", "attributes": [
                   {"key": "n", "value": {"intValue": "2"}}]},
                 {"timeUnixNano": "1767225590000400000", "name": "first"},
                 {"timeUnixNano": "1767225590000600000", "name": "named", "attributes": [
                   {"key": "event", "value": {"stringValue": "own"}}]}],
               "links": [
                 {"traceId": "0000000000000000000000000000000a", "spanId": "000000000000000b"},
                 {"traceId": "00000000000000000000000000000009", "spanId": "000000000000000c", "attributes": [
                   {"key": "opentracing.ref_type", "value": {"stringValue": "child_of"}}]}],
               "status": {"code": 2, "message": "no stock"}}]}]},
          {"scopeSpans": [{"spans": [
              {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "00f067aa0ba902b8",
               "parentSpanId": "00f067aa0ba902b7", "name": "reserve", "kind": 3,
               "startTimeUnixNano": "1767225590000002000", "endTimeUnixNano": "1767225590000001000",
               "links": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "00f067aa0ba902b7"}],
               "status": {"code": 1}}]}]},
          {"resource": {"attributes": [{"key": "zone", "value": {"stringValue": "z"}}]},
           "scopeSpans": [{"spans": [
              {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "00f067aa0ba902b9",
               "parentSpanId": "00f067aa0ba902b8", "name": "bare", "startTimeUnixNano": "1767225590000002000",
               "endTimeUnixNano": "1767225590000003000"}]}]}]}
        """

    @Test func everyPartOfASpanHasItsPlace() async throws {
        let expected = """
            {"data": [{
              "traceID": "0af7651916cd43dd8448eb211c80319c",
              "spans": [
                {"traceID": "0af7651916cd43dd8448eb211c80319c", "spanID": "00f067aa0ba902b7",
                 "operationName": "checkout",
                 "references": [
                   {"refType": "CHILD_OF", "traceID": "0000000000000009", "spanID": "000000000000000c"},
                   {"refType": "FOLLOWS_FROM", "traceID": "000000000000000a", "spanID": "000000000000000b"}],
                 "startTime": 1767225590000001, "duration": 1001,
                 "tags": [
                   {"key": "otel.scope.name", "type": "string", "value": "lib"},
                   {"key": "otel.scope.version", "type": "string", "value": "1.2"},
                   {"key": "big", "type": "int64", "value": "9007199254740992"},
                   {"key": "blob", "type": "binary", "value": "AAH/"},
                   {"key": "count", "type": "int64", "value": 9007199254740991},
                   {"key": "flag", "type": "bool", "value": false},
                   {"key": "list", "type": "string", "value": "[\\"a\\\\\\"b\\",1,true,1.5]"},
                   {"key": "low", "type": "int64", "value": "-9223372036854775808"},
                   {"key": "map", "type": "string", "value": "{\\"a\\":[],\\"b\\":\\"x\\"}"},
                   {"key": "none", "type": "string", "value": ""},
                   {"key": "ratio", "type": "float64", "value": 0.5},
                   {"key": "zeta", "type": "string", "value": "last"},
                   {"key": "span.kind", "type": "string", "value": "server"},
                   {"key": "otel.status_code", "type": "string", "value": "ERROR"},
                   {"key": "error", "type": "bool", "value": true},
                   {"key": "otel.status_description", "type": "string", "value": "no stock"},
                   {"key": "w3c.tracestate", "type": "string", "value": "a=b"}],
                 "logs": [
                   {"timestamp": 1767225590000400, "fields": [
                     {"key": "event", "type": "string", "value": "first"}]},
                   {"timestamp": 1767225590000500, "fields": [
                     {"key": "event", "type": "string", "value": "second"},
                     {"key": "n", "type": "int64", "value": 2}]},
                   {"timestamp": 1767225590000600, "fields": [
                     {"key": "event", "type": "string", "value": "own"}]}],
                 "processID": "p1", "warnings": null},
                {"traceID": "0af7651916cd43dd8448eb211c80319c", "spanID": "00f067aa0ba902b8",
                 "operationName": "reserve",
                 "references": [{"refType": "FOLLOWS_FROM", "traceID": "0af7651916cd43dd8448eb211c80319c",
                   "spanID": "00f067aa0ba902b7"}],
                 "startTime": 1767225590000002, "duration": 0,
                 "tags": [
                   {"key": "span.kind", "type": "string", "value": "client"},
                   {"key": "otel.status_code", "type": "string", "value": "OK"}],
                 "logs": [], "processID": "p2", "warnings": null},
                {"traceID": "0af7651916cd43dd8448eb211c80319c", "spanID": "00f067aa0ba902b9",
                 "operationName": "bare",
                 "references": [{"refType": "CHILD_OF", "traceID": "0af7651916cd43dd8448eb211c80319c",
                   "spanID": "00f067aa0ba902b8"}],
                 "startTime": 1767225590000002, "duration": 1, "tags": [], "logs": [],
                 "processID": "p3", "warnings": null}],
              "processes": {
                "p1": {"serviceName": "shop", "tags": [
                  {"key": "deployment.id", "type": "int64", "value": 7},
                  {"key": "host.name", "type": "string", "value": "h1"}]},
                "p2": {"serviceName": "OTLPResourceNoServiceName", "tags": []},
                "p3": {"serviceName": "", "tags": [{"key": "zone", "type": "string", "value": "z"}]}},
              "warnings": null}],
             "total": 0, "limit": 0, "offset": 0, "errors": null}
            """
        try await QueryServer.serving(json: Self.checkout) { server in
            let answer = try await server.get("/api/traces/0af7651916cd43dd8448eb211c80319c")
            #expect(answer.status == 200)
            #expect(answer.headers["Content-Type"] == ["application/json"])
            #expect(answer.text == compact(expected))
        }
    }

    @Test func rawTracesKeepTheirOrder() async throws {
        try await QueryServer.serving(json: Self.checkout) { server in
            let text = try await server.get("/api/traces/0af7651916cd43dd8448eb211c80319c?raw=true").text
            let keys = ["zeta", "count", "big", "low", "ratio", "flag", "blob", "list", "map", "none", "span.kind"]
            let places = keys.map { text.firstRange(of: "\"key\":\"\($0)\"")!.lowerBound }
            #expect(places == places.sorted())
            let events = ["second", "first", "own"].map { text.firstRange(of: "\"value\":\"\($0)\"")!.lowerBound }
            #expect(events == events.sorted())
        }
    }

    private static func trace(resource: String = "", _ spans: String) -> String {
        """
        {"resourceSpans": [{"resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "s"}}\(resource)]},
          "scopeSpans": [{"spans": [\(spans)]}]}]}
        """
    }

    private static func span(_ id: String, parent: String = "", kind: Int = 1, _ more: String = "") -> String {
        """
        {"traceId": "00000000000000000000000000000abc", "spanId": "\(id)", "parentSpanId": "\(parent)", "name": "n",
         "kind": \(kind), "startTimeUnixNano": "1000000", "endTimeUnixNano": "2000000"\(more)}
        """
    }

    /// The documents of the spans in the answer's only trace.
    private static func spans(_ trace: String, query: String = "") async throws -> [Substring] {
        var result: [Substring] = []
        try await QueryServer.serving(json: trace) { server in
            let text = try await server.get("/api/traces/abc\(query)").text
            result = text.split(separator: "{\"traceID\":\"0000000000000abc\",\"spanID\":\"").dropFirst().map { $0 }
            // References begin with their type, so that only spans were split.
        }
        return result
    }

    @Test func aServerThatSharesItsClientsIDGetsItsOwn() async throws {
        let trace = Self.trace(
            [
                Self.span("00000000000000a0", kind: 3), Self.span("00000000000000a0", kind: 2),
                Self.span("00000000000000a1", parent: "00000000000000a0"),
            ].joined(separator: ","))
        let spans = try await Self.spans(trace)
        try #require(spans.count == 3)
        #expect(spans[0].hasPrefix("00000000000000a0\"") && spans[0].contains("\"references\":[]"))
        #expect(spans[1].hasPrefix("0000000000000001\"") && spans[1].contains("\"spanID\":\"00000000000000a0\"}]"))
        #expect(spans[2].hasPrefix("00000000000000a1\"") && spans[2].contains("\"spanID\":\"0000000000000001\"}]"))
        let raw = try await Self.spans(trace, query: "?raw=true")
        #expect(raw[1].hasPrefix("00000000000000a0\"") && raw[2].contains("\"spanID\":\"00000000000000a0\"}]"))
    }

    @Test func whatDescribesTheSDKMovesToTheProcess() async throws {
        let sdk = """
            , "attributes": [{"key": "telemetry.sdk.language", "value": {"stringValue": "swift"}},
              {"key": "telemetry.sdk.name", "value": {"stringValue": "other"}}]
            """
        let trace = Self.trace(
            resource: #", {"key": "telemetry.sdk.name", "value": {"stringValue": "skein"}}"#,
            Self.span("00000000000000a0", sdk))
        let span = try #require(try await Self.spans(trace).first)
        #expect(span.contains(#""tags":[{"key":"telemetry.sdk.name","type":"string","value":"other"},"#))
        #expect(span.contains(#""warnings":["span and process differ in telemetry.sdk.name"]"#))
        #expect(
            span.contains(
                #""p1":{"serviceName":"s","tags":[{"key":"telemetry.sdk.language","type":"string","value":"swift"},"#
                    + #"{"key":"telemetry.sdk.name","type":"string","value":"skein"}]}"#))
    }

    @Test func warningsInsideASpanAreShownAsSuch() async throws {
        let warnings = """
            , "attributes": [{"key": "@jaeger@warnings", "value": {"arrayValue": {"values": [
              {"stringValue": "clock"}]}}}], "links": [{"traceId": "0000", "spanId": "00000000000000a0"}]
            """
        let trace = Self.trace(Self.span("00000000000000a0", warnings))
        let span = try #require(try await Self.spans(trace).first)
        #expect(span.contains(#""references":[]"#))
        #expect(span.contains(#""warnings":["clock","a link without a trace id was left out"]"#))
        let raw = try #require(try await Self.spans(trace, query: "?raw=true").first)
        #expect(raw.contains(#""warnings":["clock"]"#))
    }

    @Test func addressesSentAsNumbersAreDotted() async throws {
        let address = #", "attributes": [{"key": "peer.ipv4", "value": {"intValue": "3232235777"}}]"#
        let span = try #require(try await Self.spans(Self.trace(Self.span("00000000000000a0", address))).first)
        #expect(span.contains(#"{"key":"peer.ipv4","type":"string","value":"192.168.1.1"}"#))
    }
}
