import Foundation
import Skein
import SkeinTesting
import Testing

/// The examples of one file, built and run as a reader would.
@Suite struct SmallExampleTests {
    /// Each with a span that it makes.
    private static let examples = [
        ("HelloSpans", "greeting"), ("AgentLoop", "invoke_agent packer"), ("StreamingCall", "chat gpt-5-mini"),
        ("CommandLineTool", "count-words"), ("CustomSampler", "GET /feed"), ("ServiceLifecycleApp", "job index"),
    ]

    @Test(arguments: examples)
    func printsItsSpansWhereThereIsNoCollector(name: String, span: String) async throws {
        let run = try await ExampleRun(name, hasCollector: false)
        #expect(run.status == 0)
        #expect(run.spans.isEmpty)
        #expect(run.messages.contains("  \(span)"), "its spans are printed")
    }

    @Test(arguments: examples.map(\.0))
    func isShort(name: String) throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/Examples/\(name)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: path.path) == ["main.swift"])
        let text = try String(contentsOf: path.appending(path: "main.swift"), encoding: .utf8)
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 80)
    }

    @Test func helloSpansRecordsTheErrorThatLeavesASpan() async throws {
        let run = try await ExampleRun("HelloSpans")
        #expect(run.status == 0)
        #expect(run.output == "Hello, Ada!\n")
        #expect(run.outline == "greet\n  greeting\n  greeting")
        let greetings = run.spans(named: "greeting")
        #expect(greetings.map { $0.integer("name.length") } == [3, 0])
        #expect(greetings.map { $0.events.map(\.name) } == [[], ["exception"]])
        #expect(run.spans.first?.events.map(\.name) == ["nobody to greet"])
    }

    @Test func agentLoopAsksUntilThereIsAnAnswer() async throws {
        let run = try await ExampleRun("AgentLoop")
        #expect(run.status == 0)
        #expect(run.output == "Take a coat: rain in Oslo.\n")
        #expect(
            run.outline
                == "invoke_agent packer\n  chat gpt-5-mini\n  execute_tool get_weather\n  chat gpt-5-mini")
        #expect(run.spans.allSatisfy { $0.attributes["skein.attribution.department"] == .string("travel") })
        let calls = run.spans(named: "chat gpt-5-mini")
        #expect(
            calls.map { $0.attributes["gen_ai.response.finish_reasons"] } == [
                .array([.string("tool_calls")]), .array([.string("stop")]),
            ])
        let tool = try #require(run.spans(named: "execute_tool get_weather").first)
        #expect(tool.attributes["gen_ai.tool.call.arguments"] == nil, "content is off by default")
    }

    @Test func streamingCallSaysHowTheStreamEnded() async throws {
        let run = try await ExampleRun("StreamingCall")
        #expect(run.status == 0)
        let calls = run.spans(named: "chat gpt-5-mini")
        #expect(calls.count == 2 && calls.count == run.spans.count)
        #expect(
            calls.map { $0.attributes["skein.stream.outcome"] } == [.string("completed"), .string("abandoned")])
        #expect(calls.map { $0.integer("skein.stream.chunk_count") } == [8, 1])
        #expect(calls.map { $0.integer("gen_ai.usage.input_tokens") } == [18, nil])
        #expect(calls.allSatisfy { $0.attributes["gen_ai.response.time_to_first_chunk"] != nil && !$0.isFailed })
    }

    @Test func commandLineToolSendsItsSpansThoughItExitsAtOnce() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "words-\(UUID().uuidString).txt")
        try "one two three".write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let run = try await ExampleRun("CommandLineTool", [file.path, "\(file.path).missing"])
        #expect(run.status == 1)
        #expect(run.output == "3 \(file.path)\n")
        #expect(run.outline == "count-words\n  read\n  read")
        #expect(run.spans.first?.isFailed == true)
        #expect(run.spans(named: "read").map { $0.integer("words") } == [3, nil])
    }

    @Test func customSamplerRecordsWhatItsRulesSay() async throws {
        let run = try await ExampleRun("CustomSampler")
        #expect(run.status == 0)
        #expect(run.output.hasPrefix("slowest: "))
        #expect(run.outline == "POST /ask\n  load\nGET /feed\n  load\nGET /feed\n  load")
        #expect(run.spans.allSatisfy { $0.attributes["cloud.region"] == .string("eu-north-1") })
    }

    @Test func serviceLifecycleAppLosesNoSpanOfItsEnd() async throws {
        let run = try await ExampleRun("ServiceLifecycleApp")
        #expect(run.status == 0)
        #expect(run.spans.map(\.name) == ["job import", "job index", "job report", "farewell"])
        #expect(run.spans.first?.kind == .consumer)
    }
}
