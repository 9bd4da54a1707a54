/// The time an export may take. It closes at its deadline, which a shutdown can bring forward while the export waits.
public final class ExportWindow: Sendable {
    private struct State {
        var deadline: MonotonicTime
    }

    private let monitor: Monitor<State>

    /// A window that is open for `duration` from now.
    public init(_ duration: Duration) {
        monitor = Monitor(State(deadline: .now + duration))
    }

    /// What is left; zero once the window has closed.
    public var remaining: Duration {
        monitor.withLock { MonotonicTime.now.duration(to: $0.deadline) }
    }

    /// Blocks for `duration`; false, and earlier, when the window closes first.
    public func pause(for duration: Duration) -> Bool {
        let end = MonotonicTime.now + duration
        return monitor.wait { state in
            let now = MonotonicTime.now
            if now >= end { return .done(true) }
            if now >= state.deadline { return .done(false) }
            return .again(min(end, state.deadline))
        }
    }

    /// Moves the deadline forward; never back.
    func close(at deadline: MonotonicTime) {
        monitor.withLock { $0.deadline = min($0.deadline, deadline) }
        monitor.notify()
    }

    /// Blocks until `slot` is filled; nil when the window closes first.
    func wait<Value: Sendable>(for slot: Slot<Value>) -> Value? {
        monitor.wait { state in
            if let value = slot.value { return .done(value) }
            if MonotonicTime.now >= state.deadline { return .done(nil) }
            return .again(state.deadline)
        }
    }

    /// Fills `slot` from any thread and wakes who waits for it.
    func fill<Value: Sendable>(_ slot: Slot<Value>, with value: Value) {
        monitor.withLock { _ in slot.value = value }
        monitor.notify()
    }

    /// A value that another thread brings. Unchecked because it is touched only under the window's lock.
    final class Slot<Value: Sendable>: @unchecked Sendable {
        fileprivate var value: Value?
    }
}
