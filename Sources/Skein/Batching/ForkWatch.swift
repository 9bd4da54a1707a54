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
///
/// It holds no weak references: an object that has one is retained and released at several times the cost, and those
/// who ask are used for every span.
enum ForkWatch {
    private struct Entry {
        // Unsafe because the object takes itself out in its deinitializer, before any part of it goes.
        unowned(unsafe) let object: any ForkAware
    }

    private struct State {
        var entries: [Entry] = []
        var isRegistered = false
    }

    private static let lock = Mutex<Void>(())
    // Unsafe because it is touched only under the lock, which a fork takes across itself.
    nonisolated(unsafe) private static var state = State()

    /// Tells `object` until ``remove(_:)``, which its deinitializer calls.
    static func add(_ object: any ForkAware) {
        let isFirst = lock.withLock { _ in
            state.entries.append(Entry(object: object))
            defer { state.isRegistered = true }
            return !state.isRegistered
        }
        if isFirst { register() }
    }

    static func remove(_ object: any ForkAware) {
        lock.withLock { _ in state.entries.removeAll { $0.object === object } }
    }

    private static func register() {
        pthread_atfork(
            { ForkWatch.lock._unsafeLock() }, { ForkWatch.lock._unsafeUnlock() },
            {
                ForkWatch.lock._unsafeUnlock()
                let objects = ForkWatch.lock.withLock { _ in ForkWatch.state.entries.map(\.object) }
                for object in objects { object.didFork() }
            })
    }
}
