import Dispatch
import OTLP
import Synchronization

/// Tells one worker thread that it should come to an end, and wakes it when it waits.
package final class StopSignal: Sendable {
    private let stops = Atomic<Bool>(false)
    private let wakeup = DispatchSemaphore(value: 0)

    package init() {}

    package var isSet: Bool { stops.load(ordering: .acquiring) }

    package func set() {
        stops.store(true, ordering: .releasing)
        wakeup.signal()
    }

    /// Waits on the worker's own thread; answers true as soon as the signal is set.
    package func wait(_ duration: Duration) -> Bool {
        if isSet { return true }
        let nanoseconds = Int(clamping: duration.nanosecondsClamped)
        _ = wakeup.wait(timeout: .now() + .nanoseconds(max(0, nanoseconds)))
        return isSet
    }
}
