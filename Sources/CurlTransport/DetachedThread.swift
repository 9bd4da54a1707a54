#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A thread of our own, for work that blocks and so must stay off Swift's cooperative pool.
package enum DetachedThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a thread that runs `body` and ends with it.
    ///
    /// All signals are blocked on the thread: the program's handlers stay on its own threads, and a broken
    /// connection cannot kill the process through SIGPIPE.
    /// - Returns: false when the system has no thread to give.
    package static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let context = Unmanaged.passRetained(Body(body))
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        guard create(context.toOpaque()) else {
            context.release()
            return false
        }
        return true
    }

    private static func run(_ context: UnsafeMutableRawPointer) {
        Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    }

    #if canImport(Darwin)
        private static func create(_ context: UnsafeMutableRawPointer) -> Bool {
            var thread: pthread_t?
            let created = pthread_create(
                &thread, nil,
                { context in
                    DetachedThread.run(context)
                    return nil
                }, context)
            guard created == 0, let thread else { return false }
            pthread_detach(thread)
            return true
        }
    #else
        private static func create(_ context: UnsafeMutableRawPointer) -> Bool {
            var thread = pthread_t()
            let created = pthread_create(
                &thread, nil,
                { context in
                    if let context { DetachedThread.run(context) }
                    return nil
                }, context)
            guard created == 0 else { return false }
            pthread_detach(thread)
            return true
        }
    #endif
}
