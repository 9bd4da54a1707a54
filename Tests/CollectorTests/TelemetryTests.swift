import Collector
import Foundation
import OTLP
import SpanMetrics
import Testing

@Suite struct TelemetryTests {
    @Test func healthSaysWhatTheCollectorDoes() {
        let reason: Box<String?> = Box(nil)
        let health = CollectorHealth(upSince: 1_000, isRefusing: { reason.value })
        #expect(health.report(now: 3_000) == health.report(now: 3_000))
        #expect(health.report(now: 3_000).uptimeNanoseconds == 2_000)
        #expect(health.report(now: 0).uptimeNanoseconds == 0, "clocks are set back")
        #expect(!health.report().isHealthy)
        #expect(health.report().status == "starting")
        health.set(.ready)
        #expect(health.report().isHealthy)
        reason.value = "memory limit"
        #expect(health.report().status == "refusing: memory limit")
        #expect(!health.report().isHealthy)
        reason.value = nil
        #expect(health.report().isHealthy)
        health.set(.draining)
        #expect(health.report().status == "draining")
    }

    @Test func healthIsServed() async throws {
        let fixture = try await CollectorFixture.started()
        let client = try fixture.client("health")
        for path in ["/", "/status"] {
            let answer = try await client.get(path)
            #expect(answer.status == 200)
            #expect(answer.text.contains("Server available"))
            #expect(try await client.send("POST", path).status == 405)
        }
        #expect(try await client.get("/other").status == 404)
        await fixture.collector.shutdown()
    }

    /// Of a collector that has taken, refused, forwarded and dropped.
    private func exposition(_ accept: String?) async throws -> [UInt8] {
        let fixture = try await CollectorFixture.started {
            $0.exporters = ["a", "b"].map {
                OTLPHTTPExporterConfiguration(id: "otlp_http/\($0)", tracesURL: "http://127.0.0.1:1/v1/traces")
            }
            $0.shutdownTimeout = .milliseconds(10)
        }
        let client = try fixture.client("otlp_http")
        _ = try await client.post(TestRequest.body(1, spans: 3, badSpans: 1))
        _ = try await client.post(Array("hello".utf8))
        let metrics = try fixture.client("metrics")
        let answer = try await metrics.send("GET", "/metrics", headers: accept.map { ["Accept": $0] } ?? [:])
        #expect(answer.status == 200)
        #expect(try await metrics.send("POST", "/metrics").status == 405)
        await fixture.collector.shutdown()
        return answer.body
    }

    @Test func selfMetricsAreWhatPrometheusExpects() async throws {
        let bytes = try await exposition(nil)
        let exposition = Exposition(bytes)
        #expect(Set(exposition.series).count == exposition.series.count, "each series once")
        #expect(exposition.total("otelcol_receiver_accepted_spans_total") == 2)
        #expect(exposition.total("skein_receiver_rejected_spans_total") == 1)
        let failed = exposition.series.filter { $0.hasPrefix("otelcol_exporter_send_failed_spans_total") }
        #expect(failed.count == 2 * ExportDropReason.allCases.count)
        for name in [
            "otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity", "otelcol_exporter_sent_spans_total",
        ] {
            #expect(exposition.series.filter { $0.hasPrefix(name + "{") }.count == 2, "\(name)")
        }
        #expect(try promtool(bytes) == "")
    }

    @Test func openMetricsEndsAsItMust() async throws {
        let text = Exposition(try await exposition("application/openmetrics-text; version=1.0.0")).text
        #expect(text.hasSuffix("# EOF\n"))
        #expect(text.contains("# TYPE otelcol_receiver_accepted_spans counter\n"))
    }

    /// What `promtool check metrics` complains about.
    private func promtool(_ text: [UInt8]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/promtool")
        process.arguments = ["check", "metrics"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardError = output
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(text))
        try input.fileHandleForWriting.close()
        let answer = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return answer
    }
}
