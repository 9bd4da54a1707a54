import Foundation

/// Certificates for one test, made with the `openssl` command in a directory that goes with the object.
package final class TestCertificates: Sendable {
    private let directory: URL

    /// An authority with a server's and a client's certificate, and another authority that signed neither.
    package init() async throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "skein-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try await make("ca", ["-subj", "/CN=Test Authority"])
        try await make("other-ca", ["-subj", "/CN=Other Authority"])
        let signed = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-addext", "basicConstraints=critical,CA:false"]
        try await make(
            "server", ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"] + signed)
        try await make("client", ["-subj", "/CN=agent-7"] + signed)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    package var authority: String { file("ca.pem") }
    package var otherAuthority: String { file("other-ca.pem") }
    package var server: String { file("server.pem") }
    package var serverKey: String { file("server.key") }
    package var client: String { file("client.pem") }
    package var clientKey: String { file("client.key") }

    private func file(_ name: String) -> String { directory.appending(path: name).path }

    private func make(_ name: String, _ options: [String]) async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-keyout", file("\(name).key"), "-out", file("\(name).pem"),
            ] + options
        process.standardError = FileHandle.nullDevice
        let status: Int32 = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        guard status == 0 else {
            throw HelperProcess.Failure(description: "openssl ended with \(status) for \(name)")
        }
    }
}
