// Tracing as a service of swift-service-lifecycle: it starts first and is shut down last, so no span is lost when the
// process is asked to stop.
//
//     swift run ServiceLifecycleApp
//     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 swift run ServiceLifecycleApp

import Logging
import ServiceLifecycle
import Skein
import Tracing

/// Works off a queue of three jobs and then ends, which ends the process. SIGTERM ends it after the job at hand.
struct JobRunner: Service {
    let jobs = ["import", "index", "report"]

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for job in jobs where !Task.isCancelled { await perform(job) }
        }
    }

    private func perform(_ job: String) async {
        await withSpan("job \(job)", ofKind: .consumer) { span in
            span.attributes["job.name"] = job
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Says goodbye when the others are told to stop; its span is the last one and arrives all the same.
struct Farewell: Service {
    func run() async throws {
        try await gracefulShutdown()
        withSpan("farewell") { _ in }
    }
}

let telemetry = try SkeinTracing.bootstrap(serviceName: "service-lifecycle-app") { configuration in
    // Where the environment does not say where spans go, they are printed.
    if !configuration.isDestinationInEnvironment { configuration.exporters = [.console] }
}
var logger = Logger(label: "app")
logger.logLevel = .notice
// The group shuts down in reverse order, one after the other.
let services = [
    ServiceGroupConfiguration.ServiceConfiguration(service: telemetry),
    ServiceGroupConfiguration.ServiceConfiguration(service: Farewell()),
    ServiceGroupConfiguration.ServiceConfiguration(
        service: JobRunner(), successTerminationBehavior: .gracefullyShutdownGroup),
]
let group = ServiceGroup(
    configuration: ServiceGroupConfiguration(
        services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
try await group.run()
