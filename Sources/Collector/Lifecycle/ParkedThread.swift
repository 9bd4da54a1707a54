import Dispatch
import Synchronization
import TraceStorage

/// A thread that waits to be told what to do, so that a change which needs threads is refused before it begins when the
/// system has none. ``run(_:)`` or ``giveUp()`` has to be called once.
final class ParkedThread: Sendable {
    private final class Order: Sendable {
        let body = Mutex<(@Sendable () -> Void)?>(nil)
        let isGiven = DispatchSemaphore(value: 0)
    }

    private let order = Order()
    let thread: WorkerThread

    init(_ name: String) throws(WorkerThread.StartError) {
        thread = try WorkerThread(name) { [order] in
            order.isGiven.wait()
            order.body.withLock { $0.take() }?()
        }
    }

    func run(_ body: @escaping @Sendable () -> Void) {
        order.body.withLock { $0 = body }
        order.isGiven.signal()
    }

    /// Ends the thread without anything done.
    func giveUp() { order.isGiven.signal() }
}
