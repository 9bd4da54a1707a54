import Hummingbird
import SkeinAgents
import Tracing

/// Work that one agent gives to another, also across processes.
struct Assignment: Codable, Sendable {
    var task: String
    /// What was found out so far.
    var notes: [String] = []
    var seed: Int
}

/// What an agent gives back.
struct Contribution: ResponseCodable, Sendable {
    var text: String
}

extension ServiceContext {
    /// The conversation that the work in progress is part of; it arrives as baggage.
    static var conversationID: String? { current?.baggage?[GenAI.conversationID.name] }
}
