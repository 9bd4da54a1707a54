import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Has something to do in a child process right after `fork`, where only the thread that forked goes on.
protocol ForkAware: AnyObject, Sendable {
    /// Called in the child before `fork` returns. May not wait for locks that another thread may have held.
    func didFork()
}

/// Tells those who asked for it that the process was forked.
enum ForkWatch {
    private struct Entry {
        weak var object: (any ForkAware)?
    }

    private struct State {
        var entries: [Entry] = []
        var isRegistered = false
    }

    private static let lock = Mutex<Void>(())
    // Unsafe because it is touched only under the lock, which a fork takes across itself.
    nonisolated(unsafe) private static var state = State()

    static func add(_ object: any ForkAware) {
        let isFirst = lock.withLock { _ in
            state.entries.removeAll { $0.object == nil }
            state.entries.append(Entry(object: object))
            defer { state.isRegistered = true }
            return !state.isRegistered
        }
        if isFirst { register() }
    }

    private static func register() {
        pthread_atfork(
            { ForkWatch.lock._unsafeLock() }, { ForkWatch.lock._unsafeUnlock() },
            {
                ForkWatch.lock._unsafeUnlock()
                let objects = ForkWatch.lock.withLock { _ in ForkWatch.state.entries.compactMap(\.object) }
                for object in objects { object.didFork() }
            })
    }
}
