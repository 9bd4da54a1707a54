import ArgumentParser
import Foundation

/// Asks the desk, as a user would.
struct AskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask", abstract: "Ask the gateway, and print the trace id of each answer.")

    private static let questions = [
        "Can heat pumps replace gas boilers in old houses?",
        "How do swifts find their way across the Sahara?",
        "Which cities grew after they removed a motorway?",
        "What does it take to store a grid's energy for a winter?",
    ]

    private static let departments = ["engineering", "marketing", "strategy"]

    @Option(help: "The address of the gateway.")
    var gateway: HTTPAddress

    @Option(help: "The question; without it, one of a few.")
    var question: String?

    @Option(help: "How many times to ask.")
    var count = 1

    @Option(help: "How many questions may be open at the same time.")
    var concurrency = 4

    @Option(help: "The seed of the first question; the next has the next.")
    var seed = 1

    func validate() throws {
        guard (1...10_000).contains(count) else { throw ValidationError("--count must be from 1 to 10000") }
        guard (1...32).contains(concurrency) else { throw ValidationError("--concurrency must be from 1 to 32") }
    }

    func run() async throws {
        let client = JSONClient(gateway)
        let lanes = min(concurrency, count)
        let failures = await withTaskGroup(of: Int.self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    var failures = 0
                    for index in stride(from: lane, to: count, by: lanes) where await !ask(client, index) {
                        failures += 1
                    }
                    return failures
                }
            }
            return await group.reduce(0, +)
        }
        if failures > 0 { throw ExitCode.failure }
    }

    private func ask(_ client: JSONClient, _ index: Int) async -> Bool {
        let seed = seed &+ index
        let user = abs(seed % 5)
        let random = Self.questions[abs(seed % Self.questions.count)]
        do {
            let reply: Reply = try await client.post(
                "/ask",
                Question(
                    question: question ?? random, user: "user-\(user)",
                    department: Self.departments[user % Self.departments.count],
                    conversation: "conversation-\(seed)", seed: seed))
            print(reply.traceID)
            return true
        } catch {
            FileHandle.standardError.write(Data("question \(seed) failed: \(error)\n".utf8))
            return false
        }
    }
}
