import SkeinTesting
import TestSink

/// Takes the place of a collector.
struct ExportedSpans {
    let server: SinkServer

    init() throws {
        server = try SinkServer()
    }

    /// Spans are sent only when the process ends, so that a test shows that draining sends them.
    var environment: [String: String] {
        ["OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OTEL_BSP_SCHEDULE_DELAY": "600000"]
    }

    /// Everything that arrived, the earliest start first.
    func all() -> [RecordedSpan] {
        server.requests.filter { $0.path == "/v1/traces" }
            .flatMap { RecordedSpan.spans(inRequest: $0.body) }
            .sorted { $0.startNanoseconds < $1.startNanoseconds }
    }
}

extension RecordedSpan {
    var service: String? {
        guard case .string(let name) = resource["service.name"] else { return nil }
        return name
    }

    var isFailed: Bool {
        if case .error = status { true } else { false }
    }

    func text(_ key: String) -> String? {
        guard case .string(let value) = attributes[key] else { return nil }
        return value
    }

    func integer(_ key: String) -> Int64? {
        guard case .int(let value) = attributes[key] else { return nil }
        return value
    }
}
