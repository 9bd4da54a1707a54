import OTLP
import TraceStorage

/// What a scan keeps for one block: conditions with what they found out about dictionaries, scopes and shapes.
final class BlockScan {
    let block: BlockReader
    let scopes: SpanBatch
    private var layouts: [TableKind: [[UInt8]: KeyLayout]] = [:]
    private var traceEntries: [Int: TraceEntries] = [:]
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

    /// The trace at a place of the index.
    func traceID(_ place: UInt64) throws(StorageError) -> TraceID {
        let page = Int(clamping: place) / BlockFormat.tracesPerPage
        guard page < block.footer.tracePages.count else {
            throw .corrupt(message: "row of trace \(place), not in the index")
        }
        if traceEntries[page] == nil { traceEntries[page] = try block.traceEntries(page: page) }
        let index = Int(place) % BlockFormat.tracesPerPage
        guard let entries = traceEntries[page], index < entries.count else {
            throw .corrupt(message: "row of trace \(place), not in the index")
        }
        return entries.id(index)
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
        var known = codes[kind]?[column] ?? Array(repeating: .unknown, count: directory.dictionaryCount)
        codes[kind]?[column] = nil
        let valueKind = directory.role == .attribute ? directory.kind : .string
        var result: [Bool] = []
        result.reserveCapacity(values.count)
        for code in values {
            if known[Int(code)] == .unknown {
                let (page, index) = try group.block.dictionary(directory, code: code)
                let passes = page.bytes.withUnsafeBytes { base in
                    test(ValueView(kind: valueKind, bytes: UnsafeRawBufferPointer(rebasing: base[page.range(index)])))
                }
                known[Int(code)] = passes ? .passes : .fails
            }
            result.append(known[Int(code)] == .passes)
        }
        codes[kind, default: [:]][column] = known
        return result
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
            self = .and(parts.filter { !$0.readsAttributes } + parts.filter(\.readsAttributes))
        case .or(let parts): self = .or(parts.map(BlockCondition.init))
        case .not(let part): self = .not(BlockCondition(part))
        }
    }

    private static func memos() -> [AttributePlace: ConditionMemo] {
        Dictionary(uniqueKeysWithValues: AttributePlace.anyOrder.map { ($0, ConditionMemo()) })
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
