import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

/// The helpers run their closures where they are called: an actor uses its own state in them and gets results that
/// cannot be sent.
@Suite struct IsolationTests {
    private final class Answer {
        var text = ""
    }

    private actor Worker {
        private var steps: [String] = []

        func work(_ tracer: any Tracer) async throws -> [String] {
            let tone = try Experiment("tone", variants: [("warm", 1)])
            let answer = try await withAttribution(user: "u") {
                try await withExperiment(tone, unit: "u") { variant in
                    steps.append(variant)
                    return try await withWorkflow("w", tracer: tracer) { _ in try await ask(tracer) }
                }
            }
            steps.append(answer.text)
            return steps
        }

        private func ask(_ tracer: any Tracer) async throws -> Answer {
            let requests = [ModelRequest(model: "m", provider: "p")]
            return try await withFallback(requests, tracer: tracer) { request in
                try await withRetry(tracer: tracer) { attempt in
                    steps.append("attempt \(attempt.number)")
                    let answer = Answer()
                    let stream = await withStreamedModelCall(request, tracer: tracer) { _ in
                        steps.append("stream")
                        return AsyncStream<String> { continuation in
                            continuation.yield("done")
                            continuation.finish()
                        }
                    }
                    for await text in stream { answer.text += text }
                    await withRetrieval(RetrievalRequest(dataSourceID: "d"), tracer: tracer) { _ in
                        steps.append("retrieval")
                    }
                    await withMemory(.create, tracer: tracer) { _ in steps.append("memory") }
                    await withMCPRequest(MCPRequest(method: "ping"), tracer: tracer) { _ in steps.append("mcp") }
                    return answer
                }
            }
        }
    }

    @Test func closuresRunOnTheActorThatCalls() async throws {
        let exporter = InMemorySpanExporter()
        let steps = try await Worker().work(exporter.tracer())
        #expect(steps == ["warm", "attempt 1", "stream", "retrieval", "memory", "mcp", "done"])
        #expect(
            exporter.spans.map(\.name)
                == [
                    "chat m", "retrieval d", "create_memory", "ping", "attempt", "fallback", "invoke_workflow w",
                ].flatMap { $0 == "fallback" ? ["retry", $0] : [$0] })
        #expect(exporter.spans.allSatisfy { $0.attributes["skein.experiment.tone"] == .string("warm") })
    }

    @Test func manyStreamsEndTheirSpansOnceHoweverTheyEnd() async {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let (chunks, continuation) = AsyncStream.makeStream(of: Int.self)
                    for chunk in 0..<20 { continuation.yield(chunk) }
                    if number % 2 == 0 { continuation.finish() }
                    let stream = await withStreamedModelCall(
                        ModelRequest(model: "m\(number)", provider: "p"), tracer: tracer
                    ) { _ in chunks }
                    let consumer = Task {
                        for await chunk in stream where number % 3 == 0 && chunk == 10 { break }
                    }
                    if number % 2 == 1 || number % 5 == 0 { consumer.cancel() }
                    await consumer.value
                }
            }
        }
        #expect(exporter.spans.count == 300)
        #expect(Set(exporter.spans.map(\.name)).count == 300)
        #expect(exporter.spans.allSatisfy { $0.attributes["skein.stream.outcome"] != nil && $0.status == .unset })
        #expect(tracer.statistics.writesAfterEnd == 0)
    }
}
