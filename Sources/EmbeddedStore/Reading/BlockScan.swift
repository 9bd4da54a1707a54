import OTLP
import TraceStorage

/// What a scan keeps for one block: conditions with what they found out about dictionaries, scopes and shapes.
final class BlockScan {
    let block: BlockReader
    let scopes: SpanBatch
    private var layouts: [TableKind: [[UInt8]: KeyLayout]] = [:]
    /// The values of dictionary codes that were handed out, by column.
    var fieldValues: [TableKind: [Int: [UInt64: FieldValue]]] = [:]

    init(_ block: BlockReader) throws(StorageError) {
        self.block = block
        scopes = try block.scopes()
    }

    func layout(_ kind: TableKind, key: [UInt8]) -> KeyLayout {
        if let known = layouts[kind]?[key] { return known }
        let layout = KeyLayout(block.footer.tables[kind.rawValue], key: key)
        layouts[kind, default: [:]][key] = layout
        return layout
    }

    /// A field of the resource or scope, for each scope of the block.
    func scopeValues(_ field: FieldReference) -> [FieldValue] {
        let batch = scopes
        return batch.bytes.withUnsafeBytes { base in
            batch.scopes.map { scope in
                let resource = batch.resources[Int(scope.resource)]
                switch field {
                case .serviceName: return batch.serviceName(of: resource).map(FieldValue.string) ?? .none
                case .scopeName: return scope.name.isEmpty ? .none : .string(batch.string(scope.name))
                case .scopeVersion: return scope.version.isEmpty ? .none : .string(batch.string(scope.version))
                case .attribute(let place, let key):
                    let rows = place == .scope ? scope.attributes : resource.attributes
                    return batch.attribute(Array(key.utf8), in: rows).map { ValueView($0, base: base).fieldValue }
                        ?? .none
                default: return .none
                }
            }
        }
    }
}

/// What a condition found out about the values of one block.
final class ConditionMemo {
    enum Verdict: UInt8 { case unknown, fails, passes }

    private var codes: [TableKind: [Int: [Verdict]]] = [:]
    /// For each scope of the block whether it has the attribute and whether that passes.
    var scopes: (present: [Bool], passes: [Bool])?

    /// Whether each value of a column passes; values in a dictionary are looked at once for the block.
    func verdicts(
        _ kind: TableKind, column: Int, _ group: RowGroup, _ test: (ValueView) -> Bool
    ) throws(StorageError) -> [Bool] {
        let directory = group.table(kind).columns[column]
        switch try group.values(kind, column: column) {
        case .none, .fixed: return []
        case .numbers(let numbers):
            let isInt = directory.kind == .int
            return numbers.map { number in
                let bits = isInt ? UInt64(bitPattern: ZigZag.decode(number)) : number
                return test(ValueView(kind: directory.kind, bits: bits))
            }
        case .bytes(let page):
            let valueKind = directory.role == .attribute ? directory.kind : .string
            return page.bytes.withUnsafeBytes { base in
                (0..<page.count).map { index in
                    test(ValueView(kind: valueKind, bytes: UnsafeRawBufferPointer(rebasing: base[page.range(index)])))
                }
            }
        case .codes(let codes): return try verdicts(codes, kind, column, directory, group, test)
        }
    }

    private func verdicts(
        _ values: [UInt64], _ kind: TableKind, _ column: Int, _ directory: ColumnDirectory, _ group: RowGroup,
        _ test: (ValueView) -> Bool
    ) throws(StorageError) -> [Bool] {
        let known: [Verdict]
        if directory.dictionaryCount <= BlockFormat.dictionaryPageEntries {
            known = try dictionaryVerdicts(kind, column, directory, group.block, test)
        } else {
            known = try verdicts(ofCodes: values, kind, column, directory, group, test)
        }
        return values.map { known[Int($0)] == .passes }
    }

    /// Whether each entry of a dictionary passes.
    func dictionaryVerdicts(
        _ kind: TableKind, _ column: Int, _ directory: ColumnDirectory, _ block: BlockReader,
        _ test: (ValueView) -> Bool
    ) throws(StorageError) -> [Verdict] {
        if let known = codes[kind]?[column] { return known }
        let valueKind = directory.role == .attribute ? directory.kind : .string
        var result: [Verdict] = []
        result.reserveCapacity(directory.dictionaryCount)
        for entry in directory.dictionary {
            let page = try block.dictionaryPage(entry)
            page.bytes.withUnsafeBytes { base in
                for index in 0..<page.count {
                    let bytes = UnsafeRawBufferPointer(rebasing: base[page.range(index)])
                    result.append(test(ValueView(kind: valueKind, bytes: bytes)) ? .passes : .fails)
                }
            }
        }
        codes[kind, default: [:]][column] = result
        return result
    }

    /// For a dictionary of many pages: looks only at entries that occur.
    private func verdicts(
        ofCodes values: [UInt64], _ kind: TableKind, _ column: Int, _ directory: ColumnDirectory, _ group: RowGroup,
        _ test: (ValueView) -> Bool
    ) throws(StorageError) -> [Verdict] {
        var known = codes[kind]?[column] ?? Array(repeating: .unknown, count: directory.dictionaryCount)
        codes[kind]?[column] = nil
        let valueKind = directory.role == .attribute ? directory.kind : .string
        for code in values where known[Int(code)] == .unknown {
            let (page, index) = try group.block.dictionary(directory, code: code)
            let passes = page.bytes.withUnsafeBytes { base in
                test(ValueView(kind: valueKind, bytes: UnsafeRawBufferPointer(rebasing: base[page.range(index)])))
            }
            known[Int(code)] = passes ? .passes : .fails
        }
        codes[kind, default: [:]][column] = known
        return known
    }
}

/// A predicate made ready for one block.
indirect enum BlockCondition {
    case all
    case field(FieldReference, ValueTest?, ConditionMemo)
    case attribute(AttributePlace, key: [UInt8], ValueTest?, [AttributePlace: ConditionMemo])
    case tag(key: [UInt8], ValueTest, [AttributePlace: ConditionMemo])
    case and([BlockCondition])
    case or([BlockCondition])
    case not(BlockCondition)

    init(_ predicate: CompiledPredicate) {
        switch predicate {
        case .all: self = .all
        case .compare(let field, let test): self = .field(field, test, ConditionMemo())
        case .exists(let field): self = .field(field, nil, ConditionMemo())
        case .attribute(let place, let key, let test): self = .attribute(place, key: key, test, Self.memos())
        case .attributeExists(let place, let key): self = .attribute(place, key: key, nil, Self.memos())
        case .tag(let key, let test): self = .tag(key: key, test, Self.memos())
        case .and(let parts):
            // What reads few bytes goes first: often it leaves no row for the rest.
            let parts = parts.map(BlockCondition.init)
            self = .and(
                parts.enumerated().sorted { ($0.element.cost, $0.offset) < ($1.element.cost, $1.offset) }
                    .map(\.element))
        case .or(let parts): self = .or(parts.map(BlockCondition.init))
        case .not(let part): self = .not(BlockCondition(part))
        }
    }

    private static func memos() -> [AttributePlace: ConditionMemo] {
        Dictionary(uniqueKeysWithValues: AttributePlace.anyOrder.map { ($0, ConditionMemo()) })
    }

    /// About how many bytes a span it has to read, for an order among conditions.
    private var cost: Int {
        switch self {
        case .all: 0
        case .field(let field, _, _):
            switch field {
            case .serviceName, .scopeName, .scopeVersion, .kind, .statusCode: 1
            case .name, .statusMessage, .adjustedCount: 2
            case .duration: 5
            case .startTime: 8
            case .traceID, .spanID, .parentSpanID, .attribute: 20
            }
        case .attribute(.resource, _, _, _), .attribute(.scope, _, _, _): 1
        case .attribute(.span, _, _, _): 4
        case .attribute: 10
        case .tag: 15
        case .and(let parts): parts.map(\.cost).min() ?? 0
        case .or(let parts): parts.reduce(0) { $0 + $1.cost }
        case .not(let part): part.cost
        }
    }

    /// Whether the condition looks at attributes, which rows kept raw do not have in columns.
    var readsAttributes: Bool {
        switch self {
        case .all, .field: false
        case .attribute, .tag: true
        case .and(let parts), .or(let parts): parts.contains(where: \.readsAttributes)
        case .not(let part): part.readsAttributes
        }
    }
}
