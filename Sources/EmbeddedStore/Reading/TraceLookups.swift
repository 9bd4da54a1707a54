import TraceStorage

/// What look-ups of several traces share: buffers, open blocks and filters of these, and the row groups that were read
/// last with the columns they have decoded. Traces of one time lie in the same few groups, and decoding those is much
/// of what a trace costs. Used by one thread, for one query.
final class TraceLookups {
    /// Bytes of the row groups that are kept: some forty, of a megabyte or less each. Traces that go on while so many
    /// spans arrive cost less than others.
    static let groupBytesMax = 32 << 20
    /// Blocks whose filter is kept, 64 KB each at most; the cache of all queries has them too, behind a lock.
    static let filtersMax = 512
    /// Blocks whose files are kept open, with some pages of their indexes.
    static let readersMax = 32

    let pages: PageReader
    let parts: SpanParts?
    var collector: SpanCollector
    private let keepsParts: Bool
    private var blocks: [Block] = []
    private var lookups: [BlockLookup] = []
    /// The one used last is the last.
    private var readers: [BlockLookup] = []
    private var groups: [(block: UInt64, spans: GroupSpans)] = []
    private var filters = 0

    /// - Parameters:
    ///   - keepsParts: whether anything is kept from trace to trace.
    ///   - parts: what of spans is wanted; nil for all.
    init(keepsParts: Bool, parts: SpanParts? = nil, pages: PageReader = PageReader()) {
        self.keepsParts = keepsParts
        self.parts = parts
        self.pages = pages
        collector = SpanCollector(parts: parts)
    }

    var keepsGroups: Bool { !groups.isEmpty }

    /// The blocks that may have spans of a tenant's traces, with what is known of each.
    func lookups(_ blocks: [Block], tenant: TenantID) -> [BlockLookup] {
        // Mostly these are the blocks of the trace before: the same array, which is held and so cannot have changed.
        if !lookups.isEmpty, blocks.isIdentical(to: self.blocks) { return lookups }
        var known: [UInt64: BlockLookup] = [:]
        for lookup in lookups { known[lookup.block.entry.number] = lookup }
        lookups = blocks.filter { $0.entry.tenant == tenant }.map { known[$0.entry.number] ?? BlockLookup($0) }
        self.blocks = blocks
        return lookups
    }

    /// Keeps a block's reader for the traces that follow.
    func keep(_ reader: BlockReader, of lookup: BlockLookup) {
        guard keepsParts, lookup.reader == nil else { return }
        if readers.count >= Self.readersMax { readers.removeFirst().close() }
        lookup.open(reader)
        readers.append(lookup)
    }

    /// Keeps what tells of a trace that a block does not have it.
    func keep(_ filter: TraceFilter, of lookup: BlockLookup) {
        guard keepsParts, filters < Self.filtersMax else { return }
        filters += 1
        lookup.filter = filter
    }

    /// A row group of a block, through the reader given where it is not known yet.
    func group(_ index: Int, of block: UInt64, _ reader: BlockReader) throws(StorageError) -> GroupSpans {
        if let last = groups.last, last.block == block, last.spans.group.index == index { return last.spans }
        if let place = groups.firstIndex(where: { $0.block == block && $0.spans.group.index == index }) {
            let known = groups.remove(at: place)
            groups.append(known)
            return known.spans
        }
        return try GroupSpans(RowGroup(reader, index: index), isSorted: keepsParts)
    }

    /// Keeps a row group, with all columns that were decoded of it, for the traces that follow.
    func keep(_ spans: GroupSpans, of block: UInt64) {
        guard keepsParts, groups.last?.spans !== spans else { return }
        groups.append((block, spans))
        // They grow as long as columns are decoded.
        var bytes = groups.reduce(0) { $0 + $1.spans.group.reserved }
        while bytes > Self.groupBytesMax, groups.count > 1 { bytes -= groups.removeFirst().spans.group.reserved }
    }

    /// Gives back the memory of the row groups.
    func removeGroups() {
        groups = []
    }

    /// Holds a query to its limits, and counts what was collected since the last call.
    func check(_ reserved: inout Int, _ context: QueryContext) throws(StorageError) {
        guard collector.count <= context.rowsMax else { throw .rows(context) }
        let bytes = collector.memoryBytes
        try context.reserve(bytes - reserved)
        reserved = bytes
    }

    /// Begins the numbers of scopes anew where there are many; between traces.
    func forgetScopes() {
        guard collector.hasManyScopes else { return }
        collector.forgetScopes()
        for lookup in lookups { lookup.forgetScopes() }
    }
}

/// What look-ups know of one block.
final class BlockLookup {
    let block: Block
    /// Which traces it may have.
    var filter: TraceFilter?
    private(set) var reader: BlockReader?
    /// By scope of the block its number for the collector; -1 for one that was not asked for.
    private var scopeNumbers: [Int32] = []

    init(_ block: Block) {
        self.block = block
    }

    func open(_ reader: BlockReader) { self.reader = reader }

    func close() { reader = nil }

    /// The collector's number of a scope of the block, whose code has been checked.
    func scopeNumber(
        _ code: Int, _ reader: BlockReader, _ collector: inout SpanCollector
    ) throws(StorageError) -> Int {
        if code < scopeNumbers.count, scopeNumbers[code] >= 0 { return Int(scopeNumbers[code]) }
        let scopes = try reader.scopes()
        if scopeNumbers.isEmpty { scopeNumbers = Array(repeating: -1, count: scopes.scopes.count) }
        let number = collector.number(of: scopes.scopes[code], in: scopes)
        scopeNumbers[code] = Int32(number)
        return number
    }

    func forgetScopes() { scopeNumbers = [] }
}

/// The spans of a row group by trace.
final class GroupSpans {
    let group: RowGroup
    var assembler: SpanAssembler
    let scopes: [UInt64]
    private let traces: [UInt64]
    /// The place of the trace and, in the low bits, the row, in rising order; empty for the look-up of one trace.
    private var order: [UInt64] = []

    private static let rowBits: UInt64 = 16

    /// - Parameter isSorted: several traces will be looked up.
    init(_ group: RowGroup, isSorted: Bool) throws(StorageError) {
        self.group = group
        traces = try group.numbers(.span, .trace)
        assembler = try SpanAssembler(group)
        scopes = try group.scopeCodes()
        guard isSorted, traces.areBelow(UInt64(group.block.footer.traceCount)), group.rows <= 1 << Self.rowBits else {
            return
        }
        try group.reserve(traces.count * 8)
        order = traces.indices.map { traces[$0] << Self.rowBits | UInt64($0) }
        order.sort()
    }

    /// The rows of a trace, by its place in the index, in rising order.
    func rows(of place: UInt64) -> [Int] {
        guard !order.isEmpty else { return traces.indices.filter { traces[$0] == place } }
        var low = 0
        var end = order.count
        while low < end {
            let middle = (low + end) / 2
            if order[middle] >> Self.rowBits < place { low = middle + 1 } else { end = middle }
        }
        return order[low...].prefix { $0 >> Self.rowBits == place }.map { Int($0 & (1 << Self.rowBits - 1)) }
    }
}

extension Array {
    /// Whether two arrays are one in memory, and so equal.
    fileprivate func isIdentical(to other: [Element]) -> Bool {
        count == other.count
            && withUnsafeBufferPointer { first in other.withUnsafeBufferPointer { first.baseAddress == $0.baseAddress }
            }
    }
}
