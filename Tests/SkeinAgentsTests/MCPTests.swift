import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

@Suite struct MCPTests {
    private func toolCall() -> MCPRequest {
        var request = MCPRequest(method: MCPAttributes.Method.callTool, toolName: "get-weather", requestID: "7")
        request.sessionID = "s1"
        request.protocolVersion = "2025-11-25"
        request.networkTransport = "pipe"
        request.serverAddress = "mcp.example.com"
        request.serverPort = 443
        return request
    }

    private static let attributes: [String: AttributeValue] = [
        "mcp.method.name": .string("tools/call"), "gen_ai.operation.name": .string("execute_tool"),
        "gen_ai.tool.name": .string("get-weather"), "jsonrpc.request.id": .string("7"),
        "mcp.session.id": .string("s1"), "mcp.protocol.version": .string("2025-11-25"),
        "network.transport": .string("pipe"), "server.address": .string("mcp.example.com"),
        "server.port": .int(443),
    ]

    @Test func clientAndServerJoinOneTraceThroughMeta() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        await withAttribution(user: "u1") {
            await withMCPRequest(toolCall(), tracer: tracer) { mcp in
                let params = mcp.addingMetadata(toParams: #"{"name":"get-weather","_meta":{"progressToken":1}}"#)
                // The server knows nothing of the client but the text.
                await ServiceContext.$current.withValue(nil) {
                    await withMCPServerRequest(
                        toolCall(), metadata: MCPMetadata.read(params: params), tracer: tracer
                    ) { _ in
                        await withTool("get-weather", tracer: tracer) { _ in }
                    }
                }
            }
        }
        let client = try #require(exporter.spans.first { $0.kind == .client })
        let server = try #require(exporter.spans.first { $0.kind == .server })
        #expect(client.name == "tools/call get-weather" && server.name == "tools/call get-weather")
        #expect(server.traceID == client.traceID && server.parentSpanID == client.spanID)
        #expect(server.links.isEmpty)
        let attributed = Self.attributes.merging(["user.id": .string("u1")]) { _, new in new }
        #expect(client.attributes == attributed && server.attributes == attributed)
        #expect(try exporter.spans.only("execute_tool get-weather").attributes["user.id"] == .string("u1"))
    }

    @Test func theTransportsSpanIsLinkedWhereTheClientIsTheParent() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        let metadata = ["traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]
        await tracer.withSpan("POST /mcp", ofKind: .server) { _ in
            await withMCPServerRequest(MCPRequest(method: "ping"), metadata: metadata, tracer: tracer) { _ in }
            await withMCPServerRequest(MCPRequest(method: "initialize"), metadata: [:], tracer: tracer) { _ in }
            await withMCPServerRequest(
                MCPRequest(method: "tools/list"), metadata: ["baggage": "user.id=u2"], tracer: tracer
            ) { _ in }
        }
        let http = try exporter.spans.only("POST /mcp")
        let linked = try exporter.spans.only("ping")
        #expect(linked.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(linked.links.map(\.spanID) == [http.spanID])
        for name in ["initialize", "tools/list"] {
            let child = try exporter.spans.only(name)
            #expect(child.parentSpanID == http.spanID && child.links.isEmpty)
        }
        #expect(try exporter.spans.only("tools/list").attributes["user.id"] == .string("u2"))
    }

    @Test func namesTakeToolAndPromptButNoResource() async throws {
        let spans = await spansOnBothTracers { tracer in
            await withMCPRequest(MCPRequest(method: "prompts/get", promptName: "review"), tracer: tracer) { _ in }
            await withMCPServerRequest(
                MCPRequest(method: "resources/read", resourceURI: "file:///a"), metadata: [:], tracer: tracer
            ) { _ in }
        }
        let prompt = try spans.only("prompts/get review")
        #expect(prompt.kind == .client)
        #expect(
            prompt.attributes == [
                "mcp.method.name": .string("prompts/get"), "gen_ai.prompt.name": .string("review"),
            ])
        let resource = try spans.only("resources/read")
        #expect(resource.kind == .server)
        #expect(
            resource.attributes == [
                "mcp.method.name": .string("resources/read"), "mcp.resource.uri": .string("file:///a"),
            ])
    }

    @Test func answersThatAreErrorsFailTheSpan() async throws {
        let spans = await spansOnBothTracers { tracer in
            await withMCPRequest(MCPRequest(method: "ping"), tracer: tracer) {
                $0.recordError(code: -32602, message: "bad params")
            }
            await withMCPRequest(MCPRequest(method: "tools/call", toolName: "t"), tracer: tracer) {
                $0.recordToolError("no such city")
            }
        }
        let rpc = try spans.only("ping")
        #expect(rpc.status == .error("bad params"))
        #expect(rpc.attributes["error.type"] == .string("-32602"))
        #expect(rpc.attributes["rpc.response.status_code"] == .string("-32602"))
        let tool = try spans.only("tools/call t")
        #expect(tool.status == .error("no such city") && tool.attributes["error.type"] == .string("tool_error"))
    }

    @Test func argumentsAndResultsAreContent() async throws {
        let exporter = InMemorySpanExporter()
        for capture in [ContentCapture.off, ContentCapture(isEnabled: true)] {
            await withContentCapture(capture) {
                await withMCPRequest(toolCall(), tracer: exporter.tracer()) { mcp in
                    mcp.recordArguments("{}")
                    mcp.recordResult("[]")
                }
            }
        }
        #expect(exporter.spans.map { $0.attributes["gen_ai.tool.call.arguments"] } == [nil, .string("{}")])
        #expect(exporter.spans.map { $0.attributes["gen_ai.tool.call.result"] } == [nil, .string("[]")])
    }

    @Test(arguments: [
        ("", #"{"_meta":{"k":"v\"1"}}"#), ("{}", #"{"_meta":{"k":"v\"1"}}"#),
        (#"{"a":1,"b":[2]}"#, #"{"a":1,"b":[2],"_meta":{"k":"v\"1"}}"#),
        (#"{"_meta":{"k":"old","x":{"y":1}},"a":"ü\n"}"#, #"{"a":"ü\n","_meta":{"x":{"y":1},"k":"v\"1"}}"#),
        (#"{"_meta":null}"#, #"{"_meta":{"k":"v\"1"}}"#),
    ])
    func metadataIsAddedToParams(_ params: String, _ expected: String) {
        #expect(MCPMetadata.write(["k": "v\"1"], params: params) == expected)
        #expect(MCPMetadata.read(params: expected) == ["k": "v\"1"])
    }

    @Test(arguments: ["[]", "{", "nonsense", "1", #"{"a":}"#, #"{} {}"#])
    func paramsThatAreNoObjectStayAsTheyAre(_ params: String) async {
        #expect(MCPMetadata.write(["k": "v"], params: params) == nil)
        #expect(MCPMetadata.read(params: params) == [:])
        await withMCPRequest(MCPRequest(method: "ping"), tracer: InMemorySpanExporter().tracer()) {
            #expect($0.addingMetadata(toParams: params) == params)
            #expect($0.metadata["traceparent"] != nil)
        }
    }
}
