import TraceStorage

/// A condition on one label, written as in Alertmanager: `service=checkout`, `operation!="GET /health"`,
/// `operation=~"POST .*"`, `severity!~"info|warning"`. A label that is not there is the empty text.
package struct LabelMatcher: Sendable, Equatable, CustomStringConvertible {
    package enum Comparison: String, Sendable {
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case matchesNot = "!~"
    }

    package let name: String
    package let comparison: Comparison
    package let value: String
    /// Of a regular expression, which has to match the whole value.
    private let pattern: TextPattern?

    package static func == (a: LabelMatcher, b: LabelMatcher) -> Bool { a.description == b.description }

    /// Why text is no matcher.
    package struct ParsingError: Error, CustomStringConvertible {
        package let description: String
    }

    package init(_ name: String, _ comparison: Comparison, _ value: String) throws(ParsingError) {
        self.name = name
        self.comparison = comparison
        self.value = value
        guard comparison == .matches || comparison == .matchesNot else {
            pattern = nil
            return
        }
        do throws(TextPatternError) { pattern = try TextPattern(value) } catch {
            throw ParsingError(description: "'\(value)' is no regular expression: \(error)")
        }
    }

    package init(parsing text: String) throws(ParsingError) {
        let name = text.prefix { !"=!~\"".contains($0) }
        var rest = text[name.endIndex...]
        let known: [Comparison] = [.matches, .matchesNot, .notEqual, .equal]
        let trimmed = Self.trimmed(name)
        guard let comparison = known.first(where: { rest.hasPrefix($0.rawValue) }), !trimmed.isEmpty,
            !trimmed.contains(where: \.isWhitespace)
        else {
            throw ParsingError(description: "'\(text)' is no matcher, expected one such as service=\"checkout\"")
        }
        rest = rest.dropFirst(comparison.rawValue.count)
        try self.init(trimmed, comparison, try Self.unquoted(Self.trimmed(rest), of: text))
    }

    package func matches(_ labels: AlertLabels) -> Bool {
        let value = labels[name] ?? ""
        switch comparison {
        case .equal: return value == self.value
        case .notEqual: return value != self.value
        case .matches: return pattern?.matchesWhole(value) ?? false
        case .matchesNot: return !(pattern?.matchesWhole(value) ?? true)
        }
    }

    package var description: String {
        var quoted = "\""
        for scalar in value.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return "\(name)\(comparison.rawValue)\(quoted)\""
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let start = text.firstIndex { !$0.isWhitespace } ?? text.endIndex
        let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? start
        return String(text[start..<end])
    }

    private static func unquoted(_ text: String, of whole: String) throws(ParsingError) -> String {
        let scalars = text.unicodeScalars
        guard scalars.first == "\"" else {
            // Half a quote, or another language's operator: nothing that a value is meant to begin with.
            guard !scalars.contains("\""), !["=", "~", "!", "'"].contains(scalars.first) else {
                throw ParsingError(description: "'\(whole)' is no matcher, expected the value in double quotes")
            }
            return text
        }
        guard scalars.count > 1, scalars.last == "\"" else {
            throw ParsingError(description: "'\(whole)' lacks a closing quote")
        }
        var result = ""
        var isEscaped = false
        for scalar in scalars.dropFirst().dropLast() {
            if !isEscaped, scalar == "\\" {
                isEscaped = true
                continue
            }
            if !isEscaped, scalar == "\"" {
                throw ParsingError(description: "'\(whole)' goes on behind its value, expected one matcher")
            }
            // A backslash that escapes nothing belongs to a regular expression.
            if isEscaped, scalar != "\"", scalar != "\\" { result.append("\\") }
            result.unicodeScalars.append(scalar)
            isEscaped = false
        }
        return result
    }
}

/// Names and values that tell alerts apart.
package struct AlertLabels: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var values: [String: String]

    package init(_ values: [String: String] = [:]) { self.values = values }

    package init(dictionaryLiteral elements: (String, String)...) {
        values = Dictionary(elements) { $1 }
    }

    /// A label with an empty value is none.
    package subscript(_ name: String) -> String? {
        get { values[name] }
        set { values[name] = newValue.flatMap { $0.isEmpty ? nil : $0 } }
    }

    package var sorted: [(name: String, value: String)] {
        values.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }

    /// 16 hexadecimal digits that stand for these labels.
    package var fingerprint: String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for (name, value) in sorted {
            for byte in name.utf8 { add(byte) }
            add(0xFF)
            for byte in value.utf8 { add(byte) }
            add(0xFF)
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// `a="b", c="d"`, in the order of names.
    package var text: String {
        sorted.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ", ")
    }
}
