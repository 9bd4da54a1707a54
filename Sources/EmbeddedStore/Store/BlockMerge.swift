import OTLP
import TraceStorage

/// The spans of some blocks on their way into one: read whole, put in the order of traces, and built anew.
///
/// Traces stand in the order of their first spans, spans of a trace in the order of arrival. Holds all spans in memory.
struct BlockMerge {
    private struct Row {
        let trace: Int32
        let scope: Int32
        let spanID: UInt64
        let startTime: UInt64
        /// Where its `Span` message stands in `bytes`.
        let start: Int
        let count: Int
    }

    private var rows: [Row] = []
    private var bytes: [UInt8] = []
    private var numbers: [TraceID: Int32] = [:]
    private var scopes = ScopeNumbers()
    private var origin = BlockBuilder.Origin(
        receivedMin: .max, receivedMax: 0, firstPosition: JournalPosition(.max), lastPosition: .beginning)
    /// Spans left out because an equal one is there.
    private(set) var collapsedSpans = 0
    private let bytesMax: Int

    /// Spans that are put into one request on their way into the block.
    private static let chunkSpans = 1024

    /// `bytesMax`: bytes of OTLP that may be held.
    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// Takes all spans of a block, or, when there is no room for them, none and answers false.
    ///
    /// - Throws: ``StorageError/corrupt(message:)`` when any of its bytes do not check.
    mutating func read(_ reader: BlockReader) throws(StorageError) -> Bool {
        let footer = reader.footer
        let before = (rows: rows.count, bytes: bytes.count, origin: origin)
        origin.receivedMin = min(origin.receivedMin, footer.receivedMin)
        origin.receivedMax = max(origin.receivedMax, footer.receivedMax)
        origin.firstPosition = min(origin.firstPosition, footer.firstPosition)
        origin.lastPosition = max(origin.lastPosition, footer.lastPosition)
        let batch = try reader.scopes()
        let codes = batch.scopes.map { Int32(scopes.number(of: batch.header(with: $0))) }
        for index in 0..<footer.groupCount {
            try reader.context.check()
            let group = RowGroup(reader, index: index)
            let places = try group.numbers(.span, .trace)
            let starts = try group.startTimes()
            let scopeCodes = try group.scopeCodes()
            var assembler = try SpanAssembler(group)
            for row in places.indices {
                let id = try reader.traceID(places[row])
                let span = try assembler.span(row: row, traceID: id)
                guard bytes.count + span.count <= bytesMax else {
                    rows.removeSubrange(before.rows...)
                    bytes.removeSubrange(before.bytes...)
                    origin = before.origin
                    return false
                }
                rows.append(
                    Row(
                        trace: number(id), scope: codes[Int(scopeCodes[row])],
                        spanID: assembler.spanID(row).rawValue, startTime: starts[row], start: bytes.count,
                        count: span.count))
                bytes.append(contentsOf: span)
            }
        }
        return true
    }

    /// Builds the block; every span that was read is in it once.
    ///
    /// - Throws: ``StorageError/corrupt(message:)`` when a span does not read back.
    mutating func build(_ key: BlockKey) throws(StorageError) -> BuiltBlock {
        let order = sortedUnique()
        do throws(FormatError) {
            var builder = try BlockBuilder(
                tenant: key.tenant, isOutOfRange: key.isOutOfRange, spans: order.count)
            for first in stride(from: 0, to: order.count, by: Self.chunkSpans) {
                let chunk = order[first..<min(order.count, first + Self.chunkSpans)]
                let (batch, batchRows) = try batch(chunk)
                try builder.append(batch, rows: batchRows, origin)
            }
            return try builder.finish()
        } catch {
            throw .corrupt(message: "cannot join blocks: \(error.reason)")
        }
    }

    private mutating func number(_ id: TraceID) -> Int32 {
        if let known = numbers[id] { return known }
        let number = Int32(numbers.count)
        numbers[id] = number
        return number
    }

    /// The rows by trace, without those that equal one before them in every byte, their resource and scope included.
    private mutating func sortedUnique() -> [Int] {
        /// By trace, when its first span starts.
        var starts = [UInt64](repeating: .max, count: numbers.count)
        for row in rows { starts[Int(row.trace)] = min(starts[Int(row.trace)], row.startTime) }
        let order = rows.indices.sorted { a, b in
            let (first, second) = (rows[a].trace, rows[b].trace)
            if first == second { return a < b }
            return (starts[Int(first)], first) < (starts[Int(second)], second)
        }
        var unique: [Int] = []
        unique.reserveCapacity(order.count)
        var trace: Int32 = -1
        var seen: [UInt64: [Int]] = [:]
        for index in order {
            let row = rows[index]
            if row.trace != trace {
                trace = row.trace
                seen.removeAll(keepingCapacity: true)
            }
            let hash = hash(row)
            if let same = seen[hash], same.contains(where: { isEqual(rows[$0], row) }) { continue }
            seen[hash, default: []].append(index)
            unique.append(index)
        }
        collapsedSpans = order.count - unique.count
        return unique
    }

    private func hash(_ row: Row) -> UInt64 {
        bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return row.spanID }
            return ByteHash.ofProcess.hash(base + row.start, count: row.count) ^ row.spanID
        }
    }

    private func isEqual(_ a: Row, _ b: Row) -> Bool {
        a.spanID == b.spanID && a.scope == b.scope
            && bytes[a.start..<a.start + a.count].elementsEqual(bytes[b.start..<b.start + b.count])
    }

    /// One request with these rows, by scope, and its rows in their order.
    private func batch(_ chunk: ArraySlice<Int>) throws(FormatError) -> (batch: SpanBatch, rows: [Int]) {
        var byScope: [Int32: [Int]] = [:]
        for (place, index) in chunk.enumerated() { byScope[rows[index].scope, default: []].append(place) }
        var batchRows = [Int](repeating: 0, count: chunk.count)
        var next = 0
        var writer = WireWriter()
        for (scope, places) in byScope.sorted(by: { $0.key < $1.key }) {
            scopes.headers[Int(scope)].write(to: &writer) { writer in
                for place in places {
                    let row = rows[chunk[chunk.startIndex + place]]
                    writer.bytes(2, bytes[row.start..<row.start + row.count])
                    batchRows[place] = next
                    next += 1
                }
            }
        }
        let batch: SpanBatch
        do { batch = try StoredSpans.decode(writer.takeBytes()) } catch { throw FormatError("\(error)") }
        guard batch.spans.count == chunk.count else {
            throw FormatError("\(batch.spans.count) spans of \(chunk.count) can be read back")
        }
        return (batch, batchRows)
    }
}
