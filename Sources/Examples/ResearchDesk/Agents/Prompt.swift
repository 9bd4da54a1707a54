import SkeinAgents

/// What an agent tells its model to do. Spans say which version of which prompt it was.
struct Prompt: Sendable {
    var name: String
    var version: String
    var text: String
}

/// The prompts of the writer that are tried against each other.
enum WriterPrompt: String, Codable, Sendable, CaseIterable {
    case brief
    case thorough

    /// Gives each conversation one of them, always the same.
    static func experiment() throws -> Experiment {
        try Experiment("writer-prompt", variants: allCases.map { ($0.rawValue, 1) })
    }

    var prompt: Prompt {
        switch self {
        case .brief: Prompt(name: "write_answer", version: "3", text: "Write a short answer from these notes:")
        case .thorough: Prompt(name: "write_answer", version: "4", text: "Weigh these notes, then write an answer:")
        }
    }
}
