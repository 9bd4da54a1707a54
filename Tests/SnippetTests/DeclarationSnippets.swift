import Logging
import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

// What the comments of the SDK's declarations show.

private func propagator(configuration: inout TracingConfiguration) {
    struct TenantPropagator: TextMapPropagator {
        let name = "tenant"

        func extract(into context: inout ServiceContext, header: (String) -> String?) {
            if let tenant = header("x-tenant") { context.tenant = tenant }
        }

        func inject(_ context: ServiceContext, setHeader: (String, String) -> Void) {
            if let tenant = context.tenant { setHeader("x-tenant", tenant) }
        }
    }

    configuration.propagators.append(.custom(TenantPropagator()))
}

private func rules() -> RuleBasedSampler {
    RuleBasedSampler(
        rules: [
            SamplingRule(name: "GET /health*", sampler: AlwaysOffSampler()),
            SamplingRule(attributes: ["tenant": "trial"], sampler: TraceIDRatioSampler(ratio: 0.01)),
        ],
        fallback: AlwaysOnSampler())
}

private func sampler(configuration: inout TracingConfiguration) {
    struct OnlyServers: Sampler {
        func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
            SamplingResult(isSampled: parameters.kind == .server, traceState: parameters.traceState)
        }
    }

    configuration.sampler = ParentBasedSampler(root: OnlyServers())
}

private func detectors(configuration: inout TracingConfiguration) {
    configuration.detectResource(with: [.host, .process])
}

private func start() async throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway")
    withSpan("answer") { span in
        span.attributes["question.length"] = 42
    }
    await telemetry.shutdown()
}

private func metadata() {
    LoggingSystem.bootstrap(StreamLogHandler.standardError, metadataProvider: .skein)
}

private func logRecords() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { $0.logs.exporters = [.otlp] }
    LoggingSystem.bootstrap { label in
        MultiplexLogHandler([StreamLogHandler.standardError(label: label), telemetry.logHandler(label: label)])
    }
}

private func eventStream(body: AsyncThrowingStream<[UInt8], any Error>, call: ModelCallSpan) async throws {
    var reader = ModelStreamReader(.anthropicMessages)
    for try await bytes in body { reader.append(bytes) }
    reader.finish()
    call.recordResponse(reader.response)
}

private func experiment() async throws {
    let tone = try Experiment("prompt-tone", variants: [("plain", 90), ("warm", 10)])
    let variant = tone.variant(for: userID)
    _ = variant
    _ = try await experimentAnswer(tone)
}

private func experimentAnswer(_ tone: Experiment) async throws -> String {
    try await withExperiment(tone, unit: userID) { variant in
        try await answer(question, isWarm: variant == "warm")
    }
}

private func attribution() async throws {
    try await withAttribution(Attribution(user: "u-17", department: "research")) {
        try await withAgent("planner") { _ in try await plan() }
    }
}

private func toolOverMCP() async throws -> String {
    let request = MCPRequest(method: MCPAttributes.Method.callTool, toolName: "get-weather", requestID: "7")
    let result = try await withMCPRequest(request) { mcp in
        try await connection.send("tools/call", params: mcp.addingMetadata(toParams: params))
    }
    return result
}

private func redaction(cardNumber: String) {
    ContentCapture.configure(
        ContentCapture(isEnabled: true) { kind, text in
            kind == .toolResult ? nil : text.replacing(cardNumber, with: "[card]")
        })
}

private func ask(_ request: ModelRequest, _ call: ModelCallSpan) async throws -> String { request.model }

private func fallback() async throws -> String {
    let requests = [
        ModelRequest(model: "gpt-5", provider: "openai"), ModelRequest(model: "opus", provider: "anthropic"),
    ]
    let answer = try await withFallback(requests) { request in
        try await withModelCall(request) { call in try await ask(request, call) }
    }
    return answer
}

private func retry() async throws -> Answer {
    let answer = try await withModelCall(request) { call in
        try await withRetry(RetryPolicy(), recordingOn: call.span) { _ in try await client.complete(prompt) }
    }
    return answer
}

private func streamedCall() async throws {
    let stream = try await withStreamedModelCall(request) { _ in try await client.stream(prompt) }
    for try await chunk in stream { show(chunk) }
}

private func describedAgent() async throws {
    try await withAgent(AgentDescription(name: "planner", provider: GenAI.Provider.openAI)) { agent in
        try await plan()
    }
}

private func modelCall() async throws -> Answer {
    let request = ModelRequest(model: "gpt-5", provider: GenAI.Provider.openAI, maxTokens: 512)
    let answer = try await withModelCall(request) { call in
        let answer = try await client.complete(prompt)
        call.recordResponse(id: answer.id, usage: TokenUsage(inputTokens: 20, outputTokens: 7))
        return answer
    }
    return answer
}

private func outline(exporter: InMemorySpanExporter) {
    #expect(
        SpanTree(exporter.spans).outline == """
            invoke_agent researcher
              chat gpt-5
              execute_tool search
            """)
}

private func matchers() -> SpanExpectation {
    SpanExpectation(
        name: "chat gpt-5",
        matching: [
            "gen_ai.response.id": .present,
            "gen_ai.usage.output_tokens": .atLeast(1),
            "gen_ai.input.messages": .absent,
        ])
}

private func expectation(of span: RecordedSpan) {
    #expect(SpanExpectation(name: "chat gpt-5", kind: .client).mismatches(in: span) == [])
}

private func keys(span: any Span) {
    span.record(GenAI.requestModel, "gpt-5")  // typed, on a span of Skein
    span.attributes[GenAI.requestModel.name] = "gpt-5"  // the same on any span
}

@Suite struct DeclarationSnippetTests {
    @Test func exporterKeepsWhatItIsShownToKeep() {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        tracer.withSpan("answer") { $0.attributes["length"] = 42 }
        #expect(exporter.spans(named: "answer").first?.attributes["length"] == .int(42))
    }
}
