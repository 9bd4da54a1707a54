import TraceStorage

/// Recursive descent over the tokens of a query.
///
/// Precedence from low to high: `&&` and `||` alike and from the left, comparisons, `+` and `-`, `!`, `*` `/` `%`,
/// `^`, unary minus; so `a || b && c` means `(a || b) && c`.
struct TraceQLParser {
    private let source: String
    private let tokens: [TraceQLToken]
    private var index = 0
    /// Operators and parentheses so far.
    private var parts = 0

    init(_ source: String, _ tokens: [TraceQLToken]) {
        self.source = source
        self.tokens = tokens
    }

    private var token: TraceQLToken { tokens[index] }

    mutating func query() throws(TraceQLError) -> SpansetExpression {
        let result = try spansets()
        guard token.kind == .end else { throw unexpected("'&&', '||' or the end of the query") }
        return result
    }

    // MARK: spansets

    private static let structural: Set = [
        ">", "<", ">>", "<<", "~", "!>", "!<", "!>>", "!<<", "!~", "&>", "&<", "&>>", "&<<", "&~",
    ]

    private mutating func spansets() throws(TraceQLError) -> SpansetExpression {
        var left = try spanset()
        while case .symbol(let symbol) = token.kind {
            let operation = token
            switch symbol {
            case "&&", "||":
                try enter()
                index += 1
                let right = try spanset()
                left = symbol == "&&" ? .and(left, right) : .or(left, right)
            case "|": throw pipeline()
            case _ where Self.structural.contains(symbol):
                throw unsupported(operation, "structural operator '\(symbol)'")
            default: throw unexpected("'&&' or '||' between spansets")
            }
        }
        if token.kind == .word("with") { throw unsupported(token, "query hint 'with'") }
        return left
    }

    private mutating func spanset() throws(TraceQLError) -> SpansetExpression {
        let start = token
        switch token.kind {
        case .openBrace:
            index += 1
            if take(.closeBrace) { return .filter(nil) }
            let expression = try logical()
            guard take(.closeBrace) else { throw unexpected("an operator or '}'") }
            return .filter(expression)
        case .openParenthesis:
            try enter()
            index += 1
            let inner = try spansets()
            guard take(.closeParenthesis) else { throw unexpected("')'") }
            return inner
        case .word(let word) where Self.aggregates.contains(word):
            throw unsupported(start, "scalar filter '\(word)(…)'")
        default: throw unexpected("a spanset filter in '{ }'")
        }
    }

    private static let aggregates: Set = ["count", "min", "max", "avg", "sum"]
    private static let stages: Set = [
        "by", "coalesce", "select", "rate", "count_over_time", "min_over_time", "max_over_time", "avg_over_time",
        "sum_over_time", "histogram_over_time", "quantile_over_time", "compare", "topk", "bottomk",
    ]

    /// What stands after a `|`.
    private mutating func pipeline() -> TraceQLError {
        let bar = token
        index += 1
        switch token.kind {
        case .word(let word) where Self.aggregates.contains(word) || Self.stages.contains(word):
            return unsupported(bar, "pipeline stage '\(word)(…)'")
        case .openBrace, .openParenthesis: return unsupported(bar, "pipeline of several filters")
        default: return unexpected("a pipeline stage after '|'")
        }
    }

    // MARK: field expressions

    private mutating func logical() throws(TraceQLError) -> FieldExpression {
        var left = try comparison()
        while case .symbol(let symbol) = token.kind, symbol == "&&" || symbol == "||" {
            try enter()
            index += 1
            let right = try comparison()
            left = symbol == "&&" ? .and(left, right) : .or(left, right)
        }
        return left
    }

    private static let comparisons: [String: ComparisonOperator] = [
        "=": .equal, "!=": .notEqual, "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual,
        "=~": .matches, "!~": .notMatches,
    ]

    private mutating func comparison() throws(TraceQLError) -> FieldExpression {
        let left = try unary()
        guard case .symbol(let symbol) = token.kind, let comparison = Self.comparisons[symbol] else {
            try refuseArithmetic()
            return left
        }
        let offset = token.offset
        index += 1
        let right = try unary()
        try refuseArithmetic()
        if case .symbol(let symbol) = token.kind, Self.comparisons[symbol] != nil {
            throw unsupported(token, "comparison of a comparison")
        }
        return .compare(left, comparison, right, at: offset)
    }

    private func refuseArithmetic() throws(TraceQLError) {
        guard case .symbol(let symbol) = token.kind, "+-*/%^".contains(symbol) else { return }
        throw unsupported(token, "arithmetic operator '\(symbol)'")
    }

    private mutating func unary() throws(TraceQLError) -> FieldExpression {
        let start = token
        switch token.kind {
        case .symbol("!"): return try negation()
        case .symbol("-"):
            index += 1
            return .literal(try negativeNumber(start), at: start.offset)
        default: return try primary()
        }
    }

    private mutating func negation() throws(TraceQLError) -> FieldExpression {
        let start = token.offset
        var count = 0
        while token.kind == .symbol("!") {
            try enter()
            index += 1
            count += 1
        }
        let operand = try unary()
        // The negation of an attribute that is no boolean has no value, and so is not true either.
        if case .field(.attribute, let at) = operand {
            return .compare(operand, .equal, .literal(.bool(count % 2 == 0), at: at), at: at)
        }
        return (0..<count).reduce(operand) { inner, _ in .not(inner, at: start) }
    }

    private mutating func negativeNumber(_ minus: TraceQLToken) throws(TraceQLError) -> TraceQLLiteral {
        defer { index += 1 }
        switch token.kind {
        case .int(let value): return .int(0 &- value)
        case .float(let value): return .float(-value)
        case .duration(let value): return .duration(0 &- value)
        case .end, .closeBrace, .closeParenthesis, .symbol: throw unexpected("a number after '-'")
        default: throw unsupported(minus, "arithmetic operator '-'")
        }
    }

    private mutating func primary() throws(TraceQLError) -> FieldExpression {
        let start = token
        index += 1
        switch start.kind {
        case .string(let text): return .literal(.string(text), at: start.offset)
        case .int(let value): return .literal(.int(value), at: start.offset)
        case .float(let value): return .literal(.float(value), at: start.offset)
        case .duration(let value): return .literal(.duration(value), at: start.offset)
        case .attribute(let place, let key): return .field(.attribute(place, key: key), at: start.offset)
        case .parentAttribute(let text): throw unsupported(start, "attribute '\(text)'")
        case .openParenthesis:
            try enter()
            let inner = try logical()
            guard take(.closeParenthesis) else { throw unexpected("an operator or ')'") }
            return inner
        case .word(let word): return try self.word(word, start)
        default:
            index -= 1
            throw unexpected("an attribute, an intrinsic or a value")
        }
    }

    private func word(_ word: String, _ start: TraceQLToken) throws(TraceQLError) -> FieldExpression {
        if let literal = TraceQLLiteral(word: word) { return .literal(literal, at: start.offset) }
        if let intrinsic = TraceQLIntrinsic(word: word) { return .field(.intrinsic(intrinsic), at: start.offset) }
        if TraceQLIntrinsic.unsupported.contains(word) { throw unsupported(start, "intrinsic '\(word)'") }
        throw TraceQLError(
            .syntax, at: start.offset, in: source,
            "'\(word)' is no intrinsic or keyword, expected one, or an attribute such as '.\(word)'")
    }

    // MARK: parts

    private mutating func take(_ kind: TraceQLToken.Kind) -> Bool {
        guard token.kind == kind else { return false }
        index += 1
        return true
    }

    private mutating func enter() throws(TraceQLError) {
        parts += 1
        guard parts <= TraceQLQuery.partsMax else {
            throw TraceQLError(
                .syntax, at: token.offset, in: source,
                "query of more than \(TraceQLQuery.partsMax) operators and parentheses")
        }
    }

    private func unexpected(_ expected: String) -> TraceQLError {
        TraceQLError(.syntax, at: token.offset, in: source, "found \(token.text), expected \(expected)")
    }

    private func unsupported(_ token: TraceQLToken, _ what: String) -> TraceQLError {
        TraceQLError(.unsupported, at: token.offset, in: source, "\(what) is not supported")
    }
}
