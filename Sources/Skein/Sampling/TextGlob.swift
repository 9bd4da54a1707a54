/// A text in which `*` stands for any text, the empty one too. Case matters.
struct TextGlob: Sendable {
    private let pattern: [UInt8]
    /// Nil when the pattern has a star.
    private let exact: String?

    init(_ text: String) {
        pattern = Array(text.utf8)
        exact = pattern.contains(UInt8(ascii: "*")) ? nil : text
    }

    /// Takes at most the product of the two lengths in steps, and no memory.
    func matches(_ text: String) -> Bool {
        if let exact { return text == exact }
        let text = text.utf8
        var (index, next) = (text.startIndex, 0)
        // Where the last star stood, and what of the text it leaves to the rest of the pattern.
        var star: (afterPattern: Int, rest: String.UTF8View.Index)?
        while index < text.endIndex {
            if next < pattern.count, pattern[next] == UInt8(ascii: "*") {
                next += 1
                star = (next, index)
            } else if next < pattern.count, pattern[next] == text[index] {
                next += 1
                index = text.index(after: index)
            } else if let last = star {
                // The star takes one byte more.
                let rest = text.index(after: last.rest)
                star = (last.afterPattern, rest)
                (next, index) = (last.afterPattern, rest)
            } else {
                return false
            }
        }
        return pattern[next...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
