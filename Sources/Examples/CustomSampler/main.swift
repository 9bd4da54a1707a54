// Which traces are recorded, and what every span says, as the program itself decides.
//
//     swift run CustomSampler
//     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 swift run CustomSampler

import Skein
import Synchronization
import Tracing

/// Records every nth trace that gets to it.
final class EveryNthSampler: Sampler {
    private let interval: Int
    private let asked = Atomic<Int>(0)

    init(_ interval: Int) {
        self.interval = interval
    }

    func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        let index = asked.wrappingAdd(1, ordering: .relaxed).oldValue
        return SamplingResult(isSampled: index % interval == 0, traceState: parameters.traceState)
    }

    var description: String { "EveryNthSampler(\(interval))" }
}

/// Says on each span which region it is from, and keeps the slowest.
final class RegionProcessor: SpanProcessor {
    private let slowestName = Mutex<(name: String, nanoseconds: UInt64)?>(nil)

    var slowest: String? { slowestName.withLock { $0?.name } }

    func onStart(_ span: SkeinSpan, parent: ServiceContext) {
        span.record("cloud.region", "eu-north-1")
    }

    func onEnd(_ span: borrowing FinishedSpan) {
        let (name, nanoseconds) = (span.name, span.endNanoseconds - span.startNanoseconds)
        slowestName.withLock { slowest in
            if nanoseconds >= slowest?.nanoseconds ?? 0 { slowest = (name, nanoseconds) }
        }
    }
}

let regions = RegionProcessor()
let telemetry = try SkeinTracing.bootstrap(serviceName: "custom-sampler") { configuration in
    let rules = [
        SamplingRule(name: "GET /health*", sampler: AlwaysOffSampler()),
        SamplingRule(name: "GET /feed", sampler: EveryNthSampler(10)),
    ]
    // At the root, so that a trace is recorded as a whole or not at all.
    configuration.sampler = ParentBasedSampler(root: RuleBasedSampler(rules: rules, fallback: AlwaysOnSampler()))
    configuration.processors = [regions]
    // Where the environment does not say where spans go, they are printed.
    if !configuration.isDestinationInEnvironment { configuration.exporters = [.console] }
}

for route in ["GET /healthz", "POST /ask"] + Array(repeating: "GET /feed", count: 20) {
    withSpan(route, ofKind: .server) { _ in
        withSpan("load") { _ in }
    }
}
print("slowest: \(regions.slowest ?? "none")")
await telemetry.shutdown()
