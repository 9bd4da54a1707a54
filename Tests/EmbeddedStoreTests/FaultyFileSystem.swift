import EmbeddedStore
import Synchronization
import TraceStorage

/// The disk, with a step at which something goes wrong.
final class FaultyFileSystem: StoreFileSystem {
    enum Fault: CaseIterable, Sendable {
        /// The process dies before the step: it and all later ones fail.
        case crashBefore
        /// The process dies in the middle of the step: half of what is written, or a renaming without its sync.
        case crashWithin
        /// The step finds no room, once; half of what was to be written is there.
        case full
    }

    private struct State {
        var steps = 0
        var isDead = false
    }

    private let disk = PosixFileSystem()
    private let state = Mutex(State())
    private let step: Int
    private let fault: Fault

    /// `step`: counts all steps that change the disk, from 0 on.
    init(_ fault: Fault = .crashBefore, atStep step: Int = .max) {
        self.fault = fault
        self.step = step
    }

    var steps: Int { state.withLock { $0.steps } }

    /// True when the step is the one that fails.
    private func begin() throws(StorageError) -> Bool {
        let (isDead, isFault) = state.withLock { state in
            defer { state.steps += 1 }
            let isFault = state.steps == step
            if isFault, fault != .full { state.isDead = true }
            return (state.isDead && !isFault, isFault)
        }
        if isDead || (isFault && fault == .crashBefore) { throw .io(message: "the process died") }
        return isFault
    }

    private func end(_ isFault: Bool) throws(StorageError) {
        guard isFault else { return }
        throw fault == .full ? .full(message: "no space left") : .io(message: "the process died")
    }

    func makeDirectory(_ path: String) throws(StorageError) { try disk.makeDirectory(path) }
    func names(in directory: String) throws(StorageError) -> [String] { try disk.names(in: directory) }
    func open(_ path: String) throws(StorageError) -> any StoreFile { try disk.open(path) }

    func write(_ bytes: [UInt8], to path: String) throws(StorageError) {
        let isFault = try begin()
        try disk.write(isFault ? Array(bytes.prefix(bytes.count / 2)) : bytes, to: path)
        try end(isFault)
    }

    func rename(_ path: String, to newPath: String) throws(StorageError) {
        let isFault = try begin()
        // Without room nothing is renamed.
        if !(isFault && fault == .full) { try disk.rename(path, to: newPath) }
        try end(isFault)
    }

    func remove(_ path: String) throws(StorageError) {
        let isFault = try begin()
        try disk.remove(path)
        if fault != .full { try end(isFault) }
    }

    func sync(directory: String) throws(StorageError) {
        let isFault = try begin()
        try disk.sync(directory: directory)
        try end(isFault)
    }
}
