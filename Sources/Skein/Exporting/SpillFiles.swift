import Synchronization

/// Batches on disk: one file each, sent in the order in which they came, also by the next process.
///
/// A file gets its name only when it is complete, and carries a length and a checksum, so that one that was cut short
/// is recognised. What is here survives the end of the process; nothing is synchronised, so a loss of power may take
/// the last files. A batch that was sent but not yet removed when the process ended is sent again by the next. A lock
/// keeps the directory to one process.
///
/// Unchecked because all but ``counts`` is used by one thread at a time, the processor's; `counts` has a lock.
package final class SpillFiles: @unchecked Sendable {
    /// What became of a batch that was to be stored.
    package enum Outcome: Sendable, Equatable {
        /// It is on disk.
        case stored
        /// It would go over the bound; nothing was written.
        case full
        /// The file could not be written; nothing is left of it.
        case failed(SpillError)
    }

    /// Names a stored batch; older batches have smaller numbers.
    package struct ID: Sendable, Hashable {
        fileprivate let sequence: UInt64
    }

    /// A batch as it was stored.
    package struct Batch: Sendable, Equatable {
        /// For ``SpillFiles/remove(_:)``.
        package let id: ID
        /// A complete OTLP `ExportTraceServiceRequest` in protobuf.
        package let request: [UInt8]
        /// The spans of the request.
        package let recordCount: Int
    }

    /// How much is stored, and what could not be used.
    package struct Counts: Sendable, Equatable {
        /// Batches that wait.
        package var files = 0
        /// What the waiting and the unreadable files take, in bytes, their headers included: what the bound is about.
        package var bytes = 0
        /// Spans that wait.
        package var spans = 0
        /// Files that were cut short or changed, and are gone.
        package var damagedFiles = 0
        /// The spans that the names of damaged files spoke of.
        package var damagedSpans = 0
        /// Files that could not be read or removed. They stay, and are tried again by the next process.
        package var unreadableFiles = 0
        /// The spans of unreadable files.
        package var unreadableSpans = 0

        /// All zero.
        package init() {}
    }

    private struct Entry {
        let name: SpillFileName
        let bytes: Int
    }

    private let directory: String
    private let bytesMax: Int
    private let files: any SpillFileSystem
    private let shared = Mutex(Counts())
    private var lock: Int32?
    /// Oldest first; those before `first` are done with.
    private var entries: [Entry] = []
    private var first = 0
    private var nextSequence: UInt64 = 1

    /// Opens a directory, which is made where it is missing, and finds what is left over in it.
    ///
    /// - Throws: when the directory cannot be used, or another process uses it (`isLocked`).
    package init(
        directory: String, bytesMax: Int, files: any SpillFileSystem = POSIXSpillFileSystem()
    ) throws(SpillError) {
        self.directory = directory
        self.bytesMax = bytesMax
        self.files = files
        try files.createDirectory(directory)
        lock = try files.lock("\(directory)/lock")
        try recover()
    }

    deinit { close() }

    /// How much is stored; may be called from any thread.
    package var counts: Counts { shared.withLock { $0 } }

    /// Stores a batch behind all others. One over the bound is refused.
    package func append(_ request: [UInt8], recordCount: Int) -> Outcome {
        let size = SpillFormat.headerBytes + request.count
        guard lock != nil, size <= bytesMax - counts.bytes else { return .full }
        let name = SpillFileName(sequence: nextSequence, recordCount: recordCount)
        let header = SpillFormat.header(request, recordCount: recordCount)
        let temporary = path(name.temporary)
        do {
            try files.write(header, request, to: temporary)
            try files.rename(temporary, to: path(name.final))
        } catch {
            // The half file holds space that the next one may need. Should it stay, the next process removes it.
            try? files.remove(temporary)
            return .failed(error)
        }
        nextSequence += 1
        entries.append(Entry(name: name, bytes: size))
        shared.withLock { $0.add(name, size) }
        return .stored
    }

    /// The batch that has waited longest; it stays until ``remove(_:)``. Files that are damaged are removed and counted
    /// on the way, those that cannot be read are passed over and counted.
    ///
    /// Nil while `counts.files` is not zero means that the process has no descriptor or memory to read with just now.
    package func oldest() -> Batch? {
        while first < entries.count {
            let entry = entries[first]
            do {
                let bytes = try files.read(path(entry.name.final))
                if let request = SpillFormat.request(bytes, recordCount: entry.name.recordCount) {
                    return Batch(
                        id: ID(sequence: entry.name.sequence), request: request, recordCount: entry.name.recordCount)
                }
                try files.remove(path(entry.name.final))
                dropFirst { $0.damage(entry.name, entry.bytes) }
            } catch {
                if error.isShortage { return nil }
                dropFirst { $0.passOver(entry.name) }
            }
        }
        return nil
    }

    /// Removes the oldest batch, once its fate is decided. Any other id changes nothing.
    ///
    /// - Returns: why the file is still there, which the next process will send again; nil when all went well.
    @discardableResult
    package func remove(_ id: ID) -> SpillError? {
        guard first < entries.count, entries[first].name.sequence == id.sequence else { return nil }
        let entry = entries[first]
        do {
            try files.remove(path(entry.name.final))
        } catch {
            dropFirst { $0.passOver(entry.name) }
            return error
        }
        dropFirst { $0.remove(entry.name, entry.bytes) }
        return nil
    }

    /// Leaves the directory to others; what is stored stays. Further batches are refused. May be called twice.
    package func close() {
        leave(releasesLock: true)
    }

    /// To be called in the child of a `fork()`: the files and their lock stay with the parent.
    package func abandonAfterFork() {
        leave(releasesLock: false)
    }

    // MARK: private parts

    private func leave(releasesLock: Bool) {
        guard let descriptor = lock else { return }
        lock = nil
        entries = []
        first = 0
        files.unlock(descriptor, releases: releasesLock)
    }

    private func recover() throws(SpillError) {
        for text in try files.list(directory) {
            if let torn = SpillFileName(temporary: text) {
                // Its writer ended before it was complete.
                let isRemoved = (try? files.remove(path(text))) != nil
                shared.withLock { isRemoved ? $0.damage(torn, nil) : $0.passOver(torn, wasCounted: false) }
                continue
            }
            guard let name = SpillFileName(final: text) else { continue }
            guard let size = try? files.size(path(text)) else {
                shared.withLock { $0.passOver(name, wasCounted: false) }
                continue
            }
            entries.append(Entry(name: name, bytes: size))
            shared.withLock { $0.add(name, size) }
            nextSequence = max(nextSequence, name.sequence + 1)
        }
        entries.sort { $0.name.sequence < $1.name.sequence }
    }

    private func dropFirst(_ count: (inout Counts) -> Void) {
        first += 1
        // Moves the rest down once half is used up: amortised a constant for each batch.
        if first * 2 > entries.count {
            entries.removeFirst(first)
            first = 0
        }
        shared.withLock { count(&$0) }
    }

    private func path(_ name: String) -> String { "\(directory)/\(name)" }
}

extension SpillFiles.Counts {
    fileprivate mutating func add(_ name: SpillFileName, _ size: Int) {
        files += 1
        bytes += size
        spans += name.recordCount
    }

    fileprivate mutating func remove(_ name: SpillFileName, _ size: Int) {
        files -= 1
        bytes -= size
        spans -= name.recordCount
    }

    /// - Parameter size: nil for a file that was not counted before.
    fileprivate mutating func damage(_ name: SpillFileName, _ size: Int?) {
        if let size { remove(name, size) }
        damagedFiles += 1
        damagedSpans += name.recordCount
    }

    /// Its bytes stay counted: they still take space.
    fileprivate mutating func passOver(_ name: SpillFileName, wasCounted: Bool = true) {
        if wasCounted {
            files -= 1
            spans -= name.recordCount
        }
        unreadableFiles += 1
        unreadableSpans += name.recordCount
    }
}
