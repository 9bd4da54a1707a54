import Glibc
import Synchronization
import TraceStorage

/// The operating system's files, or others, with a fault at chosen operations. After a crash every operation fails.
///
/// Only operations that change something are counted, from 0.
package final class FaultyFileSystem: FileSystem {
    package struct Operation: Sendable {
        package let index: Int
        package let name: String
        package let path: String
    }

    private struct State {
        var count = 0
        var isCrashed = false
        var faults = 0
        var power = PowerModel()
        var openFiles: [String: Int] = [:]
    }

    private let base: any FileSystem
    /// The operating system's files are not synchronized in truth, which would take the tests' time.
    let isOnDisk: Bool
    private let state = Mutex(State())
    private let plan: @Sendable (Operation) -> Fault?

    package init(on base: any FileSystem = POSIXFileSystem(), _ plan: @escaping @Sendable (Operation) -> Fault?) {
        self.base = base
        isOnDisk = base is POSIXFileSystem
        self.plan = plan
    }

    /// Times a fault was injected.
    package var faults: Int { state.withLock { $0.faults } }
    package var isCrashed: Bool { state.withLock { $0.isCrashed } }
    /// From now on every operation fails, as for a process that is gone.
    package func crash() { state.withLock { $0.isCrashed = true } }
    package var operations: Int { state.withLock { $0.count } }
    /// Files that were opened and read or written, by how often.
    package func opened(_ path: String) -> Int { state.withLock { $0.openFiles[path] ?? 0 } }

    /// Takes from every file and directory what was not made durable, or some of it.
    package func losePower(_ loss: PowerLoss = .nothingKept) {
        state.withLock { $0.power }.lose(loss)
    }

    package func createDirectory(_ path: String) throws(FileError) { try base.createDirectory(path) }

    package func list(_ directory: String) throws(FileError) -> [String] {
        try checkAlive("list", directory)
        return try base.list(directory)
    }

    package func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any File {
        try checkAlive("open", path)
        state.withLock { $0.openFiles[path, default: 0] += 1 }
        guard mode == .create else {
            let file = try base.open(path, mode)
            if isOnDisk, mode == .update {
                let content = try file.readBytes(at: 0, count: file.size())
                state.withLock { $0.power.noteExisting(path, content) }
            }
            return FaultyFile(file, path: path, files: self)
        }
        let file = try change("create", path) { () throws(FileError) in try base.open(path, mode) }
        state.withLock { $0.power.noteCreated(path) }
        return FaultyFile(file, path: path, files: self)
    }

    package func rename(_ path: String, to newPath: String) throws(FileError) {
        try change("rename", path) { () throws(FileError) in try base.rename(path, to: newPath) }
        state.withLock { $0.power.noteRenamed(path, to: newPath) }
    }

    package func remove(_ path: String) throws(FileError) {
        try change("remove", path) { () throws(FileError) in try base.remove(path) }
        state.withLock { $0.power.noteRemoved(path) }
    }

    package func synchronizeDirectory(_ path: String) throws(FileError) {
        try change("synchronize directory", path) { () throws(FileError) in
            if isOnDisk {
                state.withLock { $0.power.noteSynchronized(directory: path) }
            } else {
                try base.synchronizeDirectory(path)
            }
        }
    }

    package func lock(_ path: String) throws(FileError) -> any File { try base.lock(path) }

    // MARK: faults

    func checkAlive(_ name: String, _ path: String) throws(FileError) {
        if isCrashed { throw FileError(operation: name, path: path, code: EIO) }
    }

    /// The fault of the next operation; after a crash, an error.
    func nextFault(_ name: String, _ path: String) throws(FileError) -> Fault? {
        try checkAlive(name, path)
        let index = state.withLock { state in
            state.count += 1
            return state.count - 1
        }
        let fault = plan(Operation(index: index, name: name, path: path))
        if let fault {
            state.withLock { state in
                state.faults += 1
                if fault.isCrash { state.isCrashed = true }
            }
        }
        return fault
    }

    func noteSynchronized(_ path: String, _ content: [UInt8]) {
        state.withLock { $0.power.noteSynchronized(path, content) }
    }

    /// An operation that is done whole or not at all.
    func change<Result>(
        _ name: String, _ path: String, _ body: () throws(FileError) -> Result
    ) throws(FileError) -> Result {
        switch try nextFault(name, path) {
        case nil, .shortWrite: return try body()
        case .ioError, .tornWrite, .crashBefore: throw FileError(operation: name, path: path, code: EIO)
        case .diskFull, .tornDiskFull: throw FileError(operation: name, path: path, code: ENOSPC)
        case .crashWithin, .crashAfter:
            _ = try body()
            throw FileError(operation: name, path: path, code: EIO)
        }
    }
}

private final class FaultyFile: File {
    private let base: any File
    private let path: String
    private let files: FaultyFileSystem

    init(_ base: any File, path: String, files: FaultyFileSystem) {
        self.base = base
        self.path = path
        self.files = files
    }

    func size() throws(FileError) -> Int {
        try files.checkAlive("size", path)
        return try base.size()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        try files.checkAlive("read", path)
        return try base.read(into: buffer, at: offset)
    }

    func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int {
        switch try files.nextFault("write", path) {
        case nil: return try base.write(buffers, at: offset)
        case .ioError, .crashBefore: throw FileError(operation: "write", path: path, code: EIO)
        case .diskFull: throw FileError(operation: "write", path: path, code: ENOSPC)
        case .shortWrite: return try writeHalf(buffers, at: offset)
        case .tornWrite, .crashWithin:
            _ = try writeHalf(buffers, at: offset)
            throw FileError(operation: "write", path: path, code: EIO)
        case .tornDiskFull:
            _ = try writeHalf(buffers, at: offset)
            throw FileError(operation: "write", path: path, code: ENOSPC)
        case .crashAfter:
            _ = try base.write(buffers, at: offset)
            throw FileError(operation: "write", path: path, code: EIO)
        }
    }

    private func writeHalf(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int {
        var left = max(1, buffers.reduce(0) { $0 + $1.count } / 2)
        var written = 0
        for buffer in buffers where left > 0 {
            let part = UnsafeRawBufferPointer(rebasing: buffer.prefix(left))
            written += try base.write([part], at: offset + written)
            left -= part.count
        }
        return written
    }

    func synchronize() throws(FileError) {
        try files.change("synchronize", path) { () throws(FileError) in
            if files.isOnDisk {
                files.noteSynchronized(path, try base.readBytes(at: 0, count: base.size()))
            } else {
                try base.synchronize()
            }
        }
    }

    func truncate(to bytes: Int) throws(FileError) {
        try files.change("truncate", path) { () throws(FileError) in try base.truncate(to: bytes) }
    }

    func allocate(_ bytes: Int) throws(FileError) {
        try files.change("allocate", path) { () throws(FileError) in try base.allocate(bytes) }
    }

    func close() { base.close() }
}
