import OTLP
import TraceStorage

/// Turns an expression into the condition that a store evaluates.
///
/// A store sees one span at a time, so what needs the whole trace (`rootName`, `traceDuration`), and the few fields
/// that plans do not have, cannot be asked of it. Such a part is replaced so that the condition holds for every span
/// for which the expression holds, and for some more; ``TraceQLEvaluator`` decides about those.
struct TraceQLCompiler {
    /// A condition that is true whenever `expression` is.
    static func predicate(_ expression: FieldExpression?) -> SpanPredicate {
        guard let expression else { return .all }
        return compile(expression, isUpperBound: true)
    }

    /// A condition that is true exactly when `expression` is; nil when there is none.
    static func exactPredicate(_ expression: FieldExpression?) -> SpanPredicate? {
        guard let expression else { return .all }
        let upper = compile(expression, isUpperBound: true)
        return upper == compile(expression, isUpperBound: false) ? upper : nil
    }

    /// A condition that is true whenever the expression is (an upper bound), or one that is true only if it is.
    private static func compile(_ expression: FieldExpression, isUpperBound: Bool) -> SpanPredicate {
        switch expression {
        case .and(let left, let right):
            .and([compile(left, isUpperBound: isUpperBound), compile(right, isUpperBound: isUpperBound)])
        case .or(let left, let right):
            .or([compile(left, isUpperBound: isUpperBound), compile(right, isUpperBound: isUpperBound)])
        case .not(let inner, _): .not(compile(inner, isUpperBound: !isUpperBound))
        case .literal(let literal, _): literal == .bool(true) ? .all : .not(.all)
        case .field(let field, _): compare(field, .equal, .bool(true), isUpperBound)
        case .compare(.literal(let left, _), let comparison, .literal(let right, _), _):
            TraceQLComparison.holds(left.value, comparison, right.value, pattern: pattern(right)) ? .all : .not(.all)
        case .compare(.field(let field, _), let comparison, .literal(let literal, _), _):
            compare(field, comparison, literal, isUpperBound)
        case .compare(.literal(let literal, _), let comparison, .field(let field, _), _):
            compare(field, comparison.flipped, literal, isUpperBound)
        case .compare: isUpperBound ? .all : .not(.all)
        }
    }

    private static func compare(
        _ field: TraceQLField, _ comparison: ComparisonOperator, _ literal: TraceQLLiteral, _ isUpperBound: Bool
    ) -> SpanPredicate {
        guard let reference = reference(field) else { return isUpperBound ? .all : .not(.all) }
        if literal == .nil { return comparison == .equal ? .not(.exists(reference)) : .exists(reference) }
        guard let value = value(literal, for: reference, comparison) else { return isUpperBound ? .all : .not(.all) }
        return .compare(reference, comparison, value)
    }

    private static func pattern(_ literal: TraceQLLiteral) -> TextPattern? {
        if case .string(let text) = literal { try? TextPattern(text) } else { nil }
    }

    private static func reference(_ field: TraceQLField) -> FieldReference? {
        switch field {
        case .attribute(.resource, "service.name"): .serviceName
        case .attribute(let place, let key): .attribute(place, key: key)
        case .intrinsic(let intrinsic): reference(intrinsic)
        }
    }

    private static func reference(_ intrinsic: TraceQLIntrinsic) -> FieldReference? {
        switch intrinsic {
        case .name: .name
        case .duration: .duration
        case .status: .statusCode
        case .statusMessage: .statusMessage
        case .kind: .kind
        case .spanID: .spanID
        case .parentID: .parentSpanID
        case .traceID: .traceID
        case .scopeName: .scopeName
        case .scopeVersion: .scopeVersion
        case .traceDuration, .rootName, .rootService, .eventName, .eventTimeSinceStart, .linkTraceID, .linkSpanID: nil
        }
    }

    /// Nil for what a store cannot compare the field with.
    private static func value(
        _ literal: TraceQLLiteral, for reference: FieldReference, _ comparison: ComparisonOperator
    ) -> FieldValue? {
        switch (reference, literal) {
        case (.traceID, .string(let text)):
            comparison == .equal ? TraceID(paddedHex: text).map(FieldValue.traceID) : nil
        case (.spanID, .string(let text)), (.parentSpanID, .string(let text)):
            comparison == .equal ? SpanID(hex: text).map(FieldValue.spanID) : nil
        case (.statusMessage, .string(let text)), (.scopeName, .string(let text)), (.scopeVersion, .string(let text)):
            // A store may hold an empty text as none at all, so it is asked only where both give the same answer.
            TraceQLComparison.holds(.string(""), comparison, .string(text), pattern: pattern(literal))
                ? nil : literal.value
        default: literal.value
        }
    }
}

extension TraceID {
    /// Reads 1 to 32 hexadecimal digits, leading zeros left out.
    init?(paddedHex text: String) {
        let count = text.utf8.count
        guard (1...32).contains(count) else { return nil }
        self.init(hex: String(repeating: "0", count: 32 - count) + text)
    }
}

extension ComparisonOperator {
    /// The operator with which the sides change places.
    var flipped: ComparisonOperator {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        case .equal, .notEqual, .matches, .notMatches: self
        }
    }
}

extension TraceQLLiteral {
    /// As stores hold it: durations, statuses and kinds are whole numbers.
    var value: FieldValue {
        switch self {
        case .string(let text): .string(text)
        case .int(let number), .duration(let number), .status(let number), .kind(let number): .int(number)
        case .float(let number): .double(number)
        case .bool(let flag): .bool(flag)
        case .nil: .none
        }
    }
}

extension TraceQLQuery {
    /// The condition that a span has to meet, for counting spans without reading their traces; nil for a query that
    /// one span cannot answer, as it joins several spansets or asks for something of the whole trace.
    package var spanPredicate: SpanPredicate? {
        guard case .filter(let expression) = spanset else { return nil }
        return TraceQLCompiler.exactPredicate(expression)
    }
}
