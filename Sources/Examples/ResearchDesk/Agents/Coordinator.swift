import SkeinAgents

/// Takes a question in, gives parts of it to the other agents, and returns what the last of them wrote.
struct Coordinator: Sendable {
    private static let agent = AgentDescription(
        name: "coordinator", purpose: "leads the answer to a question", provider: GenAI.Provider.openAI)

    let planner: Planner
    /// Where researchers and writer run.
    let worker: JSONClient

    func answer(_ question: Question) async throws -> String {
        let seed = question.seed ?? .random(in: 1...1_000_000)
        return try await withAgent(Self.agent, conversationID: question.conversation) { agent in
            agent.span.attributes[HTTPAttributes.userID.name] = question.user
            let plan = try await planner.plan(
                Assignment(task: question.question, seed: seed), handedOffBy: agent.handOff())
            let findings = try await research(plan, seed)
            let report: Contribution = try await worker.post(
                "/agents/writer", Assignment(task: question.question, notes: findings, seed: seed))
            return report.text
        }
    }

    /// All sub-questions at the same time; the findings are in their order.
    private func research(_ subQuestions: [String], _ seed: Int) async throws -> [String] {
        try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for (index, subQuestion) in subQuestions.enumerated() {
                group.addTask {
                    let finding: Contribution = try await worker.post(
                        "/agents/researcher", Assignment(task: subQuestion, seed: seed))
                    return (index, finding.text)
                }
            }
            var findings = subQuestions
            for try await (index, text) in group { findings[index] = text }
            return findings
        }
    }
}
