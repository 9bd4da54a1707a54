import Logging

/// `telemetry`: what the collector says about itself.
package struct TelemetryConfiguration: Sendable, Equatable {
    package var logLevel = Logger.Level.info
    /// Prometheus `/metrics` about the collector.
    package var metricsEndpoint: ListenEndpoint
    package var healthEndpoint: ListenEndpoint

    package init(ports: PortsConfiguration) {
        metricsEndpoint = ports.endpoint(8888)
        healthEndpoint = ports.endpoint(13133)
    }

    package init(_ section: ConfigurationSection, ports: PortsConfiguration) {
        self.init(ports: ports)
        let logs = section.section("logs")
        logLevel = logs.choice(
            "level", default: logLevel,
            Logger.Level.allCases.map { ($0.rawValue, $0) } + [("warn", .warning)])
        logs.end()
        let metrics = section.section("metrics")
        metricsEndpoint = metrics.endpoint(default: metricsEndpoint)
        metrics.end()
        let health = section.section("health")
        healthEndpoint = health.endpoint(default: healthEndpoint)
        health.end()
        section.end()
    }
}
