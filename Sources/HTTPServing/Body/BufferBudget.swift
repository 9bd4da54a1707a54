import Synchronization

/// The bytes that unfinished and running requests may hold at once, over all connections of the listeners that share
/// it: of bodies as they came and of what they decompress to. Safe to use from any task or event loop.
///
/// A request that holds more than ``usualRequestBytes`` may use three quarters of the budget only. So those who hold
/// back the rest of a large body can keep others from sending one, but not from sending a usual batch.
package final class BufferBudget: Sendable {
    /// 1 MiB, a batch of 2,000 spans: what exporters send is smaller.
    package static let usualRequestBytes = 1 << 20

    private let limit: Atomic<Int>
    private let used = Atomic<Int>(0)

    package init(limitBytes: Int) {
        limit = Atomic(limitBytes)
    }

    package var limitBytes: Int { limit.load(ordering: .relaxed) }

    /// Has another limit from now on. What is held stays held; over the limit nothing more is given until it is not.
    package func use(limitBytes: Int) { limit.store(limitBytes, ordering: .relaxed) }

    package var usedBytes: Int { used.load(ordering: .relaxed) }

    /// Takes `bytes`, or nothing and answers false when that would pass the limit.
    ///
    /// - Parameter held: what the request holds already.
    func take(_ bytes: Int, held: Int) -> Bool {
        let limit = held + bytes > Self.usualRequestBytes ? limitBytes / 4 * 3 : limitBytes
        let (_, after) = used.add(bytes, ordering: .relaxed)
        if after <= limit { return true }
        used.subtract(bytes, ordering: .relaxed)
        return false
    }

    func give(_ bytes: Int) {
        used.subtract(bytes, ordering: .relaxed)
    }
}

/// What one request holds of a budget; gives it back when the last owner lets go of it.
package final class BufferReservation: Sendable {
    private let budget: BufferBudget
    private let held = Atomic<Int>(0)

    package init(_ budget: BufferBudget) {
        self.budget = budget
    }

    deinit { budget.give(held.load(ordering: .relaxed)) }

    /// Holds `bytes` more; false when the budget is used up. One caller at a time.
    package func grow(_ bytes: Int) -> Bool {
        guard budget.take(bytes, held: held.load(ordering: .relaxed)) else { return false }
        held.add(bytes, ordering: .relaxed)
        return true
    }
}
