import Foundation
import Testing

/// Builds a package that uses the SDK as its users do, and looks at what that pulled in.
///
/// It compiles the SDK and its dependencies anew, which takes minutes: it runs where `SKEIN_CONSUMER_TEST=1` is set.
@Suite struct ConsumerPackageTests {
    /// All that may be resolved: four direct dependencies and what they need themselves.
    private static let allowed: Set<String> = [
        "skein", "swift-distributed-tracing", "swift-service-context", "swift-log", "swift-service-lifecycle",
        "swift-async-algorithms", "swift-collections",
    ]
    /// Parts of names of libraries that only the collector links.
    private static let forbiddenLibraries = ["zstd", "isal", "xxhash", "protobuf"]

    private static let isWanted = ProcessInfo.processInfo.environment["SKEIN_CONSUMER_TEST"] == "1"

    @Test(.enabled(if: isWanted, "set SKEIN_CONSUMER_TEST=1"))
    func serviceBuildsAndLinksNothingOfTheCollector() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "skein-consumer-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let repository = directory.appending(path: "skein")
        _ = try run(["git", "clone", "--quiet", tests.deletingLastPathComponent().path, repository.path])
        _ = try run(["git", "-C", repository.path, "tag", "999.0.0"])
        let consumer = directory.appending(path: "consumer")
        try FileManager.default.copyItem(at: tests.appending(path: "Consumer"), to: consumer)

        let arguments = ["swift", "build", "-c", "release", "--package-path", consumer.path]
        _ = try run(arguments, environment: ["SKEIN_REPOSITORY": "file://\(repository.path)"])

        struct Resolved: Decodable {
            struct Pin: Decodable { let identity: String }
            let pins: [Pin]
        }
        let file = try Data(contentsOf: consumer.appending(path: "Package.resolved"))
        let resolved = Set(try JSONDecoder().decode(Resolved.self, from: file).pins.map(\.identity))
        #expect(resolved.contains("skein") && resolved.isSubset(of: Self.allowed), "\(resolved.sorted())")

        let binary = consumer.appending(path: ".build/release/Consumer").path
        #expect(try run([binary]) == "answer 42, spans 2\n")
        let libraries = try run(["ldd", binary])
        #expect(libraries.contains("libcurl"))
        for name in Self.forbiddenLibraries { #expect(!libraries.contains(name), "\(libraries)") }
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private func run(_ command: [String], environment: [String: String] = [:]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(command.joined(separator: " ")): \(text.suffix(4000))")
        }
        return text
    }
}
