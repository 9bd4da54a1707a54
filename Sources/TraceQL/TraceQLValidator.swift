import TraceStorage

/// Checks the types of a parsed query.
struct TraceQLValidator {
    /// What an expression can be. The type of an attribute is known only when a span is looked at.
    enum ValueType: String {
        case any = "attribute"
        case string, number, bool, status, kind, `nil`
    }

    let source: String

    func check(_ spanset: SpansetExpression) throws(TraceQLError) {
        switch spanset {
        case .filter(nil): return
        case .filter(let expression?): try condition(expression)
        case .and(let left, let right), .or(let left, let right):
            try check(left)
            try check(right)
        }
    }

    /// Checks an expression that has to be true or false.
    private func condition(_ expression: FieldExpression) throws(TraceQLError) {
        let type = try type(expression)
        guard type == .bool || type == .any else {
            throw error(expression.offset, "condition is a \(type.rawValue), expected true or false")
        }
    }

    private func type(_ expression: FieldExpression) throws(TraceQLError) -> ValueType {
        switch expression {
        case .literal(let literal, _): return Self.type(literal)
        case .field(.attribute, _): return .any
        case .field(.intrinsic(let intrinsic), _): return Self.type(intrinsic)
        case .not(let inner, _): try condition(inner)
        case .and(let left, let right), .or(let left, let right):
            try condition(left)
            try condition(right)
        case .compare(let left, let comparison, let right, let offset):
            try compare(left, comparison, right, offset)
        }
        return .bool
    }

    private func compare(
        _ left: FieldExpression, _ comparison: ComparisonOperator, _ right: FieldExpression, _ offset: Int
    ) throws(TraceQLError) {
        let (a, b) = (try type(left), try type(right))
        if comparison == .matches || comparison == .notMatches { return try pattern(left, a, right) }
        if a == .nil || b == .nil { return try nilComparison(left, a, comparison, right, b, offset) }
        guard a == b || a == .any || b == .any else {
            throw error(offset, "\(a.rawValue) compared with \(b.rawValue), expected two of one type")
        }
        let onlyEqual: Set<ValueType> = [.bool, .status, .kind]
        guard comparison == .equal || comparison == .notEqual || !(onlyEqual.contains(a) || onlyEqual.contains(b))
        else {
            throw error(offset, "\((a == .any ? b : a).rawValue) has no order, expected '=' or '!='")
        }
        try sides(left, right, offset)
    }

    /// One side has to be a field and the other a literal, or both literals.
    private func sides(
        _ left: FieldExpression, _ right: FieldExpression, _ offset: Int
    ) throws(TraceQLError) {
        switch (left, right) {
        case (.literal, .literal), (.literal, .field), (.field, .literal): return
        case (.field, .field):
            throw TraceQLError(.unsupported, at: offset, in: source, "comparison of two fields is not supported")
        default:
            throw TraceQLError(.unsupported, at: offset, in: source, "comparison of a condition is not supported")
        }
    }

    private func pattern(
        _ left: FieldExpression, _ type: ValueType, _ right: FieldExpression
    ) throws(TraceQLError) {
        guard case .literal(.string(let text), let at) = right else {
            throw error(right.offset, "pattern is no string, expected a regular expression in quotes")
        }
        guard type == .string || type == .any else {
            throw error(left.offset, "pattern compared with a \(type.rawValue), expected a string or an attribute")
        }
        do throws(TextPatternError) { _ = try TextPattern(text) } catch {
            throw self.error(at, "invalid regular expression: \(error)")
        }
        try sides(left, right, left.offset)
    }

    private func nilComparison(
        _ left: FieldExpression, _ a: ValueType, _ comparison: ComparisonOperator, _ right: FieldExpression,
        _ b: ValueType, _ offset: Int
    ) throws(TraceQLError) {
        guard comparison == .equal || comparison == .notEqual else {
            throw error(offset, "nil has no order, expected '=' or '!='")
        }
        let other = a == .nil ? right : left
        switch other {
        case .field(.attribute(.resource, "service.name"), _), .field(.intrinsic, _):
            throw error(offset, "comparison with nil of what every span has, expected an attribute")
        case .field: return
        default: throw error(offset, "comparison of nil with \((a == .nil ? b : a).rawValue), expected an attribute")
        }
    }

    private func error(_ offset: Int, _ message: String) -> TraceQLError {
        TraceQLError(.type, at: offset, in: source, message)
    }

    private static func type(_ literal: TraceQLLiteral) -> ValueType {
        switch literal {
        case .string: .string
        case .int, .float, .duration: .number
        case .bool: .bool
        case .status: .status
        case .kind: .kind
        case .nil: .nil
        }
    }

    private static func type(_ intrinsic: TraceQLIntrinsic) -> ValueType {
        switch intrinsic {
        case .duration, .traceDuration, .eventTimeSinceStart: .number
        case .status: .status
        case .kind: .kind
        default: .string
        }
    }
}
