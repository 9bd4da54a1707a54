import TraceStorage

/// A segment file that the disk has yet to be told to keep.
struct UnsynchronizedFile: Sendable {
    let file: any File
    let path: String
    /// Its name in the directory is not durable either.
    var isNew: Bool
    /// Acknowledged records, under `fsync` those that wait to be, since the last time the disk kept it all.
    var records = 0
    /// Nothing more is written to it. The bytes of its records, behind which it is cut.
    var finishedAt: Int?
}

/// A group that was written, and is neither acknowledged nor seen by readers before it is durable.
struct WrittenGroup: Sendable {
    let appends: ArraySlice<PendingAppend>
    /// Offset of its first record.
    let start: Int
    let bytes: Int
}

/// What the writing thread leaves to the synchronizing one, and what comes back.
struct UnsynchronizedFiles: Sendable {
    /// In the order in which they were begun; all but the last are finished.
    private(set) var files: [UnsynchronizedFile] = []
    /// When the disk is told next under `interval`, by ``MonotonicTime``; nil while there is nothing to tell.
    var dueAt: UInt64?
    /// Somebody waits for all to be durable.
    var isFlushed = false
    /// The synchronizing thread is at work on the files of before.
    var isBusy = false
    /// Written groups in order, under `fsync` alone.
    var groups: [WrittenGroup] = []
    /// The disk would not keep `groups`; nothing more is synchronized until the writer has dealt with it.
    var failure: FileError?
    /// The file that the disk failed on under `interval`; no more is to be written to it.
    var suspectPath: String?

    /// Nothing waits and nothing is under way.
    var isClean: Bool { files.allSatisfy { $0.records == 0 && $0.finishedAt == nil } && groups.isEmpty && !isBusy }

    /// There is a file that takes no more and is not done with.
    var hasFinishedFile: Bool { files.contains { $0.finishedAt != nil } }

    /// What there is to do for the synchronizing thread now.
    var hasWork: Bool { hasFinishedFile || files.contains { $0.records > 0 } }

    mutating func begin(_ file: any File, path: String, isNew: Bool) {
        files.append(UnsynchronizedFile(file: file, path: path, isNew: isNew))
    }

    /// Counts records that were written to the last file.
    mutating func add(records: Int) {
        guard !files.isEmpty else { return }
        files[files.count - 1].records += records
    }

    /// The last file takes no more.
    mutating func finish(path: String, at endOffset: Int) {
        guard let index = files.firstIndex(where: { $0.path == path }) else { return }
        files[index].finishedAt = endOffset
    }

    func contains(path: String) -> Bool { files.contains { $0.path == path } }

    /// Takes a file out; nil when it is not there.
    mutating func remove(path: String) -> UnsynchronizedFile? {
        guard let index = files.firstIndex(where: { $0.path == path }) else { return nil }
        return files.remove(at: index)
    }

    /// The disk has kept what a file held when `snapshot` was taken.
    mutating func confirm(_ snapshot: UnsynchronizedFile) {
        guard let index = files.firstIndex(where: { $0.path == snapshot.path }) else { return }
        files[index].records -= snapshot.records
        // Without records there was nothing to make durable, the name neither.
        if snapshot.records > 0 { files[index].isNew = false }
        if snapshot.finishedAt != nil { files.remove(at: index) }
    }
}
