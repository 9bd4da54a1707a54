import Logging
import Skein

private func logWithIDs() {
    LoggingSystem.bootstrap(StreamLogHandler.standardError, metadataProvider: .skein)
}

private func sendLogs() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { $0.logs.exporters = [.otlp] }
    LoggingSystem.bootstrap { label in
        MultiplexLogHandler([StreamLogHandler.standardError(label: label), telemetry.logHandler(label: label)])
    }
}
