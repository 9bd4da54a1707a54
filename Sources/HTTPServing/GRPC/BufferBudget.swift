import Synchronization

/// The bytes that all requests of a server may hold at once.
final class BufferBudget: Sendable {
    private let used = Atomic<Int>(0)
    private let limitBytes: Int

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    /// Takes `bytes`, or nothing and answers false when that would pass the limit.
    func take(_ bytes: Int) -> Bool {
        let (_, after) = used.add(bytes, ordering: .relaxed)
        if after <= limitBytes { return true }
        used.subtract(bytes, ordering: .relaxed)
        return false
    }

    func give(_ bytes: Int) {
        used.subtract(bytes, ordering: .relaxed)
    }
}

/// What one request holds of a budget; gives it back when the last owner lets go of it.
final class BufferReservation: Sendable {
    private let budget: BufferBudget
    private let held = Atomic<Int>(0)

    init(_ budget: BufferBudget) {
        self.budget = budget
    }

    deinit { budget.give(held.load(ordering: .relaxed)) }

    /// Holds `bytes` more; false when the budget is used up.
    func grow(_ bytes: Int) -> Bool {
        guard budget.take(bytes) else { return false }
        held.add(bytes, ordering: .relaxed)
        return true
    }
}
