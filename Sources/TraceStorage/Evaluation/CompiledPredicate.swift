import OTLP

/// A ``SpanPredicate`` with keys and literals as bytes and patterns compiled, made once for a scan.
///
/// A comparison with an event's or link's attribute holds when it holds for any of the span's events or links.
package indirect enum CompiledPredicate: Sendable {
    case all
    case compare(FieldReference, ValueTest)
    case attribute(AttributePlace, key: [UInt8], ValueTest)
    case exists(FieldReference)
    case attributeExists(AttributePlace, key: [UInt8])
    case tag(key: [UInt8], ValueTest)
    case and([CompiledPredicate])
    case or([CompiledPredicate])
    case not(CompiledPredicate)

    /// Levels of `and`, `or` and `not`; keeps the walk over a predicate within a small stack.
    package static let depthMax = 128

    /// - Throws: ``StorageError/limitExceeded(message:)`` for a predicate that is too deep or has a regular expression
    ///   that cannot be compiled.
    package init(_ predicate: SpanPredicate) throws(StorageError) {
        self = try Self.compile(predicate, depth: 0)
    }

    private static func compile(_ predicate: SpanPredicate, depth: Int) throws(StorageError) -> CompiledPredicate {
        guard depth < depthMax else { throw .limitExceeded(message: "condition nested deeper than \(depthMax) levels") }
        switch predicate {
        case .all: return .all
        case .compare(.attribute(let place, let key), let op, let value):
            return .attribute(place, key: Array(key.utf8), try ValueTest(op, value))
        case .compare(let field, let op, let value): return .compare(field, try ValueTest(op, value))
        case .exists(.attribute(let place, let key)): return .attributeExists(place, key: Array(key.utf8))
        case .exists(let field): return .exists(field)
        case .tag(let key, let text): return .tag(key: Array(key.utf8), ValueTest(tagText: text))
        case .and(let parts): return .and(try compile(parts, depth: depth))
        case .or(let parts): return .or(try compile(parts, depth: depth))
        case .not(let part): return .not(try compile(part, depth: depth + 1))
        }
    }

    private static func compile(_ parts: [SpanPredicate], depth: Int) throws(StorageError) -> [CompiledPredicate] {
        var compiled: [CompiledPredicate] = []
        for part in parts { compiled.append(try compile(part, depth: depth + 1)) }
        return compiled
    }

    /// Whether the span in this row of a batch passes.
    package func passes(_ batch: SpanBatch, row: Int) -> Bool {
        batch.bytes.withUnsafeBytes { passes(batch, batch.spans[row], row, $0) }
    }

    private func passes(_ batch: SpanBatch, _ span: SpanRow, _ row: Int, _ base: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .all: return true
        case .compare(let field, let test):
            switch field {
            case .duration: return test.passes(nanoseconds: span.durationNanoseconds)
            case .startTime: return test.passes(nanoseconds: span.startTime)
            case .kind: return test.passes(int: Int64(span.kind))
            case .statusCode: return test.passes(int: Int64(span.statusCode))
            case .name: return test.passes(text: UnsafeRawBufferPointer(rebasing: base[span.name.indices]))
            case .serviceName:
                let attributes = batch.resource(of: span).attributes
                guard let row = batch.attribute("service.name", in: attributes), row.kind == .string else {
                    return false
                }
                return test.passes(ValueView(row, base: base))
            default: return test.passes(SpanFieldReader(batch).value(of: field, row: row))
            }
        case .attribute(let place, let key, let test):
            return anyFirst(batch, span, place, key, base) { test.passes($0) }
        case .exists(let field): return SpanFieldReader(batch).value(of: field, row: row) != .none
        case .attributeExists(let place, let key): return anyFirst(batch, span, place, key, base) { _ in true }
        case .tag(let key, let test):
            return AttributePlace.anyOrder.contains { anyFirst(batch, span, $0, key, base) { test.passes($0) } }
        case .and(let parts): return parts.allSatisfy { $0.passes(batch, span, row, base) }
        case .or(let parts): return parts.contains { $0.passes(batch, span, row, base) }
        case .not(let part): return !part.passes(batch, span, row, base)
        }
    }

    private func anyFirst(
        _ batch: SpanBatch, _ span: SpanRow, _ place: AttributePlace, _ key: [UInt8], _ base: UnsafeRawBufferPointer,
        _ condition: (ValueView) -> Bool
    ) -> Bool {
        var isFound = false
        batch.forEachFirst(key, in: place, of: span, base: base) { view in
            isFound = condition(view)
            return !isFound
        }
        return isFound
    }
}

extension SpanPredicate {
    /// Evaluates the predicate on one span; use a ``CompiledPredicate`` for many.
    package func passes(_ batch: SpanBatch, row: Int) throws(StorageError) -> Bool {
        try CompiledPredicate(self).passes(batch, row: row)
    }
}
