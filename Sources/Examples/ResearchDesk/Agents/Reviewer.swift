import SkeinAgents

/// Says how good an answer is, by rules of thumb.
struct Reviewer: Sendable {
    /// A share below it is a failure.
    private static let passShare = 0.5
    /// Words that carry no meaning of their own.
    private static let lengthMin = 4

    /// - Parameter notes: what the answer was written from.
    func review(_ answer: Contribution, notes: [String]) -> [Evaluation] {
        let words = words(of: answer.text)
        let known = self.words(of: notes.joined(separator: " "))
        return [
            evaluation("groundedness", share(of: words, in: known), answer),
            evaluation("completeness", share(of: known, in: words), answer),
        ]
    }

    private func evaluation(_ name: String, _ score: Double, _ answer: Contribution) -> Evaluation {
        Evaluation(
            name, score: score, label: score < Self.passShare ? "fail" : "pass", responseID: answer.responseID)
    }

    private func words(of text: String) -> Set<String> {
        Set(text.lowercased().split { !$0.isLetter }.filter { $0.count >= Self.lengthMin }.map(String.init))
    }

    private func share(of words: Set<String>, in others: Set<String>) -> Double {
        words.isEmpty ? 0 : Double(words.intersection(others).count) / Double(words.count)
    }
}
