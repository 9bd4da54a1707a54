import TraceStorage

/// The segment file that is written to, and what must be done to it before the next write.
///
/// The rule that keeps a record from being there twice: bytes that were not acknowledged are gone from the file before
/// anything later is acknowledged. So after a failure nothing is written until ``repair()`` has succeeded.
struct SegmentWriter {
    private let configuration: JournalConfiguration
    private let files: any FileSystem
    private var file: (any File)?
    private(set) var path = ""
    /// Bytes of the file that were acknowledged, or are about to be.
    private(set) var endOffset = 0
    private(set) var isEmpty = true
    /// There may be bytes behind `endOffset`.
    private var hasTornTail = false
    /// The disk failed to keep this file's bytes once; its later confirmations mean nothing.
    private(set) var isSuspect = false
    /// Written since the last successful ``synchronize()``.
    private(set) var unsynchronizedRecords = 0

    init(configuration: JournalConfiguration, files: any FileSystem) {
        self.configuration = configuration
        self.files = files
    }

    var isOpen: Bool { file != nil }

    /// Goes on with a segment that recovery has left clean.
    mutating func resume(_ segment: Segment) throws(FileError) {
        file = try files.open(segment.path, .update)
        path = segment.path
        endOffset = segment.endOffset
        isEmpty = segment.isEmpty
    }

    /// Begins a new segment. The file before it must have been made durable.
    mutating func create(first: JournalPosition) throws(FileError) {
        file?.close()
        file = nil
        let path = configuration.path(SegmentFormat.name(first: first))
        do throws(FileError) {
            let new = try files.open(path, .create)
            try new.writeAll(SegmentFormat.header(first: first), at: 0, path: path)
            if configuration.durability != .os {
                try new.synchronize()
                try files.synchronizeDirectory(configuration.directory)
            }
            file = new
        } catch {
            // What is left of it holds no record, and the next attempt starts it over.
            try? files.remove(path)
            throw error
        }
        self.path = path
        endOffset = SegmentFormat.headerBytes
        isEmpty = true
        hasTornTail = false
        isSuspect = false
        unsynchronizedRecords = 0
    }

    /// Writes records behind the last one. On an error the file has to be repaired.
    mutating func write(_ buffers: [UnsafeRawBufferPointer], bytes: Int, records: Int) throws(FileError) {
        guard let file else { throw FileError.nothingWritten(path) }
        hasTornTail = true
        try file.writeAll(buffers, at: endOffset, path: path)
        hasTornTail = false
        endOffset += bytes
        isEmpty = false
        unsynchronizedRecords += records
    }

    /// Makes what was written durable. After an error the segment is not written to any more.
    mutating func synchronize() throws(FileError) {
        guard let file, unsynchronizedRecords > 0 else { return }
        do throws(FileError) {
            try file.synchronize()
        } catch {
            isSuspect = true
            throw error
        }
        unsynchronizedRecords = 0
    }

    /// Gives up records at the end that will not be acknowledged.
    mutating func takeBack(to offset: Int, isEmpty: Bool) {
        endOffset = offset
        self.isEmpty = isEmpty
        hasTornTail = true
        unsynchronizedRecords = 0
    }

    /// Removes everything behind the acknowledged bytes, for good.
    mutating func repair() throws(FileError) {
        guard hasTornTail, let file else { return }
        try file.truncate(to: endOffset)
        if configuration.durability != .os {
            do throws(FileError) {
                try file.synchronize()
            } catch {
                isSuspect = true
                throw error
            }
        }
        hasTornTail = false
    }

    /// Stops using a file that the disk failed on; its records stay readable.
    mutating func abandon() {
        unsynchronizedRecords = 0
        isSuspect = true
    }

    mutating func close() {
        file?.close()
        file = nil
    }
}
