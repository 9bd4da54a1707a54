import OTLP
import TraceStorage

/// A block that lies in memory, read as if it were a file of a store: for tools and tests.
package struct BlockImage: Sendable {
    private let reader: @Sendable () throws(StorageError) -> BlockReader

    /// - Throws: ``StorageError/corrupt(message:)`` for bytes that are no block of a version that is known.
    package init(_ bytes: [UInt8]) throws(StorageError) {
        let file = StoreFile(BytesFile(bytes), bytes: UInt64(bytes.count))
        let cache = BlockCache(bytesMax: 64 << 20)
        reader = { () throws(StorageError) in
            try BlockReader(file: file, block: 1, name: "in memory", cache: cache, context: QueryContext())
        }
        _ = try reader()
    }

    /// Hands all spans to `body`, one row group at a time.
    package func forEachSpan(_ body: (SpanBatch) -> Void) throws(StorageError) {
        let reader = try reader()
        let rows = BlockRows(reader)
        for group in 0..<reader.footer.groupCount {
            if let batch = try rows.batch(group) { body(batch) }
        }
    }

    /// Evaluates a plan over the block.
    package func scan(_ plan: ScanPlan, _ body: (ScanRows) -> Bool) throws(StorageError) {
        let predicate = try CompiledPredicate(plan.predicate)
        let reader = try reader()
        let filter = GroupFilter(try BlockScan(reader), range: plan.range, predicate: predicate)
        let scan = GroupScan(filter: filter, fields: plan.fields)
        for index in 0..<reader.footer.groupCount {
            if let rows = try scan.rows(index), !body(rows) { return }
        }
    }

    /// Whether the trace index leads to a trace.
    package func hasTrace(_ id: TraceID) throws(StorageError) -> Bool { try reader().find(id) != nil }
}

/// Bytes as a file that can be read.
private final class BytesFile: File {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func size() throws(FileError) -> Int { bytes.count }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        guard offset >= 0, offset < bytes.count else { return 0 }
        let part = bytes[offset..<min(bytes.count, offset + buffer.count)]
        part.withUnsafeBytes { buffer.copyMemory(from: $0) }
        return part.count
    }

    func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int { throw Self.isReadOnly }
    func synchronize() throws(FileError) { throw Self.isReadOnly }
    func truncate(to bytes: Int) throws(FileError) { throw Self.isReadOnly }
    func allocate(_ bytes: Int) throws(FileError) { throw Self.isReadOnly }
    func close() {}

    /// `EROFS`.
    private static let isReadOnly = FileError(operation: "write", path: "bytes in memory", code: 30)
}
