import SkeinAgents

/// Takes a question in, gives parts of it to the other agents, and returns what the last of them wrote.
struct Coordinator: Sendable {
    private static let agent = AgentDescription(
        name: "coordinator", purpose: "leads the answer to a question", provider: GenAI.Provider.openAI)

    let planner: Planner
    /// Where researchers and writer run, and the MCP server that the researchers may ask.
    let worker: JSONClient

    func answer(_ question: Question, _ prompt: WriterPrompt) async throws -> String {
        let seed = question.seed ?? .random(in: 1...1_000_000)
        return try await withWorkflow("answer_question") { workflow in
            let (answer, notes) = try await lead(Assignment(task: question.question, prompt: prompt, seed: seed))
            for evaluation in Reviewer().review(answer, notes: notes) { workflow.recordEvaluation(evaluation) }
            return answer.text
        }
    }

    /// The answer, and what it was written from.
    private func lead(_ assignment: Assignment) async throws -> (Contribution, notes: [String]) {
        try await withAgent(Self.agent) { agent in
            let plan = try await planner.plan(assignment, handedOffBy: agent.handOff())
            var writing = assignment
            writing.notes = try await research(plan, assignment.seed)
            let answer: Contribution = try await worker.post("/agents/writer", writing)
            return (answer, writing.notes ?? [])
        }
    }

    /// All sub-questions at the same time; the findings are in their order.
    private func research(_ subQuestions: [String], _ seed: Int) async throws -> [String] {
        try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for (index, subQuestion) in subQuestions.enumerated() {
                group.addTask {
                    let work = Assignment(task: subQuestion, citations: "\(worker.address)", seed: seed)
                    let finding: Contribution = try await worker.post("/agents/researcher", work)
                    return (index, finding.text)
                }
            }
            var findings = subQuestions
            for try await (index, text) in group { findings[index] = text }
            return findings
        }
    }
}
