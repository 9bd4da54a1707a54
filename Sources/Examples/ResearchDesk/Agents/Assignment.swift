import Hummingbird

/// Work that one agent gives to another, also across processes.
struct Assignment: Codable, Sendable {
    var task: String
    /// What was found out so far.
    var notes: [String]?
    /// The address of the MCP server with the citations; without it there are none. Who assigns work is trusted.
    var citations: String?
    /// How to write.
    var prompt: WriterPrompt?
    var seed: Int
}

/// What an agent gives back.
struct Contribution: ResponseCodable, Sendable {
    var text: String
    /// The model's id of the answer that the text is.
    var responseID: String?
}
