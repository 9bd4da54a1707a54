import SkeinAgents
import Tracing

/// Finds out about one sub-question: asks a model which tools to use, uses them at the same time, and has a model sum
/// the results up.
struct Researcher: Sendable {
    /// How often the model may ask for tools before the researcher goes on with what there is.
    private static let roundsMax = 3
    private static let agent = AgentDescription(
        name: "researcher", purpose: "answers a sub-question from sources", provider: GenAI.Provider.openAI,
        model: "gpt-5-mini")

    let models: ModelClient

    func research(_ assignment: Assignment) async throws -> String {
        try await withAgent(Self.agent, conversationID: ServiceContext.conversationID) { _ in
            var messages = [
                ChatMessage(role: "system", content: "Answer from sources. Use the tools."),
                ChatMessage(role: "user", content: assignment.task),
            ]
            for _ in 0..<Self.roundsMax {
                let choice = try await models.chat(
                    ChatRequest(
                        model: "gpt-5-mini", messages: messages, tools: ResearchTool.allCases.map(\.definition),
                        seed: assignment.seed))
                guard let calls = choice.message.toolCalls else { return choice.message.content ?? "" }
                messages.append(choice.message)
                messages += await use(calls, seed: assignment.seed)
            }
            return messages.compactMap(\.content).last ?? ""
        }
    }

    /// Runs all tools at the same time; the answers are in the order of the calls.
    private func use(_ calls: [ToolCall], seed: Int) async -> [ChatMessage] {
        await withTaskGroup(of: ChatMessage.self) { group in
            for call in calls {
                group.addTask { await answer(to: call, seed: seed) }
            }
            let answers = await group.reduce(into: [:]) { $0[$1.toolCallID] = $1 }
            return calls.compactMap { answers[$0.id] }
        }
    }

    /// A tool that fails does not end the research: the model is told, as it would be of a result.
    private func answer(to call: ToolCall, seed: Int) async -> ChatMessage {
        do {
            let result = try await ResearchTool.use(call, seed: seed)
            return ChatMessage(role: "tool", content: result, toolCallID: call.id)
        } catch {
            return ChatMessage(role: "tool", content: "error: \(error)", toolCallID: call.id)
        }
    }
}
