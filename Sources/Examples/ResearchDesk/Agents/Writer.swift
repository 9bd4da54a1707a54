import SkeinAgents

/// Writes the answer from what the researchers found.
struct Writer: Sendable {
    private static let agent = AgentDescription(
        name: "writer", purpose: "writes the answer", provider: GenAI.Provider.openAI, model: "gpt-5")

    let models: ModelClient

    func write(_ assignment: Assignment) async throws -> Contribution {
        try await withAgent(Self.agent) { agent in
            let notes = assignment.notes ?? []
            agent.span.attributes["writer.notes"] = notes.count
            let prompt = (assignment.prompt ?? .brief).prompt
            let messages = [
                ChatMessage(role: "system", content: "\(prompt.text)\n\(notes.joined(separator: "\n"))"),
                ChatMessage(role: "user", content: assignment.task),
            ]
            let stream = try await models.stream(
                ChatRequest(model: "gpt-5", messages: messages, seed: assignment.seed), prompt)
            var answer = StreamedAnswer()
            for try await chunk in stream { try answer.append(chunk) }
            return Contribution(text: answer.text, responseID: answer.id)
        }
    }
}
