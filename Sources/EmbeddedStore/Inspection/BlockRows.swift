import OTLP
import TraceStorage

/// All rows of a block, put together again in the order in which they are stored. Used by one thread.
final class BlockRows {
    /// One span as it comes out of a block.
    struct Row {
        let number: Int
        let trace: TraceID
        let id: SpanID
        /// Its start, in unix nanoseconds.
        let start: UInt64
        /// Its place among the block's scopes.
        let scope: Int
        /// The `Span` message, in canonical form.
        let bytes: [UInt8]
    }

    private let reader: BlockReader

    init(_ reader: BlockReader) {
        self.reader = reader
    }

    /// Hands each row of a row group to `body`.
    func forEach(_ index: Int, _ body: (Row) throws(StorageError) -> Void) throws(StorageError) {
        let group = RowGroup(reader, index: index)
        let traces = try group.numbers(.span, .trace)
        let scopes = try group.scopeCodes()
        let starts = try group.startTimes()
        var assembler = try SpanAssembler(group)
        for row in 0..<group.rows {
            let trace = try reader.traceID(traces[row])
            try body(
                Row(
                    number: index * BlockFormat.groupRows + row, trace: trace, id: assembler.spanID(row),
                    start: starts[row], scope: Int(scopes[row]),
                    bytes: try assembler.span(row: row, traceID: trace)))
        }
    }

    /// The rows of a row group that are wanted as one batch, those that equal one another in every byte once; nil when
    /// there is none.
    func batch(_ index: Int, where isWanted: (Row) -> Bool = { _ in true }) throws(StorageError) -> SpanBatch? {
        var collector = SpanCollector()
        try forEach(index) { row throws(StorageError) in
            guard isWanted(row) else { return }
            collector.append(span: row.bytes, id: row.id, scope: try scope(row.scope, in: &collector))
        }
        do { return try collector.finish() } catch {
            throw RowGroup(reader, index: index).corrupt("its spans do not read back: \(error)")
        }
    }

    /// The collector's number of one of the block's scopes.
    func scope(_ code: Int, in collector: inout SpanCollector) throws(StorageError) -> Int {
        let batch = try reader.scopes()
        return collector.number(of: batch.scopes[code], in: batch)
    }
}
