import TraceStorage

/// The segment file that is written to, and what must be done to it before the next write.
///
/// The rule that keeps a record from being there twice: bytes that were not acknowledged are gone from the file before
/// anything later is acknowledged. So after a failure nothing is written until ``repair()`` has succeeded.
struct SegmentWriter {
    private let configuration: JournalConfiguration
    private let files: any FileSystem
    private(set) var file: (any File)?
    private(set) var path = ""
    /// Bytes of the file that were acknowledged, or are about to be.
    private(set) var endOffset = 0
    /// Bytes that the file takes on the disk; those behind `endOffset` are 0.
    private(set) var allocatedBytes = 0
    private(set) var isEmpty = true
    /// There may be bytes behind `endOffset` that are not 0, or another number of them than `allocatedBytes` says.
    private var hasTornTail = false
    /// The disk failed to keep this file's bytes once; its later confirmations mean nothing.
    private(set) var isSuspect = false

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
        allocatedBytes = segment.endOffset
        isEmpty = segment.isEmpty
    }

    /// Begins a new segment, which nothing makes durable yet.
    mutating func create(first: JournalPosition, room: Int, limit: Int) throws(FileError) {
        self.file = nil
        path = configuration.path(SegmentFormat.name(first: first))
        endOffset = 0
        allocatedBytes = 0
        isEmpty = true
        hasTornTail = false
        isSuspect = false
        do throws(FileError) {
            let new = try files.open(path, .create)
            file = new
            try allocate(SegmentFormat.headerBytes + room, limit: limit)
            try new.writeAll(SegmentFormat.header(first: first), at: 0, path: path)
        } catch {
            // What is left of it holds no record, and the next attempt starts it over.
            file = nil
            try? files.remove(path)
            throw error
        }
        endOffset = SegmentFormat.headerBytes
        allocatedBytes = max(allocatedBytes, endOffset)
    }

    /// Takes room on the disk for the next `bytes`, in steps and not past `limit` bytes of the file unless they alone
    /// need more. On an error the file has to be repaired.
    mutating func allocate(_ bytes: Int, limit: Int) throws(FileError) {
        let step = configuration.allocationBytes
        let needed = endOffset + bytes
        guard step > 0, needed > allocatedBytes, let file else { return }
        let target = max(needed, min(limit, (needed + step - 1) / step * step))
        // A call that fails may have made the file longer all the same.
        hasTornTail = true
        do throws(FileError) {
            try file.allocate(target)
            allocatedBytes = target
        } catch {
            guard error.isFull, target > needed else { throw error }
            // What is left of the disk is used to its end.
            try file.truncate(to: endOffset)
            try file.allocate(needed)
            allocatedBytes = needed
        }
        hasTornTail = false
    }

    /// Writes records behind the last one. On an error the file has to be repaired.
    mutating func write(_ buffers: [UnsafeRawBufferPointer], bytes: Int) throws(FileError) {
        guard let file else { throw FileError.nothingWritten(path) }
        hasTornTail = true
        try file.writeAll(buffers, at: endOffset, path: path)
        hasTornTail = false
        endOffset += bytes
        allocatedBytes = max(allocatedBytes, endOffset)
        isEmpty = false
    }

    /// Gives up records at the end that will not be acknowledged, because the disk would not keep them.
    mutating func takeBack(to offset: Int) {
        endOffset = offset
        isEmpty = offset <= SegmentFormat.headerBytes
        hasTornTail = true
        isSuspect = true
    }

    /// Removes everything behind the acknowledged bytes, for good.
    mutating func repair() throws(FileError) {
        guard hasTornTail, let file else { return }
        try file.truncate(to: endOffset)
        allocatedBytes = endOffset
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
        isSuspect = true
    }

    /// Lets the file go; it is closed when nobody else uses it.
    mutating func release() {
        file = nil
    }

    /// Gives the room behind the last record back and lets the file go.
    mutating func close() throws(FileError) {
        guard let file else { return }
        defer {
            file.close()
            self.file = nil
        }
        guard allocatedBytes > endOffset || hasTornTail else { return }
        try file.truncate(to: endOffset)
        allocatedBytes = endOffset
    }
}
