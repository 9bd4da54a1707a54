import Synchronization

/// Counts recorded spans as they start. Threads that run at the same time count in places of their own.
///
/// Unchecked because `lanes` is not changed after the initializer.
final class StartedSpans: @unchecked Sendable {
    /// The count of the threads of one stripe, on cache lines of its own.
    private struct Lane: ~Copyable {
        let count = Atomic<UInt64>(0)
        private let padding:
            (
                UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
                UInt64, UInt64
            ) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    }

    private let lanes: UnsafeMutablePointer<Lane>

    init() {
        lanes = .allocate(capacity: ThreadStripe.count)
        for index in 0..<ThreadStripe.count { (lanes + index).initialize(to: Lane()) }
    }

    deinit {
        lanes.deinitialize(count: ThreadStripe.count)
        lanes.deallocate()
    }

    @inline(__always)
    func add() {
        lanes[ThreadStripe.current].count.wrappingAdd(1, ordering: .relaxed)
    }

    /// Begins anew, in a child of `fork`.
    func reset() {
        for index in 0..<ThreadStripe.count { lanes[index].count.store(0, ordering: .relaxed) }
    }

    /// All that were counted.
    var total: UInt64 {
        (0..<ThreadStripe.count).reduce(0) { $0 &+ lanes[$1].count.load(ordering: .relaxed) }
    }
}
