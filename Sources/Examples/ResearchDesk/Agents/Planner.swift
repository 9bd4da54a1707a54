import SkeinAgents

/// Splits a question into sub-questions that can be researched on their own.
struct Planner: Sendable {
    /// Further ones are left out: each costs a researcher.
    private static let subQuestionsMax = 4
    private static let agent = AgentDescription(
        name: "planner", purpose: "splits a question", provider: GenAI.Provider.openAI, model: "gpt-5")
    private static let prompt = Prompt(
        name: "plan", version: "2", text: "Split the question into sub-questions, one a line.")

    let models: ModelClient

    func plan(_ assignment: Assignment, handedOffBy handOff: AgentHandOff) async throws -> [String] {
        try await withAgent(Self.agent, handedOffBy: handOff) { agent in
            let messages = [
                ChatMessage(role: "system", content: Self.prompt.text),
                ChatMessage(role: "user", content: assignment.task),
            ]
            let choice = try await models.chat(
                ChatRequest(model: "gpt-5", messages: messages, seed: assignment.seed), Self.prompt)
            let lines = (choice.message.content ?? "").split(separator: "\n").map(String.init)
            let plan = lines.isEmpty ? [assignment.task] : Array(lines.prefix(Self.subQuestionsMax))
            agent.span.attributes["plan.sub_questions"] = plan.count
            return plan
        }
    }
}
