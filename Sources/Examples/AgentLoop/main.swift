// An agent that asks a model, uses the tool the model wants, and asks again until there is an answer.
//
//     swift run AgentLoop
//     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 swift run AgentLoop

import Skein
import SkeinAgents

let telemetry = try SkeinTracing.bootstrap(serviceName: "agent-loop") { configuration in
    // Where the environment does not say where spans go, they are printed.
    if !configuration.isDestinationInEnvironment { configuration.exporters = [.console] }
}

/// Takes the place of a provider: asks for the weather first, then answers.
struct FakeModel {
    enum Answer {
        case toolCall(id: String, name: String, city: String)
        case text(String)
    }

    func answer(to messages: [String]) -> (Answer, usage: TokenUsage) {
        let usage = TokenUsage(inputTokens: 40 * messages.count, outputTokens: 12)
        guard let weather = messages.last, messages.count > 1 else {
            return (.toolCall(id: "call_1", name: "get_weather", city: "Oslo"), usage)
        }
        return (.text("Take a coat: \(weather)."), usage)
    }
}

func ask(_ messages: [String]) async -> FakeModel.Answer {
    await withModelCall(ModelRequest(model: "gpt-5-mini", provider: GenAI.Provider.openAI)) { call in
        let (answer, usage) = FakeModel().answer(to: messages)
        let reason = if case .text = answer { "stop" } else { "tool_calls" }
        call.recordResponse(model: "gpt-5-mini-2025-08-07", finishReasons: [reason], usage: usage)
        return answer
    }
}

func weather(in city: String, callID: String) async -> String {
    await withTool("get_weather", callID: callID, type: GenAI.ToolType.function) { tool in
        // Content is recorded only where OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT asks for it.
        tool.recordArguments(#"{"city":"\#(city)"}"#)
        return "rain in \(city)"
    }
}

/// How often the model may ask for a tool.
let roundsMax = 4

// All spans below say whom the work is for.
let answer = await withAttribution(user: "user-7", department: "travel") {
    await withAgent("packer", provider: GenAI.Provider.openAI) { _ in
        var messages = ["What do I pack for Oslo?"]
        for _ in 0..<roundsMax {
            switch await ask(messages) {
            case .text(let text): return text
            case .toolCall(let id, _, let city): messages.append(await weather(in: city, callID: id))
            }
        }
        return "I do not know."
    }
}
print(answer)
await telemetry.shutdown()
