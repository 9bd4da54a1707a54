import CurlTransport
import Foundation
import Testing

/// Builds a package that uses the SDK as its users do, from the last commit of the repository, and looks at what that
/// pulled in. What is not committed is not in it.
///
/// It compiles the SDK and its dependencies anew, which takes a minute or more; `SKEIN_CONSUMER_TEST=0` leaves it out.
@Suite struct ConsumerPackageTests {
    /// All that may be resolved: five direct dependencies and what they need themselves.
    private static let allowed: Set<String> = [
        "skein", "swift-distributed-tracing", "swift-service-context", "swift-log", "swift-metrics",
        "swift-service-lifecycle",
        "swift-async-algorithms", "swift-collections",
    ]
    /// All that may be linked: the two system libraries, Swift's own and what every program has.
    private static let allowedLibraries = [
        "libcurl.so", "libz.so", "libswift", "lib_", "libFoundation", "libdispatch.so", "libBlocksRuntime.so",
        "libc.so", "libm.so", "libstdc++.so", "libgcc_s.so", "libpthread.so", "libdl.so", "librt.so", "libutil.so",
        "ld-linux",
    ]

    private static let isWanted = ProcessInfo.processInfo.environment["SKEIN_CONSUMER_TEST"] != "0"

    @Test(.enabled(if: isWanted, "SKEIN_CONSUMER_TEST is 0"))
    func serviceBuildsAndLinksNothingOfTheCollector() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "skein-consumer-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let repository = directory.appending(path: "skein")
        _ = try await run(["git", "clone", "--quiet", tests.deletingLastPathComponent().path, repository.path])
        _ = try await run(["git", "-C", repository.path, "tag", "999.0.0"])
        let consumer = directory.appending(path: "consumer")
        try FileManager.default.copyItem(at: tests.appending(path: "Consumer"), to: consumer)

        let arguments = ["swift", "build", "-c", "release", "--package-path", consumer.path]
        let start = ContinuousClock.now
        _ = try await run(arguments, environment: ["SKEIN_REPOSITORY": "file://\(repository.path)"])
        print("clean release build of a service with the SDK: \(start.duration(to: .now))")

        struct Resolved: Decodable {
            struct Pin: Decodable { let identity: String }
            let pins: [Pin]
        }
        let file = try Data(contentsOf: consumer.appending(path: "Package.resolved"))
        let resolved = Set(try JSONDecoder().decode(Resolved.self, from: file).pins.map(\.identity))
        #expect(resolved.contains("skein") && resolved.isSubset(of: Self.allowed), "\(resolved.sorted())")

        let binary = consumer.appending(path: ".build/release/Consumer").path
        #expect(try await run([binary]) == "answer 42, spans 2\n")
        let needed = try await needed(by: binary)
        #expect(needed.contains { $0.hasPrefix("libcurl.so") } && needed.contains { $0.hasPrefix("libz.so") })
        let foreign = needed.filter { name in !Self.allowedLibraries.contains { name.hasPrefix($0) } }
        #expect(foreign.isEmpty, "\(needed)")
    }

    /// The libraries that the binary itself asks for. What those ask for in turn is not ours: Debian's libcurl uses zstd.
    private func needed(by file: String) async throws -> [String] {
        try await run(["readelf", "--dynamic", "--wide", file]).split(separator: "\n")
            .filter { $0.contains("(NEEDED)") }
            .compactMap { $0.split(separator: "[").last?.split(separator: "]").first.map(String.init) }
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a command to its end, on a thread that may block, and returns what it printed.
    private func run(_ command: [String], environment: [String: String] = [:]) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            let isStarted = DetachedThread.start {
                continuation.resume(with: Result { try Self.runBlocking(command, environment) })
            }
            if !isStarted { continuation.resume(throwing: Failure(description: "no thread")) }
        }
    }

    private static func runBlocking(_ command: [String], _ environment: [String: String]) throws -> String {
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
