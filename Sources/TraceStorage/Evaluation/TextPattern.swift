/// A regular expression that must match a whole text, `.` matching line ends too.
///
/// Literals with `.*` around them, which most patterns are, are compared without the regular expression engine.
struct TextPattern {
    private enum Form {
        case equal([UInt8])
        case prefix([UInt8])
        case suffix([UInt8])
        case contains([UInt8])
        case anything
        case alternatives([[UInt8]])
        case expression(Regex<AnyRegexOutput>)
    }

    private let form: Form

    /// Bytes of a pattern; what people write stays far below it, and compilation takes time that grows with it.
    static let bytesMax = 4096

    /// - Throws: ``StorageError/limitExceeded(message:)`` for a pattern that is too long or cannot be compiled.
    init(_ pattern: String) throws(StorageError) {
        guard pattern.utf8.count <= Self.bytesMax else {
            throw .limitExceeded(message: "regular expression of \(pattern.utf8.count) bytes, at most \(Self.bytesMax)")
        }
        if let simple = Self.simpleForm(pattern) {
            form = simple
            return
        }
        do {
            form = .expression(try Regex(pattern).dotMatchesNewlines())
        } catch {
            throw .limitExceeded(message: "regular expression \"\(pattern)\" cannot be compiled: \(error)")
        }
    }

    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        switch form {
        case .anything: true
        case .equal(let literal): text.elementsEqual(literal)
        case .prefix(let literal): text.starts(with: literal)
        case .suffix(let literal): text.count >= literal.count && text.suffix(literal.count).elementsEqual(literal)
        case .contains(let literal): Self.contains(text, literal)
        case .alternatives(let literals): literals.contains { text.elementsEqual($0) }
        case .expression(let regex): (try? regex.wholeMatch(in: String(decoding: text, as: UTF8.self))) != nil
        }
    }

    private static func simpleForm(_ pattern: String) -> Form? {
        var middle = Array(pattern.utf8)
        let wildcard = Array(".*".utf8)
        let isOpenAtStart = middle.starts(with: wildcard)
        if isOpenAtStart { middle.removeFirst(2) }
        let isOpenAtEnd = middle.suffix(2).elementsEqual(wildcard)
        if isOpenAtEnd { middle.removeLast(2) }
        let special = Set("\\^$.|?*+()[]{}".utf8)
        let alternatives = middle.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).map(Array.init)
        if alternatives.count > 1, !isOpenAtStart, !isOpenAtEnd,
            !alternatives.joined().contains(where: special.contains)
        {
            return .alternatives(alternatives)
        }
        guard !middle.contains(where: special.contains) else { return nil }
        switch (isOpenAtStart, isOpenAtEnd) {
        case (false, false): return .equal(middle)
        case (false, true): return .prefix(middle)
        case (true, false): return middle.isEmpty ? .anything : .suffix(middle)
        case (true, true): return middle.isEmpty ? .anything : .contains(middle)
        }
    }

    private static func contains(_ text: UnsafeRawBufferPointer, _ literal: [UInt8]) -> Bool {
        guard let first = literal.first, text.count >= literal.count else { return literal.isEmpty }
        for start in 0...(text.count - literal.count) where text[start] == first {
            if text[start..<start + literal.count].elementsEqual(literal) { return true }
        }
        return false
    }
}
