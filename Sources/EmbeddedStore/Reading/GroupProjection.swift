import OTLP
import TraceStorage

/// Reads fields of rows of a row group.
struct GroupProjection {
    let scan: BlockScan
    let group: RowGroup

    /// One field of some rows, which are in rising order; attributes of rows kept raw read as absent.
    func column(_ field: FieldReference, rows: [Int]) throws(StorageError) -> FieldColumn {
        switch field {
        case .kind: return try integers(.kind, rows) { UInt64(bitPattern: ZigZag.decode($0)) }
        case .statusCode: return try integers(.statusCode, rows) { UInt64(bitPattern: ZigZag.decode($0)) }
        case .startTime:
            let times = try group.startTimes()
            return .integers(rows.map { times[$0] })
        case .duration:
            let durations = try group.durations()
            return .integers(rows.map { durations[$0] })
        case .name: return try texts(.name, rows) { $0.fieldValue }
        case .statusMessage: return try texts(.statusMessage, rows) { $0.bytes.isEmpty ? .none : $0.fieldValue }
        case .adjustedCount: return try texts(.traceState, rows) { .double(TraceStateWeight.adjustedCount($0.bytes)) }
        case .serviceName, .scopeName, .scopeVersion: return try byScope(rows, scan.scopeValues(field))
        case .traceID, .spanID, .parentSpanID: return .values(try ids(field, rows: rows))
        case .attribute(.resource, let key):
            return try byScope(rows, scan.scopeValues(.attribute(.resource, key: key)))
        case .attribute(.scope, let key): return try byScope(rows, scan.scopeValues(.attribute(.scope, key: key)))
        case .attribute(.span, let key):
            let references = scan.layout(.span, key: Array(key.utf8)).references(try group.shapes(.span))
            return try values(.span, rows.map { references[$0] })
        case .attribute(.event, let key): return try values(.event, try children(.event, key, rows))
        case .attribute(.link, let key): return try values(.link, try children(.link, key, rows))
        case .attribute(.any, let key): return try any(key, rows)
        }
    }

    private func integers(
        _ role: ColumnRole, _ rows: [Int], _ value: (UInt64) -> UInt64
    ) throws(StorageError) -> FieldColumn {
        let numbers = try group.numbers(.span, role)
        return .integers(rows.map { value(numbers[$0]) })
    }

    private func texts(
        _ role: ColumnRole, _ rows: [Int], _ value: (ValueView) -> FieldValue
    ) throws(StorageError) -> FieldColumn {
        guard let column = group.table(.span).column(role) else { throw group.corrupt("no column \(role)") }
        guard case .codes(let codes) = try group.values(.span, column: column) else {
            var values: [FieldValue] = []
            for row in rows {
                values.append(try group.withValue(.span, column: column, ordinal: row) { value($0.asText) })
            }
            return .values(values)
        }
        var interner = Interner()
        var local: [UInt64: UInt32] = [:]
        for row in rows {
            guard row < codes.count else { throw group.corrupt("column \(role) has \(codes.count) values") }
            if let known = local[codes[row]] {
                interner.codes.append(known)
                continue
            }
            interner.append(try group.withValue(.span, column: column, ordinal: row) { value($0.asText) })
            local[codes[row]] = interner.codes[interner.codes.count - 1]
        }
        return interner.column
    }

    // MARK: scopes

    private func byScope(_ rows: [Int], _ values: [FieldValue]) throws(StorageError) -> FieldColumn {
        let scopes = try group.scopeCodes()
        var interner = Interner()
        for row in rows { interner.append(values[Int(scopes[row])]) }
        return interner.column
    }

    // MARK: ids

    func ids(_ field: FieldReference, rows: [Int]) throws(StorageError) -> [FieldValue] {
        var values: [FieldValue] = []
        values.reserveCapacity(rows.count)
        let first = group.index * BlockFormat.groupRows
        switch field {
        case .traceID:
            let traces = try group.numbers(.span, .trace)
            var last: (place: UInt64, value: FieldValue)?
            for row in rows {
                if last?.place != traces[row] { last = (traces[row], .traceID(try group.block.traceID(traces[row]))) }
                values.append(last?.value ?? .none)
            }
        case .spanID: for row in rows { values.append(.spanID(try group.block.spanID(row: first + row))) }
        default:
            let parents = try group.numbers(.span, .parent)
            var externals = 0
            var seen = 0
            for row in rows {
                while seen < row {
                    if parents[seen] == 1 { externals += 1 }
                    seen += 1
                }
                values.append(try parent(parents[row], row: first + row, externals: externals))
            }
        }
        return values
    }

    private func parent(_ reference: UInt64, row: Int, externals: Int) throws(StorageError) -> FieldValue {
        switch reference {
        case 0: .none
        case 1: .spanID(SpanID(try group.fixed(.span, .parentID, word: externals)))
        default: .spanID(try group.block.spanID(row: Int(Int64(row) &- ZigZag.decode(reference - 2))))
        }
    }

    // MARK: attributes

    /// For each span the attribute of its first event or link that has it.
    private func children(_ kind: TableKind, _ key: String, _ rows: [Int]) throws(StorageError) -> [ValueReference] {
        let references = scan.layout(kind, key: Array(key.utf8)).references(try group.shapes(kind))
        let starts = try group.childStarts(kind)
        return rows.map { row in references[starts[row]..<starts[row + 1]].first { !$0.isNone } ?? .none }
    }

    private func any(_ key: String, _ rows: [Int]) throws(StorageError) -> FieldColumn {
        var result = Array(repeating: FieldValue.none, count: rows.count)
        for place in AttributePlace.anyOrder {
            let column = try self.column(.attribute(place, key: key), rows: rows)
            for index in rows.indices where result[index] == .none { result[index] = column[index] }
        }
        return .values(result)
    }

    private func values(_ kind: TableKind, _ references: [ValueReference]) throws(StorageError) -> FieldColumn {
        var interner = Interner()
        var plain: [FieldValue]?
        for (index, reference) in references.enumerated() {
            let value = try self.value(kind, reference)
            if plain == nil, !value.isShared {
                plain = (0..<index).map { interner.values[Int(interner.codes[$0])] }
            }
            if plain == nil {
                interner.append(value.value, key: value.key)
            } else {
                plain?.append(value.value)
            }
        }
        return plain.map(FieldColumn.values) ?? interner.column
    }

    /// A value, and whether it comes from a dictionary, under which key.
    private func value(
        _ kind: TableKind, _ reference: ValueReference
    ) throws(StorageError) -> (value: FieldValue, isShared: Bool, key: UInt64) {
        guard !reference.isNone else { return (.none, true, .max) }
        let column = Int(reference.column)
        let ordinal = Int(reference.ordinal)
        guard case .codes(let codes) = try group.values(kind, column: column), ordinal < codes.count else {
            return (try group.withValue(kind, column: column, ordinal: ordinal) { $0.fieldValue }, false, 0)
        }
        let key = UInt64(column) << 32 | codes[ordinal]
        if let known = scan.fieldValues[kind]?[column]?[codes[ordinal]] { return (known, true, key) }
        let value = try group.withValue(kind, column: column, ordinal: ordinal) { $0.fieldValue }
        scan.fieldValues[kind, default: [:]][column, default: [:]][codes[ordinal]] = value
        return (value, true, key)
    }
}

extension ValueView {
    /// Columns of roles have no type of their own: they are texts.
    fileprivate var asText: ValueView { ValueView(kind: .string, bytes: bytes) }
}

/// Collects values of which many are equal.
private struct Interner {
    var codes: [UInt32] = []
    var values: [FieldValue] = []
    private var byValue: [FieldValue: UInt32] = [:]
    private var byKey: [UInt64: UInt32] = [:]

    mutating func append(_ value: FieldValue) {
        if let code = byValue[value] {
            codes.append(code)
            return
        }
        byValue[value] = UInt32(values.count)
        codes.append(UInt32(values.count))
        values.append(value)
    }

    /// The same where equal keys mean equal values, without hashing the value each time.
    mutating func append(_ value: FieldValue, key: UInt64) {
        if let code = byKey[key] {
            codes.append(code)
            return
        }
        append(value)
        byKey[key] = codes[codes.count - 1]
    }

    var column: FieldColumn { .dictionary(codes: codes, values: values) }
}
