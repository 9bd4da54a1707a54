import Foundation

/// What the fake models say.
enum FakeText {
    private static let aspects = [
        "What is known about it", "What speaks against it", "What has changed lately", "What does it cost",
        "Who has tried it", "How is it measured",
    ]
    private static let openings = ["The sources agree that", "Most evidence suggests that", "Early results hint that"]
    private static let claims = [
        "the effect is real but smaller than expected", "local conditions decide the outcome",
        "costs fall faster than forecasts assumed", "the long-term record is still short",
    ]

    /// Three questions, one a line, where the system message asks for sub-questions; else a few sentences.
    static func answer(to messages: [ChatMessage], _ random: inout SeededRandom) -> String {
        let subject = messages.last { $0.role == "user" }?.content ?? ""
        if messages.first?.content?.contains("sub-questions") == true {
            return aspects.shuffled(using: &random).prefix(3).map { "\($0): \(subject)" }.joined(separator: "\n")
        }
        return claims.shuffled(using: &random).prefix(2)
            .map { "\(openings.randomElement(using: &random) ?? "") \($0)." }.joined(separator: " ")
    }

    /// The arguments of a tool call, as JSON.
    static func arguments(_ query: String) -> String {
        let data = try? JSONEncoder().encode(["query": query])
        return data.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
