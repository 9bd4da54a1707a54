import Logging
import ServiceLifecycle
import Skein
import SkeinAgents
import Tracing

private func start() async throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway")
    withSpan("answer") { span in
        span.attributes["question.length"] = 42
    }
    await telemetry.shutdown()
}

private func serve(server: any Service) async throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway")
    let group = ServiceGroup(
        services: [telemetry, server], gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "gateway"))
    try await group.run()
}

private func configure() async throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.otlp.endpoint = "http://collector:4318/v1/traces"
        configuration.otlp.compression = .gzip
        configuration.sampler = ParentBasedSampler(root: TraceIDRatioSampler(ratio: 0.1))
        configuration.resource["deployment.environment.name"] = .string("staging")
    }
    await telemetry.shutdown()
}

private func readme() async throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "assistant")

    let plan = try await withAgent("planner", provider: GenAI.Provider.anthropic) { _ in
        try await withModelCall(ModelRequest(model: "claude-sonnet-4-5", provider: GenAI.Provider.anthropic)) { call in
            let answer = try await models.complete(prompt)
            call.recordResponse(
                id: answer.id, finishReasons: [answer.stopReason],
                usage: TokenUsage(inputTokens: answer.inputTokens, outputTokens: answer.outputTokens))
            return answer.text
        }
    }

    await telemetry.shutdown()  // or hand `telemetry` to a ServiceGroup
    _ = plan
}

private func detect() throws {
    let telemetry = try SkeinTracing.bootstrap { configuration in
        configuration.detectResource(with: [.host, .kubernetes])
        configuration.resource["service.version"] = .string("2.3.1")
        configuration.resource["team.ids"] = .array([.int(7), .int(12)])
    }
    _ = telemetry
}
