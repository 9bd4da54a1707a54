import Glibc
import Synchronization
import TraceStorage

/// Files in memory that know what of them would survive a loss of power. Paths are taken as they are.
///
/// The content of a file is durable once the file was synchronized, a name once its directory was. One instance stands
/// for one disk: it outlives the stores and journals that are opened on it.
package final class MemoryFileSystem: FileSystem {
    /// Bytes of one file; names lead to it.
    fileprivate final class Content: Sendable {
        struct State {
            var bytes: [UInt8] = []
            /// As they were when the file was last synchronized.
            var durable: [UInt8] = []
        }

        let state = Mutex(State())
    }

    private struct State {
        var directories: Set<String> = ["", "/"]
        var names: [String: Content] = [:]
        /// As each directory was when it was last synchronized.
        var durableNames: [String: Content] = [:]
        var locked: Set<String> = []
        var bytesMax = Int.max
    }

    private let state = Mutex(State())

    package init() {}

    /// Another disk that is as this one is now, with nothing locked.
    package func copy() -> MemoryFileSystem {
        let disk = MemoryFileSystem()
        let now = state.withLock { $0 }
        var copies: [ObjectIdentifier: Content] = [:]
        func copied(_ content: Content) -> Content {
            if let known = copies[ObjectIdentifier(content)] { return known }
            let copy = Content()
            let bytes = content.state.withLock { $0 }
            copy.state.withLock { $0 = bytes }
            copies[ObjectIdentifier(content)] = copy
            return copy
        }
        let (names, durableNames) = (now.names.mapValues(copied), now.durableNames.mapValues(copied))
        disk.state.withLock { state in
            state = now
            (state.names, state.durableNames, state.locked) = (names, durableNames, [])
        }
        return disk
    }

    /// Bytes that all files take together.
    package var bytes: Int {
        state.withLock { state in state.names.values.reduce(0) { $0 + $1.state.withLock { $0.bytes.count } } }
    }

    /// Bytes that all files may take together; a write beyond finds no room.
    package var bytesMax: Int {
        get { state.withLock { $0.bytesMax } }
        set { state.withLock { $0.bytesMax = newValue } }
    }

    /// The process that used the disk is gone: nothing is locked any more.
    package func endProcess() { state.withLock { $0.locked = [] } }

    /// The machine is gone: of each file and each directory only what was made durable is left, or by chance more.
    package func losePower(keeping chance: () -> Bool) {
        endProcess()
        state.withLock { state in
            let kept = Set(state.directories.sorted().filter { _ in chance() })
            var names = state.durableNames.filter { !kept.contains(Self.directory(of: $0.key)) }
            for (path, content) in state.names where kept.contains(Self.directory(of: path)) { names[path] = content }
            state.names = names
            state.durableNames = names
            for path in names.keys.sorted() {
                let keepsAll = chance()
                names[path]?.state.withLock { content in
                    if keepsAll { content.durable = content.bytes } else { content.bytes = content.durable }
                }
            }
        }
    }

    // MARK: FileSystem

    package func createDirectory(_ path: String) throws(FileError) {
        state.withLock { state in
            var made = ""
            for part in path.split(separator: "/", omittingEmptySubsequences: true) {
                made += made.isEmpty && !path.hasPrefix("/") ? String(part) : "/" + part
                state.directories.insert(made)
            }
        }
    }

    package func list(_ directory: String) throws(FileError) -> [String] {
        let names = state.withLock { state -> [String]? in
            guard state.directories.contains(directory) else { return nil }
            let files = state.names.keys.filter { Self.directory(of: $0) == directory }
            let directories = state.directories.filter { $0 != directory && Self.directory(of: $0) == directory }
            return (files + directories).map { Self.name(of: $0) }.sorted()
        }
        guard let names else { throw FileError(operation: "list", path: directory, code: ENOENT) }
        return names
    }

    package func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any File {
        let content = state.withLock { state -> Content? in
            guard state.directories.contains(Self.directory(of: path)) else { return nil }
            if let content = state.names[path] {
                if mode == .create { content.state.withLock { $0.bytes = [] } }
                return content
            }
            guard mode == .create else { return nil }
            let content = Content()
            state.names[path] = content
            return content
        }
        guard let content else { throw FileError(operation: "open", path: path, code: ENOENT) }
        return MemoryFile(content, path: path, disk: self)
    }

    package func rename(_ path: String, to newPath: String) throws(FileError) {
        let isDone = state.withLock { state in
            guard let content = state.names.removeValue(forKey: path) else { return false }
            state.names[newPath] = content
            return true
        }
        if !isDone { throw FileError(operation: "rename", path: path, code: ENOENT) }
    }

    package func remove(_ path: String) throws(FileError) {
        let isDone = state.withLock { $0.names.removeValue(forKey: path) != nil }
        if !isDone { throw FileError(operation: "remove", path: path, code: ENOENT) }
    }

    package func synchronizeDirectory(_ path: String) throws(FileError) {
        state.withLock { state in
            state.durableNames = state.durableNames.filter { Self.directory(of: $0.key) != path }
            for (name, content) in state.names where Self.directory(of: name) == path {
                state.durableNames[name] = content
            }
        }
    }

    package func lock(_ path: String) throws(FileError) -> any File {
        guard state.withLock({ $0.locked.insert(path).inserted }) else {
            throw FileError(operation: "lock", path: path, code: EWOULDBLOCK)
        }
        let mode: FileOpenMode = state.withLock({ $0.names[path] }) == nil ? .create : .update
        return LockedFile(try open(path, mode), path: path, disk: self)
    }

    // MARK: for files

    fileprivate func unlock(_ path: String) { state.withLock { _ = $0.locked.remove(path) } }

    /// How many of so many new bytes there is room for.
    fileprivate func room(for bytes: Int) -> Int {
        state.withLock { state in
            guard state.bytesMax < .max else { return bytes }
            let taken = state.names.values.reduce(0) { $0 + $1.state.withLock { $0.bytes.count } }
            return max(0, min(bytes, state.bytesMax - taken))
        }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[..<slash])
    }

    private static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }
}

private final class MemoryFile: File {
    private let content: MemoryFileSystem.Content
    private let path: String
    private let disk: MemoryFileSystem

    init(_ content: MemoryFileSystem.Content, path: String, disk: MemoryFileSystem) {
        self.content = content
        self.path = path
        self.disk = disk
    }

    func size() throws(FileError) -> Int { content.state.withLock { $0.bytes.count } }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        content.state.withLock { state in
            let end = min(state.bytes.count, offset + buffer.count)
            guard offset < end else { return 0 }
            state.bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<end])) }
            return end - offset
        }
    }

    func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int {
        let size = try size()
        let wanted = buffers.reduce(0) { $0 + $1.count }
        let allowed = wanted - max(0, offset + wanted - size) + disk.room(for: max(0, offset + wanted - size))
        guard allowed > 0 || wanted == 0 else { throw FileError(operation: "write", path: path, code: ENOSPC) }
        return content.state.withLock { state in
            var position = offset
            var left = allowed
            if state.bytes.count < offset + allowed {
                state.bytes += repeatElement(0, count: offset + allowed - state.bytes.count)
            }
            for buffer in buffers where left > 0 {
                let part = UnsafeRawBufferPointer(rebasing: buffer.prefix(left))
                state.bytes.withUnsafeMutableBytes { bytes in
                    UnsafeMutableRawBufferPointer(rebasing: bytes[position..<position + part.count])
                        .copyMemory(from: part)
                }
                position += part.count
                left -= part.count
            }
            return allowed
        }
    }

    func synchronize() throws(FileError) {
        content.state.withLock { $0.durable = $0.bytes }
    }

    func truncate(to bytes: Int) throws(FileError) {
        content.state.withLock { state in
            if bytes < state.bytes.count { state.bytes.removeLast(state.bytes.count - bytes) }
            if bytes > state.bytes.count { state.bytes += repeatElement(0, count: bytes - state.bytes.count) }
        }
    }

    func allocate(_ bytes: Int) throws(FileError) {
        let missing = bytes - (try size())
        guard missing > 0 else { return }
        guard disk.room(for: missing) == missing else {
            throw FileError(operation: "allocate", path: path, code: ENOSPC)
        }
        try truncate(to: bytes)
    }

    func close() {}
}

private final class LockedFile: File {
    private let base: any File
    private let path: String
    private let disk: MemoryFileSystem

    init(_ base: any File, path: String, disk: MemoryFileSystem) {
        self.base = base
        self.path = path
        self.disk = disk
    }

    deinit { disk.unlock(path) }

    func size() throws(FileError) -> Int { try base.size() }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        try base.read(into: buffer, at: offset)
    }
    func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int {
        try base.write(buffers, at: offset)
    }
    func synchronize() throws(FileError) { try base.synchronize() }
    func truncate(to bytes: Int) throws(FileError) { try base.truncate(to: bytes) }
    func allocate(_ bytes: Int) throws(FileError) { try base.allocate(bytes) }
    func close() { disk.unlock(path) }
}
