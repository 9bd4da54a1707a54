import OTLP
import Synchronization
import TraceStorage

/// Decoded parts of blocks that queries come back to, bounded in bytes: footers, resources and scopes, dictionaries,
/// filters of trace ids.
final class BlockCache: Sendable {
    struct Key: Hashable {
        let block: UInt64
        /// Where the part begins in the file; for what does not stand in it as it is one of the numbers below.
        let offset: UInt64

        static let footer = UInt64.max
        static let traces = UInt64.max - 1
    }

    enum Part: Sendable {
        case footer(BlockFooter)
        case scopes(SpanBatch)
        case dictionary(BytesPage)
        case traces(TraceFilter)
    }

    private struct Entry {
        let part: Part
        let bytes: Int
        var lastUse: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var bytes = 0
        var clock: UInt64 = 0
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    subscript(key: Key) -> Part? {
        state.withLock { state in
            state.clock += 1
            state.entries[key]?.lastUse = state.clock
            return state.entries[key]?.part
        }
    }

    /// Keeps a part; what was not used for longest goes when there is no room.
    func insert(_ part: Part, bytes: Int, for key: Key) {
        guard bytes <= bytesMax / 4 else { return }
        state.withLock { state in
            state.clock += 1
            state.bytes -= state.entries[key]?.bytes ?? 0
            state.entries[key] = Entry(part: part, bytes: bytes, lastUse: state.clock)
            state.bytes += bytes
            if state.bytes > bytesMax { Self.evict(&state, to: bytesMax / 4 * 3) }
        }
    }

    /// Forgets the parts of a block that is gone.
    func remove(block: UInt64) {
        state.withLock { state in
            for (key, entry) in state.entries where key.block == block {
                state.bytes -= entry.bytes
                state.entries[key] = nil
            }
        }
    }

    /// Many at once, so that the sort is paid for once for many insertions.
    private static func evict(_ state: inout State, to bytes: Int) {
        for (key, entry) in state.entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
            guard state.bytes > bytes else { return }
            state.bytes -= entry.bytes
            state.entries[key] = nil
        }
    }
}
