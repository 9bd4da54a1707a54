import Foundation

/// A piece of an answer that is sent while it is written.
struct ChatChunk: Codable, Sendable {
    struct Choice: Codable, Sendable {
        struct Delta: Codable, Sendable {
            var content: String?
        }

        var delta: Delta
        var finishReason: String?

        enum CodingKeys: String, CodingKey {
            case delta
            case finishReason = "finish_reason"
        }
    }

    var id: String
    var object: String? = "chat.completion.chunk"
    var model: String
    /// Empty in the last one, which has the usage.
    var choices: [Choice]
    var usage: ChatUsage?
}

/// The text of an answer, put together from server-sent events.
struct StreamedAnswer {
    private(set) var id: String?
    private(set) var text = ""
    /// What came of a line that is not complete yet.
    private var line: [UInt8] = []

    /// Takes bytes, cut anywhere.
    ///
    /// - Throws: `DecodingError` for an event that is no chunk.
    mutating func append(_ bytes: Data) throws {
        line += bytes
        while let end = line.firstIndex(of: UInt8(ascii: "\n")) {
            try read(String(decoding: line[..<end], as: UTF8.self))
            line.removeSubrange(...end)
        }
    }

    private mutating func read(_ line: String) throws {
        let prefix = "data: "
        guard line.hasPrefix(prefix), !line.hasSuffix("[DONE]") else { return }
        let chunk = try JSONDecoder().decode(ChatChunk.self, from: Data(line.dropFirst(prefix.count).utf8))
        id = chunk.id
        text += chunk.choices.first?.delta.content ?? ""
    }
}
