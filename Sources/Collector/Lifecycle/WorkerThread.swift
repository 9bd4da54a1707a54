import CurlTransport
import Dispatch

/// A thread that does blocking work until it is told to stop.
package final class WorkerThread: Sendable {
    package let name: String
    private let finished = DispatchSemaphore(value: 0)

    package enum StartError: Error, CustomStringConvertible {
        case noThread(name: String)

        package var description: String {
            switch self {
            case .noThread(let name): "the system has no thread to give for \(name)"
            }
        }
    }

    package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(StartError) {
        self.name = name
        let started = DetachedThread.start { [finished] in
            body()
            finished.signal()
        }
        guard started else { throw .noThread(name: name) }
    }

    /// Waits until the body has returned; false when that takes longer than until `deadline`.
    package func join(until deadline: DispatchTime) -> Bool {
        guard finished.wait(timeout: deadline) == .success else { return false }
        finished.signal()
        return true
    }
}
