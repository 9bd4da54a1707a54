import Glibc

/// A thread of its own for work that blocks.
// `thread` is set by the initializer alone.
final class WorkerThread: @unchecked Sendable {
    private var thread = pthread_t()

    /// Starts a thread that runs `body` once; nil when the system has no more threads to give.
    init?(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(run: body))
        let code = pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            box.release()
            return nil
        }
    }

    /// Waits for the thread's end; to be called once.
    func join() {
        pthread_join(thread, nil)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }
}
