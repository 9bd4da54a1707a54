import Glibc
import TraceStorage

/// What of the bytes and names that were not made durable a loss of power leaves.
package enum PowerLoss: Sendable, Hashable {
    case nothingKept
    /// Files are as long as they were; what was not made durable of them reads as 0.
    case lengthsKept
    /// Of each sector and each length the old or the new one; names that were made may be gone, removed ones be back.
    case random(seed: UInt64)
}

/// What of each file is on the disk for good.
struct PowerModel: Sendable {
    /// What a disk writes whole or not at all.
    private static let sectorBytes = 512

    /// Content at the last time each file was made durable.
    private var contents: [String: [UInt8]] = [:]
    /// Files whose names are not durable yet.
    private var newNames: Set<String> = []
    /// Files whose names are gone, but not for good.
    private var removed: [String: [UInt8]] = [:]

    /// A file that was there before counts as durable.
    mutating func noteExisting(_ path: String, _ content: [UInt8]) {
        if contents[path] == nil { contents[path] = content }
    }

    mutating func noteCreated(_ path: String) {
        // One that is written anew in the place of another has that one's name.
        if contents[path] == nil { newNames.insert(path) }
        contents[path] = []
    }

    mutating func noteRenamed(_ path: String, to newPath: String) {
        contents[newPath] = contents.removeValue(forKey: path)
        newNames.remove(path)
    }

    mutating func noteRemoved(_ path: String) {
        let content = contents.removeValue(forKey: path)
        if newNames.remove(path) == nil, let content { removed[path] = content }
    }

    mutating func noteSynchronized(_ path: String, _ content: [UInt8]) {
        if contents[path] != nil { contents[path] = content }
    }

    mutating func noteSynchronized(directory: String) {
        newNames = newNames.filter { !$0.hasPrefix(directory + "/") }
        removed = removed.filter { !$0.key.hasPrefix(directory + "/") }
    }

    /// Leaves on the disk what the loss leaves.
    func lose(_ loss: PowerLoss) {
        var random = Random(state: 0)
        if case .random(let seed) = loss { random = Random(state: seed) }
        for path in contents.keys.sorted() {
            guard let durable = contents[path], let current = read(path) else { continue }
            switch loss {
            case .nothingKept: write(path, durable)
            case .lengthsKept:
                write(path, durable + [UInt8](repeating: 0, count: max(0, current.count - durable.count)))
            case .random:
                if newNames.contains(path), random.flip() {
                    unlink(path)
                } else {
                    write(path, mix(durable, current, &random))
                }
            }
        }
        guard case .random = loss else { return }
        for path in removed.keys.sorted() where read(path) == nil && random.flip() { write(path, removed[path] ?? []) }
    }

    private func mix(_ durable: [UInt8], _ current: [UInt8], _ random: inout Random) -> [UInt8] {
        let count = random.flip() ? durable.count : current.count
        var result = [UInt8](repeating: 0, count: count)
        for start in stride(from: 0, to: count, by: Self.sectorBytes) {
            let source = random.flip() ? durable : current
            for index in start..<min(start + Self.sectorBytes, count, max(start, source.count)) {
                result[index] = source[index]
            }
        }
        return result
    }

    private func read(_ path: String) -> [UInt8]? {
        guard let file = try? POSIXFileSystem().open(path, .read) else { return nil }
        return try? file.readBytes(at: 0, count: file.size())
    }

    private func write(_ path: String, _ bytes: [UInt8]) {
        guard let file = try? POSIXFileSystem().open(path, .create) else { return }
        try? file.writeAll(bytes, at: 0, path: path)
    }

    private struct Random {
        var state: UInt64

        mutating func flip() -> Bool {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return (mixed ^ (mixed >> 31)) & 1 == 0
        }
    }
}
