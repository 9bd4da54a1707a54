import Synchronization

/// Sees that one merge runs at a time, and remembers blocks that cannot be joined.
final class MergeTurn: Sendable {
    private struct State: Sendable {
        var isTaken = false
        var left: Set<UInt64> = []
    }

    private let state = Mutex(State())

    /// Numbers of blocks that are too large to be joined, or that cannot be; kept until the store is closed.
    var left: Set<UInt64> { state.withLock { $0.left } }

    /// False when a merge is running.
    func begin() -> Bool {
        state.withLock { state in
            defer { state.isTaken = true }
            return !state.isTaken
        }
    }

    func end() { state.withLock { $0.isTaken = false } }

    func leave(_ numbers: [UInt64]) { state.withLock { $0.left.formUnion(numbers) } }
}
