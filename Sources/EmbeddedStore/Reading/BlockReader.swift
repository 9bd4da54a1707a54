import OTLP
import TraceStorage

/// Reads parts of one block for one query. Used by one thread.
final class BlockReader {
    let footer: BlockFooter
    let context: QueryContext
    private let file: StoreFile
    private let block: UInt64
    private let name: String
    private let cache: BlockCache
    private let pages: PageReader
    /// What of spans is put together; nil for all.
    let parts: SpanParts?
    private var spanIDPages: [Int: [UInt8]] = [:]
    private var tracePages: [Int: TraceEntries] = [:]
    private var selections: [AttributeSelection?] = [nil, nil, nil]

    /// Opens a block: reads its footer where the cache does not have it.
    ///
    /// - Parameter pages: the buffers that it reads into, for one thread.
    /// - Throws: ``StorageError/corrupt(message:)`` that names the file.
    init(
        file: StoreFile, block: UInt64, name: String, cache: BlockCache, context: QueryContext,
        pages: PageReader = PageReader(), parts: SpanParts? = nil
    ) throws(StorageError) {
        self.pages = pages
        self.parts = parts
        self.file = file
        self.block = block
        self.name = name
        self.cache = cache
        self.context = context
        let key = BlockCache.Key(block: block, offset: BlockCache.Key.footer)
        if case .footer(let footer)? = cache[key] {
            self.footer = footer
            return
        }
        do throws(PageError) {
            footer = try Self.readFooter(file)
        } catch {
            switch error {
            case .format(let error): throw .corrupt(message: "block \(name): \(error.reason)")
            // The disk may read it the next time: nothing is known about the block.
            case .storage(let error): throw error
            }
        }
        cache.insert(.footer(footer), bytes: footer.memoryBytes, for: key)
    }

    /// Bytes of the block's file.
    var fileBytes: UInt64 { file.bytes }

    /// The format version in a file's header.
    private static func version(_ file: StoreFile) throws(PageError) -> UInt32 {
        let header = try read(file, 0, BlockFormat.headerBytes)
        return try formatErrors { () throws(FormatError) in try BlockFrame.version(header: header) }
    }

    /// Throws for a block that a newer program wrote: it is not damaged, and not ours to put aside.
    static func refuseFutureVersion(_ file: StoreFile, path: String) throws(StorageError) {
        guard let version = try? version(file), version > BlockFormat.version else { return }
        throw .futureVersion(version, of: path, readsUpTo: BlockFormat.version)
    }

    static func readFooter(_ file: StoreFile) throws(PageError) -> BlockFooter {
        let version = try version(file)
        guard version == BlockFormat.version else { throw .format(FormatError("format version \(version), not 1")) }
        guard file.bytes >= UInt64(BlockFormat.headerBytes + BlockFormat.trailerBytes) else {
            throw .format(FormatError("only \(file.bytes) bytes long"))
        }
        let trailer = try read(file, file.bytes - UInt64(BlockFormat.trailerBytes), BlockFormat.trailerBytes)
        let page = try formatErrors { () throws(FormatError) in
            try BlockFrame.footer(trailer: trailer, fileBytes: file.bytes)
        }
        let content = try PageReader().content(page, in: file)
        return try formatErrors { () throws(FormatError) in try BlockFooter(decoding: content) }
    }

    private static func formatErrors<Result>(
        _ body: () throws(FormatError) -> Result
    ) throws(PageError) -> Result {
        do { return try body() } catch { throw .format(error) }
    }

    private static func read(_ file: StoreFile, _ offset: UInt64, _ count: Int) throws(PageError) -> [UInt8] {
        do { return try file.read(at: offset, count: count) } catch { throw .storage(error) }
    }

    /// Puts the file's name to what is wrong with its bytes.
    func checked<Result>(_ body: () throws(FormatError) -> Result) throws(StorageError) -> Result {
        do throws(FormatError) {
            return try body()
        } catch {
            throw .corrupt(message: "block \(name): \(error.reason)")
        }
    }

    func page(_ page: PageReference) throws(StorageError) -> [UInt8] {
        try withPage(page) { Array($0) }
    }

    /// Hands a page's content to `body`, which must not keep it. Looks first whether the query goes on.
    func withPage<Result>(
        _ page: PageReference, _ body: (UnsafeRawBufferPointer) throws(FormatError) -> Result
    ) throws(StorageError) -> Result {
        try context.check()
        do throws(PageError) {
            return try pages.withContent(page, in: file, body)
        } catch {
            switch error {
            case .format(let error): throw .corrupt(message: "block \(name): \(error.reason)")
            case .storage(let error): throw error
            }
        }
    }

    /// Every resource and scope of the block, as a batch without spans.
    func scopes() throws(StorageError) -> SpanBatch {
        let key = BlockCache.Key(block: block, offset: footer.scopes.offset)
        if case .scopes(let batch)? = cache[key] { return batch }
        let bytes = try page(footer.scopes)
        let batch = try checked { () throws(FormatError) in
            do { return try StoredSpans.decode(bytes) } catch { throw FormatError("scopes: \(error)") }
        }
        guard batch.scopes.count == footer.scopeCount else {
            throw .corrupt(message: "block \(name): \(batch.scopes.count) scopes, not \(footer.scopeCount)")
        }
        let memory = batch.bytes.count + batch.scopes.count * 160 + batch.attributes.count * 24
        cache.insert(.scopes(batch), bytes: memory, for: key)
        return batch
    }

    func operations() throws(StorageError) -> [OperationKey] {
        let bytes = try page(footer.operations)
        return try checked { () throws(FormatError) in
            try OperationKey.decode(bytes, services: footer.services.count)
        }
    }

    // MARK: dictionaries

    /// The page of a column's dictionary with this code, and the code's place in it.
    func dictionary(
        _ column: ColumnDirectory, code: UInt64
    ) throws(StorageError) -> (page: BytesPage, index: Int) {
        guard code < UInt64(column.dictionaryCount) else {
            throw .corrupt(message: "block \(name): code \(code) of a dictionary of \(column.dictionaryCount)")
        }
        var low = 0
        var high = column.dictionary.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if UInt64(column.dictionary[middle].first) <= code { low = middle } else { high = middle - 1 }
        }
        return (try dictionaryPage(column.dictionary[low]), Int(code) - Int(column.dictionary[low].first))
    }

    func dictionaryPage(_ entry: DictionaryPage) throws(StorageError) -> BytesPage {
        let key = BlockCache.Key(block: block, offset: entry.page.offset)
        if case .dictionary(let page)? = cache[key] { return page }
        let bytes = try page(entry.page)
        let page = try checked { () throws(FormatError) in
            try BytesPage.decode(bytes, at: 0, count: Int(entry.count))
        }
        cache.insert(.dictionary(page), bytes: page.memoryBytes, for: key)
        return page
    }

    // MARK: traces

    /// The place of a trace in the index and the row groups it may have rows in; nil when the block has none of it.
    func find(_ id: TraceID) throws(StorageError) -> (place: UInt64, groups: ClosedRange<Int>)? {
        // Several pages may begin with one high half: start at the last that begins below it.
        var index = firstFence(atLeast: id.high)
        if index > 0 { index -= 1 }
        while index < footer.tracePages.count, footer.traceFences[index] <= id.high {
            if let found = try find(id, page: index) { return found }
            index += 1
        }
        return nil
    }

    /// Which traces the block may have.
    func traceFilter() throws(StorageError) -> TraceFilter {
        var filter = TraceFilter(count: footer.traceCount)
        for index in footer.tracePages.indices {
            let entries = try traceEntries(page: index)
            for entry in 0..<entries.count { filter.insert(entries.id(entry)) }
        }
        return filter
    }

    private func firstFence(atLeast high: UInt64) -> Int {
        var low = 0
        var end = footer.traceFences.count
        while low < end {
            let middle = (low + end) / 2
            if footer.traceFences[middle] < high { low = middle + 1 } else { end = middle }
        }
        return low
    }

    private func find(
        _ id: TraceID, page index: Int
    ) throws(StorageError) -> (place: UInt64, groups: ClosedRange<Int>)? {
        let first = index * BlockFormat.tracesPerPage
        let entries = try keptTraceEntries(page: index)
        var low = 0
        var end = entries.count
        while low < end {
            let middle = (low + end) / 2
            if entries.id(middle) < id { low = middle + 1 } else { end = middle }
        }
        guard low < entries.count, entries.id(low) == id else { return nil }
        let groups = entries.groups(low)
        // Groups beyond what 16 bits hold are searched too.
        let last = groups.last == Int(UInt16.max) ? footer.groupCount - 1 : min(groups.last, footer.groupCount - 1)
        guard groups.first <= last else {
            throw .corrupt(message: "block \(name): trace \(id) in row groups \(groups.first) to \(last)")
        }
        return (UInt64(first + low), groups.first...last)
    }

    func traceEntries(page index: Int) throws(StorageError) -> TraceEntries {
        let first = index * BlockFormat.tracesPerPage
        let entries = TraceEntries(bytes: try page(footer.tracePages[index]))
        guard entries.bytes.count == entries.count * BlockFormat.traceEntryBytes,
            entries.count == min(BlockFormat.tracesPerPage, footer.traceCount - first)
        else { throw .corrupt(message: "block \(name): trace page \(index) has \(entries.bytes.count) bytes") }
        return entries
    }

    /// Pages of the index that are kept for the next look, of 5 KB each.
    private static let tracePagesMax = 128

    private func keptTraceEntries(page index: Int) throws(StorageError) -> TraceEntries {
        if let known = tracePages[index] { return known }
        let entries = try traceEntries(page: index)
        if tracePages.count >= Self.tracePagesMax { tracePages.removeAll(keepingCapacity: true) }
        tracePages[index] = entries
        return entries
    }

    /// The id of the trace at a place of the index.
    func traceID(_ place: UInt64) throws(StorageError) -> TraceID {
        guard place < UInt64(footer.traceCount) else {
            throw .corrupt(message: "block \(name): row of trace \(place), with \(footer.traceCount) in the index")
        }
        let (page, index) = Int(place).quotientAndRemainder(dividingBy: BlockFormat.tracesPerPage)
        return try keptTraceEntries(page: page).id(index)
    }

    /// Which attributes of a table's rows are put together.
    func selection(_ kind: TableKind) -> AttributeSelection {
        if let known = selections[kind.rawValue] { return known }
        // Only attributes of spans can be left out.
        let selection = AttributeSelection(footer.tables[kind.rawValue], parts: kind == .span ? parts : nil)
        selections[kind.rawValue] = selection
        return selection
    }

    /// The id of the span in a row.
    func spanID(row: Int) throws(StorageError) -> SpanID {
        let group = row / BlockFormat.groupRows
        guard row >= 0, row < footer.rows, let column = footer.tables[0].column(.spanID) else {
            throw .corrupt(message: "block \(name): reference to row \(row) of \(footer.rows)")
        }
        if spanIDPages[group] == nil {
            let bytes = try page(footer.tables[0].columns[column].pages[group].page)
            guard bytes.count == Int(footer.tables[0].groupRows[group]) * 8 else {
                throw .corrupt(message: "block \(name): span ids of row group \(group) have \(bytes.count) bytes")
            }
            spanIDPages[group] = bytes
        }
        return SpanID(LittleEndian.number(spanIDPages[group] ?? [], at: row % BlockFormat.groupRows * 8))
    }
}

/// One page of the trace index.
struct TraceEntries {
    let bytes: [UInt8]

    var count: Int { bytes.count / BlockFormat.traceEntryBytes }

    func id(_ index: Int) -> TraceID {
        let offset = index * BlockFormat.traceEntryBytes
        return TraceID(high: LittleEndian.number(bytes, at: offset), low: LittleEndian.number(bytes, at: offset + 8))
    }

    func groups(_ index: Int) -> (first: Int, last: Int) {
        let offset = index * BlockFormat.traceEntryBytes + 16
        return (Int(bytes[offset]) | Int(bytes[offset + 1]) << 8, Int(bytes[offset + 2]) | Int(bytes[offset + 3]) << 8)
    }
}

enum LittleEndian {
    /// Eight bytes as a number; the caller checked that they are there.
    static func number(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset + 8 <= bytes.count, "read beyond a page")
        return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }
}
