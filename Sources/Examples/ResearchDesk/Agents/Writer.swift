import SkeinAgents
import Tracing

/// Writes the answer from what the researchers found.
struct Writer: Sendable {
    private static let agent = AgentDescription(
        name: "writer", purpose: "writes the answer", provider: GenAI.Provider.openAI, model: "gpt-5")

    let models: ModelClient

    func write(_ assignment: Assignment) async throws -> String {
        try await withAgent(Self.agent, conversationID: ServiceContext.conversationID) { agent in
            agent.span.attributes["writer.notes"] = assignment.notes.count
            let notes = assignment.notes.joined(separator: "\n")
            let choice = try await models.chat(
                ChatRequest(
                    model: "gpt-5",
                    messages: [
                        ChatMessage(role: "system", content: "Write an answer from these notes:\n\(notes)"),
                        ChatMessage(role: "user", content: assignment.task),
                    ], seed: assignment.seed))
            return choice.message.content ?? ""
        }
    }
}
