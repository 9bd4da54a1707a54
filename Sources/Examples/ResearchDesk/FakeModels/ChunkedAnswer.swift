import Foundation

/// A completion as server-sent events, and when each of them comes.
struct ChunkedAnswer: Sendable {
    /// What a model takes before it writes, of the whole time; it reads and reasons.
    private static let firstShare = 0.6

    let events: [String]
    /// The pause before the first event.
    let firstPause: Duration
    /// The pause before each further one.
    let pause: Duration

    /// - Parameter latency: from the request to the last event.
    init(_ completion: ChatCompletion, latency: Duration) throws {
        let choice = completion.choices.first
        let words = (choice?.message.content ?? "").split(separator: " ", omittingEmptySubsequences: false)
        var chunks = words.enumerated().map { index, word in
            ChatChunk.Choice(delta: .init(content: index == 0 ? String(word) : " \(word)"))
        }
        chunks.append(.init(delta: .init(), finishReason: choice?.finishReason))
        let encoder = JSONEncoder()
        func event(_ choices: [ChatChunk.Choice], _ usage: ChatUsage? = nil) throws -> String {
            let chunk = ChatChunk(id: completion.id, model: completion.model, choices: choices, usage: usage)
            return "data: \(String(decoding: try encoder.encode(chunk), as: UTF8.self))\n\n"
        }
        events = try chunks.map { try event([$0]) } + [try event([], completion.usage) + "data: [DONE]\n\n"]
        firstPause = latency * Self.firstShare
        pause = latency * (1 - Self.firstShare) / (events.count - 1)
    }
}
