import Dispatch
import Glibc

/// A thread of its own for work that blocks, which must stay off Swift's cooperative pool.
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

    /// Bytes of a thread's name that Linux keeps.
    private static let nameBytesMax = 15

    /// Starts a thread that runs `body` once and ends with it.
    ///
    /// All signals are blocked on it: the program's handlers stay on its own threads.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(StartError) {
        self.name = name
        let context = Unmanaged.passRetained(
            Body { [finished] in
                Self.show(name)
                body()
                finished.signal()
            })
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            context.release()
            throw .noThread(name: name)
        }
        pthread_detach(thread)
    }

    /// Waits until the body has returned; false when that takes longer than until `deadline`. May be called by any
    /// number of threads, any number of times.
    @discardableResult
    package func join(until deadline: DispatchTime = .distantFuture) -> Bool {
        guard finished.wait(timeout: deadline) == .success else { return false }
        finished.signal()
        return true
    }

    /// Names the calling thread for `top`, debuggers and crash reports. The system's function for it is not among those
    /// that Swift sees, its file is; where that cannot be opened the thread has its process's name.
    private static func show(_ name: String) {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let bytes = Array(name.utf8.prefix(nameBytesMax))
        _ = write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
