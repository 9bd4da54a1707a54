import EmbeddedStore
import FileFaults
import OTLP
import Synchronization
import Testing
import TraceStorage
import TraceStorageConformance

/// What senders and disks do that nobody should.
@Suite struct HostileTests {
    private static let receivedAt: UInt64 = 1_760_003_600_000_000_000

    /// One request of spans with these ids, each with a text of its own.
    private static func batch(
        _ count: Int, position: UInt64 = 1, receivedAt: UInt64 = receivedAt, traceHigh: UInt64 = 7, textEnd: UInt64 = 0
    ) throws -> StoredBatch {
        var writer = WireWriter()
        writer.message(1) { writer in
            writer.message(2) { writer in
                for index in 0..<count {
                    writer.message(2) { writer in
                        writer.traceID(1, TraceID(high: traceHigh, low: UInt64(index + 1)))
                        writer.spanID(2, SpanID(UInt64(index + 1)))
                        writer.string(5, "span")
                        writer.fixed64(7, 1_760_003_599_000_000_000)
                        writer.fixed64(8, 1_760_003_599_000_000_001)
                        let text = withUnsafeBytes(of: UInt64(index).littleEndian) { Array($0) }
                        let end = withUnsafeBytes(of: textEnd.littleEndian) { Array($0) }
                        writer.keyValue(9, KeyValue("text", .bytes(text + end)))
                    }
                }
            }
        }
        return StoredBatch(
            batch: try SpanBatch(decoding: writer.takeBytes()), position: JournalPosition(position),
            receivedAt: receivedAt)
    }

    /// Span ids that are the lower halves of their traces' ids, as Zipkin's root spans have them, and halves and texts
    /// that are constants of a hash: where they had one hash, a table was a list, and this took minutes.
    @Test(arguments: [0x9E37_79B9_7F4A_7C15, 0xE703_7ED1_A0B4_28DB] as [UInt64])
    func chosenIdsAndTextsDoNotMakeTablesSlow(_ constant: UInt64) throws {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        try store.append(try Self.batch(60_000, traceHigh: constant, textEnd: constant))
        try store.flush()
        #expect(store.statistics().spans == 60_000)
    }

    @Test func aReadErrorOfTheDiskPutsNoBlockAside() throws {
        let disk = MemoryFileSystem()
        let first = try EmbeddedStore(directory: "/store", files: disk)
        try first.append(try Self.batch(20))
        try first.flush()
        let failing = FailingReads(disk)
        #expect(throws: StorageError.self) {
            failing.fails = true
            _ = try EmbeddedStore(directory: "/store", files: failing)
        }
        failing.fails = false
        let store = try EmbeddedStore(directory: "/store", files: failing)
        #expect(store.report.quarantined.isEmpty)
        failing.fails = true
        let trace = TraceID(high: 7, low: 3)
        #expect(throws: StorageError.self) {
            _ = try EmbeddedStoreReads(store).trace(trace)
        }
        failing.fails = false
        try store.maintain(now: Self.receivedAt)
        #expect(store.counters.quarantinedBlocks == 0)
        #expect(try EmbeddedStoreReads(store).trace(trace)?.spans.count == 1)
    }

    @Test func retentionMakesRoomOnAFullDisk() throws {
        let disk = MemoryFileSystem()
        var options = StoreOptions()
        options.retentionAge = 3600 * 1_000_000_000
        let store = try EmbeddedStore(directory: "/store", options: options, files: disk)
        try store.append(try Self.batch(5_000))
        try store.flush()
        disk.bytesMax = disk.bytes
        let later = Self.receivedAt + 2 * options.retentionAge
        try store.append(try Self.batch(100, position: 2, receivedAt: later, traceHigh: 8))
        #expect(throws: StorageError.self) { try store.flush() }
        try store.maintain(now: later)
        try store.flush()
        #expect(store.statistics().spans == 100)
        let again = try EmbeddedStore(directory: "/store", files: disk)
        #expect(again.report.quarantined.isEmpty)
        #expect(again.statistics().spans == 100)
    }

    /// Others took the room that retention made: blocks that are gone are no part of an answer.
    @Test func queriesGoOnWhereNoManifestFitsAfterRetention() throws {
        let disk = MemoryFileSystem()
        let manifest = Mutex(true)
        let files = FaultyFileSystem(on: disk) { operation in
            manifest.withLock { $0 } || !operation.path.contains("manifest") ? nil : .diskFull
        }
        var options = StoreOptions()
        options.retentionAge = 3600 * 1_000_000_000
        let store = try EmbeddedStore(directory: "/store", options: options, files: files)
        try store.append(try Self.batch(500))
        try store.flush()
        let later = Self.receivedAt + 2 * options.retentionAge
        try store.append(try Self.batch(100, position: 2, receivedAt: later, traceHigh: 8))
        manifest.withLock { $0 = false }
        #expect(throws: StorageError.self) { try store.maintain(now: later) }
        #expect(store.statistics().spans == 100)
        #expect(try EmbeddedStoreReads(store).trace(TraceID(high: 7, low: 1)) == nil)
        _ = try store.services(in: .all, tenant: .default, context: QueryContext())

        manifest.withLock { $0 = true }
        try store.flush()
        let again = try EmbeddedStore(directory: "/store", files: disk)
        #expect(again.report.quarantined.isEmpty)
        #expect(again.statistics().spans == 100)
    }

    @Test func spansOfALargeTraceThatAreSentAgainAreCollapsed() throws {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        let batches = try ConformanceSuite.oddBatches(seed: 31, batches: 2, spans: 400)
        for batch in batches { try store.append(batch) }
        try store.flush()
        let spans = store.statistics().spans
        for (index, batch) in batches.enumerated() {
            try store.append(
                StoredBatch(
                    batch: batch.batch, position: JournalPosition(UInt64(index + 3)), receivedAt: batch.receivedAt))
        }
        #expect(store.statistics().spans == spans)
    }
}

private struct EmbeddedStoreReads {
    let store: EmbeddedStore

    init(_ store: EmbeddedStore) { self.store = store }

    func trace(_ id: TraceID) throws -> SpanBatch? {
        try store.trace(id, tenant: .default, context: QueryContext())
    }
}

/// A disk whose reads of blocks fail while it is told to.
private final class FailingReads: FileSystem {
    private let base: any FileSystem
    private let isFailing = Mutex(false)

    init(_ base: any FileSystem) {
        self.base = base
    }

    var fails: Bool {
        get { isFailing.withLock { $0 } }
        set { isFailing.withLock { $0 = newValue } }
    }

    func createDirectory(_ path: String) throws(FileError) { try base.createDirectory(path) }
    func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }
    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any File {
        let file = try base.open(path, mode)
        return path.hasSuffix(".skb") ? FailingFile(file, path: path, disk: self) : file
    }
    func rename(_ path: String, to newPath: String) throws(FileError) { try base.rename(path, to: newPath) }
    func remove(_ path: String) throws(FileError) { try base.remove(path) }
    func synchronizeDirectory(_ path: String) throws(FileError) { try base.synchronizeDirectory(path) }
    func lock(_ path: String) throws(FileError) -> any File { try base.lock(path) }

    private final class FailingFile: File {
        private let base: any File
        private let path: String
        private let disk: FailingReads

        init(_ base: any File, path: String, disk: FailingReads) {
            self.base = base
            self.path = path
            self.disk = disk
        }

        func size() throws(FileError) -> Int { try base.size() }
        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
            if disk.fails { throw FileError(operation: "read", path: path, code: 5) }
            return try base.read(into: buffer, at: offset)
        }
        func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int {
            try base.write(buffers, at: offset)
        }
        func synchronize() throws(FileError) { try base.synchronize() }
        func truncate(to bytes: Int) throws(FileError) { try base.truncate(to: bytes) }
        func allocate(_ bytes: Int) throws(FileError) { try base.allocate(bytes) }
        func close() { base.close() }
    }
}
