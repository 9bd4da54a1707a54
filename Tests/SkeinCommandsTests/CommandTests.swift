import Foundation
import HTTPServing
import Hummingbird
import Logging
import Testing

/// The built binary, if there is one beside the tests.
enum Binary {
    static let path: String? = {
        let bundle = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [
            bundle.appending(path: "skein").path,
            URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: ".build/release/skein").path,
        ]
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    struct Result {
        var status: Int32 = 0
        var output = ""
        var messages = ""

        /// The lines that say what went wrong.
        var failures: [Substring] { messages.split(separator: "\n").filter { $0.hasPrefix("skein: ") } }
    }

    /// Runs a command to its end.
    static func run(_ arguments: [String]) async throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: try #require(path))
        process.arguments = arguments
        let (output, messages) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = messages
        return try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { process in
                // What these commands print fits in a pipe.
                let text = [output, messages].map {
                    String(decoding: $0.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                }
                continuation.resume(
                    returning: Result(status: process.terminationStatus, output: text[0], messages: text[1]))
            }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
    }
}

@Suite(.enabled(if: Binary.path != nil, "build the product skein first")) struct CommandTests {
    private static let freePorts = [
        "receivers.otlp.protocols.grpc.endpoint", "receivers.otlp.protocols.http.endpoint",
        "exporters.prometheus.endpoint",
        "query.endpoint", "telemetry.metrics.endpoint", "telemetry.health.endpoint",
    ]

    private func temporary(_ name: String) -> String { NSTemporaryDirectory() + "skein-\(UUID().uuidString)-\(name)" }

    private func write(_ text: String) throws -> String {
        let file = temporary("skein.yaml")
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    @Test(arguments: [["--help"], ["--version"], ["version"], ["collector", "--help"], ["help", "trace"]])
    func helpAndVersionAreData(_ arguments: [String]) async throws {
        let result = try await run(arguments)
        #expect(result.status == 0)
        #expect(!result.output.isEmpty)
        #expect(result.messages.isEmpty)
    }

    @Test(arguments: [
        ["nonsense"], ["--nonsense"], ["collector", "--nonsense"], ["trace"], ["trace", "xyz"], ["search"],
        ["search", "{ }", "--limit", "many"], ["red", "--api", "not a URL"], ["config", "check"],
        ["collector", "--set", "nonsense"], ["collector", "--config", "/nonexistent/skein.yaml"],
        ["collector", "--set", "storage.directory=''"],
    ])
    func wrongUsageIsStatusTwo(_ arguments: [String]) async throws {
        let result = try await run(arguments)
        #expect(result.status == 2, "\(result)")
        #expect(result.output.isEmpty)
        #expect(!result.messages.isEmpty)
    }

    @Test func anUnknownKeyIsNamedWithFileAndLine() async throws {
        let file = try write("storage:\n  durabilty: fsync\n")
        defer { try? FileManager.default.removeItem(atPath: file) }
        for arguments in [
            ["config", "check", file], ["collector", "--config", file], ["config", "print", "--config", file],
        ] {
            let result = try await run(arguments)
            #expect(result.status == 2)
            #expect(
                result.messages.contains("\(file):2: storage.durabilty: unknown key, did you mean 'durability'?"))
        }
    }

    @Test func aGoodFileIsGood() async throws {
        let file = try write("storage: {durability: fsync}\n")
        defer { try? FileManager.default.removeItem(atPath: file) }
        let check = try await run(["config", "check", file])
        #expect(check.status == 0)
        let printed = try await run(["config", "print", "--config", file, "--set", "ports.offset=100"])
        #expect(printed.status == 0)
        #expect(printed.output.contains("durability: fsync"))
        #expect(printed.output.contains("127.0.0.1:4418"))
        #expect(printed.messages.isEmpty)
    }

    @Test func aPortInUseIsOneLine() async throws {
        let taken = HTTPListener(
            address: ListenerAddress(name: "taken", host: "127.0.0.1", port: 0),
            responder: Router().buildResponder(), logger: Logger(label: "test"))
        let port = try await taken.start().port
        for key in Self.freePorts {
            let directory = temporary("data")
            var arguments = ["collector", "--data-dir", directory]
            for other in Self.freePorts { arguments += ["--set", "\(other)=127.0.0.1:\(other == key ? port : 0)"] }
            let result = try await run(arguments)
            #expect(result.status == 1, "\(key)")
            #expect(result.failures.count == 1)
            #expect(result.failures.first?.contains("\(port)") == true)
            #expect(result.failures.first?.contains("in use") == true)
            #expect(!result.messages.contains("ready\n"))
            try FileManager.default.removeItem(atPath: directory)
        }
        await taken.shutdown(deadline: .now)
    }

    @Test func aDataDirectoryThatCannotBeUsedIsOneLine() async throws {
        let file = try write("a file")
        defer { try? FileManager.default.removeItem(atPath: file) }
        for directory in [file, file + "/below", "/proc/skein"] {
            let result = try await run(["collector", "--data-dir", directory])
            #expect(result.status == 1)
            #expect(result.failures.count == 1)
            #expect(result.failures.first?.contains(directory) == true)
        }
    }

    @Test(arguments: [["search", "{ }"], ["red"], ["trace", "1"]])
    func aCollectorThatIsNotThereIsAFailure(_ command: [String]) async throws {
        let result = try await run(command + ["--api", "http://127.0.0.1:1"])
        #expect(result.status == 1)
        #expect(result.failures.count == 1)
    }

    private func run(_ arguments: [String]) async throws -> Binary.Result {
        try await Binary.run(arguments)
    }
}
