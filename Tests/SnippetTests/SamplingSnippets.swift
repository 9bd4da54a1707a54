import Skein
import Tracing

private func samplers() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        let rules = RuleBasedSampler(
            rules: [
                SamplingRule(name: "GET /health*", sampler: AlwaysOffSampler()),
                SamplingRule(kind: .server, attributes: ["tenant": "trial"], sampler: TraceIDRatioSampler(ratio: 0.01)),
            ],
            fallback: RateLimitedSampler(spansPerSecond: 50))
        configuration.sampler = ParentBasedSampler(root: rules)
    }
    _ = telemetry
}

private func startAttributes(telemetry: SkeinTracing) async throws {
    try await telemetry.tracer.withSpan("POST /ask", attributes: ["tenant": "trial"], ofKind: .server) { _ in
        try await handle()
    }
}

struct OnlyServers: Sampler {
    func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        SamplingResult(isSampled: parameters.kind == .server, traceState: parameters.traceState)
    }
}

private func useOwnSampler() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.sampler = ParentBasedSampler(root: OnlyServers())
    }
    _ = telemetry
}
