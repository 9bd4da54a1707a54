import SkeinAgents

/// Finds out about one sub-question: asks a model which tools to use, uses them at the same time, and has a model sum
/// the results up.
struct Researcher: Sendable {
    /// How often the model may ask for tools before the researcher goes on with what there is.
    private static let roundsMax = 3
    private static let agent = AgentDescription(
        name: "researcher", purpose: "answers a sub-question from sources", provider: GenAI.Provider.openAI,
        model: "gpt-5-mini")

    private static let prompt = Prompt(name: "research", version: "1", text: "Answer from sources. Use the tools.")

    let models: ModelClient
    let library: Library
    let facts: FactCache

    func research(_ assignment: Assignment) async throws -> String {
        try await withAgent(Self.agent) { _ in
            let toolbox = toolbox(for: assignment)
            var messages = [
                ChatMessage(role: "system", content: Self.prompt.text),
                ChatMessage(role: "user", content: assignment.task),
            ]
            for _ in 0..<Self.roundsMax {
                let request = ChatRequest(
                    model: "gpt-5-mini", messages: messages, tools: toolbox.definitions, seed: assignment.seed)
                let choice = try await models.chat(request, Self.prompt)
                guard let calls = choice.message.toolCalls else { return choice.message.content ?? "" }
                messages.append(choice.message)
                messages += await use(calls, toolbox, seed: assignment.seed)
            }
            return messages.compactMap(\.content).last ?? ""
        }
    }

    private func toolbox(for assignment: Assignment) -> Toolbox {
        let citations = assignment.citations.flatMap { HTTPAddress(argument: $0) }
        return Toolbox(library: library, facts: facts, citations: citations.map { CitationClient($0) })
    }

    /// Runs all tools at the same time; the answers are in the order of the calls.
    private func use(_ calls: [ToolCall], _ toolbox: Toolbox, seed: Int) async -> [ChatMessage] {
        await withTaskGroup(of: ChatMessage.self) { group in
            for call in calls {
                group.addTask { await answer(to: call, toolbox, seed: seed) }
            }
            let answers = await group.reduce(into: [:]) { $0[$1.toolCallID] = $1 }
            return calls.compactMap { answers[$0.id] }
        }
    }

    /// A tool that fails does not end the research: the model is told, as it would be of a result.
    private func answer(to call: ToolCall, _ toolbox: Toolbox, seed: Int) async -> ChatMessage {
        do {
            let result = try await toolbox.use(call, seed: seed)
            return ChatMessage(role: "tool", content: result, toolCallID: call.id)
        } catch {
            return ChatMessage(role: "tool", content: "error: \(error)", toolCallID: call.id)
        }
    }
}
