import OTLP
import TraceStorage

/// Comparisons of values as TraceQL defines them.
enum TraceQLComparison {
    /// Whether a value compares as asked. Values of different types never do, whatever the operator; of an array any
    /// element has to, for `!=` and `!~` all.
    ///
    /// `pattern` is the compiled right side of `=~` and `!~`.
    static func holds(
        _ value: FieldValue, _ comparison: ComparisonOperator, _ other: FieldValue, pattern: TextPattern? = nil
    ) -> Bool {
        if case .array(let elements) = value {
            let isNegative = comparison == .notEqual || comparison == .notMatches
            let test = { (element: FieldValue) in holds(element, comparison, other, pattern: pattern) }
            return isNegative ? elements.allSatisfy(test) : elements.contains(where: test)
        }
        switch comparison {
        case .matches, .notMatches:
            guard case .string(let text) = value, let pattern else { return false }
            return pattern.matchesWhole(text) == (comparison == .matches)
        case .equal: return order(value, other) == .same
        case .notEqual: return order(value, other).map { $0 != .same } ?? false
        case .less: return order(value, other) == .before
        case .lessOrEqual: return order(value, other).map { $0 == .before || $0 == .same } ?? false
        case .greater: return order(value, other) == .after
        case .greaterOrEqual: return order(value, other).map { $0 == .after || $0 == .same } ?? false
        }
    }

    private enum Order {
        case before, same, after
        /// Different, without a first one: booleans, and numbers of which one is NaN.
        case different

        init<Value: Comparable>(_ a: Value, _ b: Value) {
            self = a == b ? .same : a < b ? .before : a > b ? .after : .different
        }
    }

    /// Nil for types that do not compare.
    private static func order(_ a: FieldValue, _ b: FieldValue) -> Order? {
        switch (a, b) {
        // By code units, as everywhere in TraceQL; Swift's own comparison takes canonically equal texts for equal.
        case (.string(let a), .string(let b)): order(a.utf8, b.utf8)
        case (.int(let a), .int(let b)): Order(a, b)
        case (.int(let a), .double(let b)): Order(Double(a), b)
        case (.double(let a), .int(let b)): Order(a, Double(b))
        case (.double(let a), .double(let b)): Order(a, b)
        case (.bool(let a), .bool(let b)): a == b ? .same : .different
        default: nil
        }
    }

    private static func order(_ a: String.UTF8View, _ b: String.UTF8View) -> Order {
        a.elementsEqual(b) ? .same : a.lexicographicallyPrecedes(b) ? .before : .after
    }
}

extension FieldValue {
    init(_ value: AnyValue) {
        switch value {
        case .empty: self = .none
        case .string(let text): self = .string(text)
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .double(let number): self = .double(number)
        case .array(let elements): self = .array(elements.map(FieldValue.init))
        // Present, and equal to no literal: maps have none.
        case .keyValueList: self = .keyValueList("")
        case .bytes(let bytes): self = .bytes(bytes)
        }
    }
}
