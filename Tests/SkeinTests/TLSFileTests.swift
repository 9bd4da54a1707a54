import Foundation
import Logging
import Skein
import Testing

/// Files for TLS that are named but cannot be used.
@Suite struct TLSFileTests {
    /// What is logged when tracing starts.
    private func lines(_ variables: [String: String]) throws -> [String] {
        let log = LogLines()
        var configuration = TracingConfiguration(environment: {
            variables[$0] ?? ($0 == "OTEL_EXPORTER_OTLP_ENDPOINT" ? "https://localhost:1" : nil)
        })
        configuration.logger = Logger(label: "test") { _ in log }
        _ = try SkeinTracing(configuration)
        return log.lines
    }

    private func file(_ content: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "skein-\(UUID()).pem").path
        try Data(content.utf8).write(to: URL(filePath: path))
        return path
    }

    @Test func aMissingFileIsReportedOnceWithItsNameAndWhatWasExpected() throws {
        // Spans and log records have the same file.
        let lines = try lines([
            "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem", "OTEL_LOGS_EXPORTER": "otlp",
        ])
        #expect(
            lines == [
                "OTEL_EXPORTER_OTLP_CERTIFICATE is '/nowhere/ca.pem', expected a PEM file with the certificates of trusted "
                    + "authorities, but no such file or directory; no connection succeeds until it is there"
            ])
    }

    @Test func aFileWithoutPEMAndADirectoryAreReported() throws {
        let path = try file("0")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let lines = try lines(["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": path, "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/"])
        #expect(lines.count == 2)
        #expect(lines.contains { $0.hasPrefix("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE") && $0.contains("holds no PEM") })
        #expect(lines.contains { $0.hasPrefix("OTEL_EXPORTER_OTLP_CLIENT_KEY") && $0.contains("is a directory") })
    }

    @Test func aKeyWithoutACertificateIsReported() throws {
        let path = try file("-----BEGIN PRIVATE KEY-----\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let lines = try lines(["OTEL_EXPORTER_OTLP_CLIENT_KEY": path])
        #expect(lines.count == 1)
        #expect(lines.first?.contains("expected to come with OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE") == true)
    }

    @Test(arguments: [
        ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"], ["OTEL_TRACES_EXPORTER": "none"],
        ["OTEL_SDK_DISABLED": "true"],
    ])
    func aFileThatIsNotUsedIsNoProblem(_ variables: [String: String]) throws {
        let all = variables.merging(["OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"]) { first, _ in first }
        #expect(try lines(all).isEmpty)
    }
}
