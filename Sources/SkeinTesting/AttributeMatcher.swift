import Skein

/// What a test expects of one attribute, where the exact value does not matter or is not known.
///
/// ```swift
/// SpanExpectation(
///     name: "chat gpt-5",
///     matching: [
///         "gen_ai.response.id": .present,
///         "gen_ai.usage.output_tokens": .atLeast(1),
///         "gen_ai.input.messages": .absent,
///     ])
/// ```
public struct AttributeMatcher: Sendable, CustomStringConvertible {
    /// What is expected, for messages.
    public let description: String
    private let isMatch: @Sendable (AttributeValue?) -> Bool

    /// A matcher of one's own; `isMatch` gets nil for an attribute that is not there.
    public init(_ description: String, _ isMatch: @escaping @Sendable (AttributeValue?) -> Bool) {
        self.description = description
        self.isMatch = isMatch
    }

    /// Whether the value of an attribute, nil where there is none, is as expected.
    public func matches(_ value: AttributeValue?) -> Bool { isMatch(value) }

    /// Exactly this value.
    public static func equal(to expected: AttributeValue) -> AttributeMatcher {
        AttributeMatcher("\(expected)") { $0 == expected }
    }

    /// Any value.
    public static let present = AttributeMatcher("any value") { $0 != nil }

    /// No such attribute.
    public static let absent = AttributeMatcher("no such attribute") { $0 == nil }

    /// A text that holds `part`.
    public static func containing(_ part: String) -> AttributeMatcher {
        AttributeMatcher("a text that contains '\(part)'") { value in
            guard case .string(let text) = value else { return false }
            return part.isEmpty || text.contains(part)
        }
    }

    /// A text that begins with `prefix`.
    public static func hasPrefix(_ prefix: String) -> AttributeMatcher {
        AttributeMatcher("a text that begins with '\(prefix)'") { value in
            guard case .string(let text) = value else { return false }
            return text.hasPrefix(prefix)
        }
    }

    /// A number, whole or not, of at least `bound`.
    public static func atLeast(_ bound: Double) -> AttributeMatcher {
        AttributeMatcher("a number of at least \(bound)") { value in value?.number.map { $0 >= bound } ?? false }
    }

    /// A number, whole or not, of at most `bound`.
    public static func atMost(_ bound: Double) -> AttributeMatcher {
        AttributeMatcher("a number of at most \(bound)") { value in value?.number.map { $0 <= bound } ?? false }
    }

    /// One of these values.
    public static func oneOf(_ values: [AttributeValue]) -> AttributeMatcher {
        AttributeMatcher("one of \(values)") { value in value.map(values.contains) ?? false }
    }
}

extension AttributeValue {
    fileprivate var number: Double? {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }
}
