import OTLP
import TraceStorage

/// A reader over spans in a list, written for plainness: what it answers is what the protocols say, found the long
/// way.
package final class ListReader: TraceReader {
    package let fixtures: [SpanFixture]
    package let oldestReceivedAt: UInt64?
    /// Rows handed out at a time.
    private let chunkRows = 7

    package init(_ fixtures: [SpanFixture], oldestReceivedAt: UInt64? = nil) {
        self.fixtures = fixtures
        self.oldestReceivedAt = oldestReceivedAt
    }

    package func trace(
        _ id: TraceID, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> SpanBatch? {
        let spans = fixtures.filter { $0.traceID == id }
        return spans.isEmpty ? nil : try? .of(spans)
    }

    package func scan(
        _ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool
    ) throws(StorageError) {
        let rows = fixtures.filter { plan.range.contains($0.start) && $0.matches(plan.predicate) }
        for start in stride(from: 0, to: rows.count, by: chunkRows) {
            try context.check()
            let chunk = rows[start..<min(start + chunkRows, rows.count)]
            let columns = plan.fields.map { field in Self.column(chunk.map { $0.value(field) }) }
            if !body(ScanRows(count: chunk.count, columns: columns)) { return }
        }
    }

    /// Whole numbers and texts in the compact forms that real stores use.
    private static func column(_ values: [FieldValue]) -> FieldColumn {
        let numbers = values.compactMap { value -> UInt64? in
            if case .int(let number) = value { UInt64(bitPattern: number) } else { nil }
        }
        if numbers.count == values.count { return .integers(numbers) }
        let distinct = Array(Set(values))
        guard distinct.count < values.count else { return .values(values) }
        return .dictionary(codes: values.map { UInt32(distinct.firstIndex(of: $0)!) }, values: distinct)
    }

    package func services(
        in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [String] {
        let names = fixtures.filter { range.contains($0.start) }.compactMap { fixture -> String? in
            if case .string(let name) = fixture.value(.serviceName) { name } else { nil }
        }
        return Set(names).sorted()
    }

    package func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [Operation] {
        let spans = fixtures.filter { range.contains($0.start) && $0.value(.serviceName) == .string(service) }
        return Set(spans.map { Operation(name: String(decoding: $0.name, as: UTF8.self), kind: $0.kind) })
            .sorted { ($0.name, $0.kind) < ($1.name, $1.kind) }
    }

    package func statistics() -> StorageStatistics {
        var result = StorageStatistics()
        result.spans = fixtures.count
        result.oldestReceivedAt = oldestReceivedAt
        result.deletedBefore = oldestReceivedAt
        return result
    }
}

extension SpanFixture {
    func value(_ field: FieldReference) -> FieldValue {
        switch field {
        case .traceID: .traceID(traceID)
        case .spanID: .spanID(spanID)
        case .parentSpanID: parent.isValid ? .spanID(parent) : .none
        case .name: .string(String(decoding: name, as: UTF8.self))
        case .kind: .int(Int64(kind))
        case .statusCode: .int(Int64(status))
        case .statusMessage: .string(statusMessage)
        case .startTime: .int(Int64(bitPattern: start))
        case .duration: .int(end > start ? Int64(bitPattern: end - start) : 0)
        case .serviceName: value(.attribute(.resource, key: "service.name"))
        case .scopeName: .string(scope)
        case .scopeVersion: .none
        case .adjustedCount: .double(traceState == "ot=th:8" ? 2 : 1)
        case .attribute(let place, let key):
            self.candidates(place, key).first ?? .none
        }
    }

    /// The values an attribute comparison may choose from: several for events, where any may match.
    private func candidates(_ place: AttributePlace, _ key: String) -> [FieldValue] {
        func hits(_ attributes: [KeyValue]) -> [FieldValue] {
            attributes.first { $0.key == key }.map { [FieldValue($0.value)] } ?? []
        }
        switch place {
        case .resource: return hits(resource)
        case .scope, .link: return []
        case .span: return hits(attributes)
        case .event: return events.flatMap { hits($0.attributes) }
        case .any:
            for place in [AttributePlace.span, .resource, .event] {
                let found = candidates(place, key)
                if !found.isEmpty { return found }
            }
            return []
        }
    }

    func matches(_ predicate: SpanPredicate) -> Bool {
        switch predicate {
        case .all: return true
        case .and(let parts): return parts.allSatisfy(matches)
        case .or(let parts): return parts.contains(where: matches)
        case .not(let part): return !matches(part)
        case .exists(let field): return !candidates(field).isEmpty
        case .tag(let key, let text):
            return (attributes + resource).contains { $0.key == key && FieldValue($0.value).text == text }
        case .compare(let field, let comparison, let value):
            return candidates(field).contains { $0.satisfies(comparison, value) }
        }
    }

    private func candidates(_ field: FieldReference) -> [FieldValue] {
        if case .attribute(let place, let key) = field { return candidates(place, key) }
        let value = value(field)
        return value == .none ? [] : [value]
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
        case .bytes(let bytes): self = .bytes(bytes)
        case .array(let elements): self = .array(elements.map(FieldValue.init))
        case .keyValueList: self = .keyValueList("")
        }
    }

    var text: String {
        switch self {
        case .string(let text): text
        case .int(let number): "\(number)"
        case .double(let number): "\(number)"
        case .bool(let flag): "\(flag)"
        default: ""
        }
    }

    fileprivate func satisfies(_ comparison: ComparisonOperator, _ other: FieldValue) -> Bool {
        if case .array(let elements) = self {
            let isNegative = comparison == .notEqual || comparison == .notMatches
            return isNegative
                ? elements.allSatisfy { $0.satisfies(comparison, other) }
                : elements.contains { $0.satisfies(comparison, other) }
        }
        switch comparison {
        case .matches, .notMatches:
            guard case .string(let text) = self, case .string(let pattern) = other,
                let regex = try? Regex("(?:\(pattern))")
            else { return false }
            return (text.wholeMatch(of: regex) != nil) == (comparison == .matches)
        default:
            guard let order = order(other) else { return false }
            switch comparison {
            case .equal: return order == 0
            case .notEqual: return order != 0
            case .less: return order < 0
            case .lessOrEqual: return order <= 0
            case .greater: return order > 0
            default: return order >= 0
            }
        }
    }

    /// Negative, zero or positive; nil for values that cannot be compared.
    private func order(_ other: FieldValue) -> Int? {
        func of<Value: Comparable>(_ a: Value, _ b: Value) -> Int { a < b ? -1 : a == b ? 0 : 1 }
        return switch (self, other) {
        case (.string(let a), .string(let b)): of(a, b)
        case (.int(let a), .int(let b)): of(a, b)
        case (.int(let a), .double(let b)): of(Double(a), b)
        case (.double(let a), .int(let b)): of(a, Double(b))
        case (.double(let a), .double(let b)): of(a, b)
        case (.bool(let a), .bool(let b)): a == b ? 0 : 1
        case (.traceID(let a), .traceID(let b)): of(a, b)
        case (.spanID(let a), .spanID(let b)): of(a, b)
        default: nil
        }
    }
}
