import OTLP
import TraceStorage

/// Evaluates a query over one whole trace.
package struct TraceQLEvaluator {
    private let batch: SpanBatch
    private let root: SpanRow?
    private let durationNanoseconds: UInt64
    /// Compiled patterns of the query, by their text.
    private let patterns: [String: TextPattern]

    /// `batch` holds the spans of one trace.
    package init(_ batch: SpanBatch, query: TraceQLQuery) {
        self.init(batch, patterns: Self.patterns(of: query))
    }

    init(_ batch: SpanBatch, patterns: [String: TextPattern]) {
        self.batch = batch
        self.patterns = patterns
        root = batch.rootSpan
        durationNanoseconds = batch.extent.durationNanoseconds
    }

    /// The rows of ``SpanBatch/spans`` that a spanset expression selects, ascending; empty when the trace does not
    /// match. Spans that start outside the range match nothing.
    package func matches(_ expression: SpansetExpression, in range: TimeRange = .all) -> [Int] {
        switch expression {
        case .filter(let condition):
            return batch.spans.indices.filter { index in
                let span = batch.spans[index]
                return range.contains(span.startTime) && (condition.map { isTrue($0, span) } ?? true)
            }
        case .and(let left, let right):
            let (a, b) = (matches(left, in: range), matches(right, in: range))
            return a.isEmpty || b.isEmpty ? [] : Set(a).union(b).sorted()
        case .or(let left, let right):
            return Set(matches(left, in: range)).union(matches(right, in: range)).sorted()
        }
    }

    static func patterns(of query: TraceQLQuery) -> [String: TextPattern] {
        var result: [String: TextPattern] = [:]
        collect(query.spanset, &result)
        return result
    }

    private static func collect(_ spanset: SpansetExpression, _ patterns: inout [String: TextPattern]) {
        switch spanset {
        case .filter(let expression): expression.map { collect($0, &patterns) }
        case .and(let left, let right), .or(let left, let right):
            collect(left, &patterns)
            collect(right, &patterns)
        }
    }

    private static func collect(_ expression: FieldExpression, _ patterns: inout [String: TextPattern]) {
        switch expression {
        case .compare(_, .matches, .literal(.string(let text), _), _),
            .compare(_, .notMatches, .literal(.string(let text), _), _):
            // Checked when the query was; a pattern that did not compile would match nothing.
            patterns[text] = try? TextPattern(text)
        case .and(let left, let right), .or(let left, let right):
            collect(left, &patterns)
            collect(right, &patterns)
        case .not(let inner, _): collect(inner, &patterns)
        case .compare, .field, .literal: break
        }
    }

    // MARK: one span

    private func isTrue(_ expression: FieldExpression, _ span: SpanRow) -> Bool {
        switch expression {
        case .and(let left, let right): isTrue(left, span) && isTrue(right, span)
        case .or(let left, let right): isTrue(left, span) || isTrue(right, span)
        case .not(let inner, _): !isTrue(inner, span)
        case .literal(let literal, _): literal == .bool(true)
        case .field(let field, _): values(field, span).contains(.bool(true))
        case .compare(.field(let field, _), let comparison, .literal(let literal, _), _):
            compare(field, comparison, literal, span)
        case .compare(.literal(let literal, _), let comparison, .field(let field, _), _):
            compare(field, comparison.flipped, literal, span)
        case .compare(.literal(let left, _), let comparison, .literal(let right, _), _):
            TraceQLComparison.holds(left.value, comparison, right.value, pattern: pattern(right))
        // Refused by the validator.
        case .compare: false
        }
    }

    private func pattern(_ literal: TraceQLLiteral) -> TextPattern? {
        if case .string(let text) = literal { patterns[text] } else { nil }
    }

    private func compare(
        _ field: TraceQLField, _ comparison: ComparisonOperator, _ literal: TraceQLLiteral, _ span: SpanRow
    ) -> Bool {
        let values = values(field, span)
        if literal == .nil { return values.isEmpty == (comparison == .equal) }
        var other = literal.value
        if field == .intrinsic(.traceID) || field == .intrinsic(.linkTraceID), case .string(let text) = other,
            comparison == .equal || comparison == .notEqual
        {
            other = .string(TraceID(paddedHex: text)?.hex ?? text)
        }
        let pattern = comparison == .matches || comparison == .notMatches ? pattern(literal) : nil
        return values.contains { TraceQLComparison.holds($0, comparison, other, pattern: pattern) }
    }

    /// What a field is on a span: nothing, one value, or several of which any may meet a condition.
    private func values(_ field: TraceQLField, _ span: SpanRow) -> [FieldValue] {
        switch field {
        case .attribute(let place, let key): attributes(Array(key.utf8), place, span)
        case .intrinsic(let intrinsic): values(intrinsic, span)
        }
    }

    private func attributes(_ key: [UInt8], _ place: AttributePlace, _ span: SpanRow) -> [FieldValue] {
        switch place {
        case .span: return attribute(key, span.attributes)
        case .resource: return attribute(key, batch.resource(of: span).attributes)
        case .scope: return attribute(key, batch.scope(of: span).attributes)
        case .event: return batch.events[span.events.indices].flatMap { attribute(key, $0.attributes) }
        case .link: return batch.links[span.links.indices].flatMap { attribute(key, $0.attributes) }
        case .any:
            for place in [AttributePlace.span, .resource, .event, .link, .scope] {
                let found = attributes(key, place, span)
                if !found.isEmpty { return found }
            }
            return []
        }
    }

    private func attribute(_ key: [UInt8], _ rows: RowRange) -> [FieldValue] {
        guard let row = batch.attribute(key, in: rows) else { return [] }
        let value = FieldValue(batch.value(of: row))
        return value == .none ? [] : [value]
    }

    private func values(_ intrinsic: TraceQLIntrinsic, _ span: SpanRow) -> [FieldValue] {
        switch intrinsic {
        case .name: [text(span.name)]
        case .duration: [.int(Int64(clamping: span.durationNanoseconds))]
        case .status: [.int(Int64(span.statusCode))]
        case .statusMessage: [text(span.statusMessage)]
        case .kind: [.int(Int64(span.kind))]
        case .spanID: [.string(span.spanID.hex)]
        case .parentID: [.string(span.parentSpanID.isValid ? span.parentSpanID.hex : "")]
        case .traceID: [.string(span.traceID.hex)]
        case .traceDuration: [.int(Int64(clamping: durationNanoseconds))]
        case .rootName: root.map { [text($0.name)] } ?? []
        case .rootService: root.flatMap { batch.serviceName(of: batch.resource(of: $0)) }.map { [.string($0)] } ?? []
        case .eventName: batch.events[span.events.indices].map { text($0.name) }
        case .eventTimeSinceStart:
            batch.events[span.events.indices].map { .int(Int64(clamping: $0.time) &- Int64(clamping: span.startTime)) }
        case .linkTraceID: batch.links[span.links.indices].map { .string($0.traceID.hex) }
        case .linkSpanID: batch.links[span.links.indices].map { .string($0.spanID.hex) }
        case .scopeName: [text(batch.scope(of: span).name)]
        case .scopeVersion: [text(batch.scope(of: span).version)]
        }
    }

    private func text(_ range: ByteRange) -> FieldValue { .string(batch.string(range)) }
}

/// From the first start to the last end of some spans.
package struct TraceExtent: Hashable, Sendable {
    /// Unix nanoseconds.
    package var start: UInt64
    package var end: UInt64

    package var durationNanoseconds: UInt64 { end > start ? end - start : 0 }
}

extension SpanBatch {
    /// The earliest span without a parent; nil when there is none.
    package var rootSpan: SpanRow? {
        spans.filter { !$0.parentSpanID.isValid }.min { $0.startTime < $1.startTime }
    }

    /// From the first start to the last end; zero without spans.
    package var extent: TraceExtent {
        guard let start = spans.map(\.startTime).min() else { return TraceExtent(start: 0, end: 0) }
        return TraceExtent(start: start, end: max(start, spans.map(\.endTime).max() ?? start))
    }
}
