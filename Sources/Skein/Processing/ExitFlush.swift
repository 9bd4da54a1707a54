import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Sends what is queued when the process ends by `exit` or by returning from `main`, for tools that forget to shut
/// down.
enum ExitFlush {
    private struct State {
        /// Each sends what one `SkeinTracing` holds, for at most the time it is given.
        var flushes: [@Sendable (Duration) -> Void] = []
        var isRegistered = false
    }

    /// Long enough for a collector that answers, short enough for somebody who waits for a prompt.
    private static let timeout: Duration = .seconds(2)
    private static let state = Mutex(State())

    /// To be called after the exporter is made: what libcurl registered for the end must run after this.
    static func add(_ flush: @escaping @Sendable (Duration) -> Void) {
        let isFirst = state.withLock { state in
            state.flushes.append(flush)
            defer { state.isRegistered = true }
            return !state.isRegistered
        }
        guard isFirst else { return }
        atexit {
            let flushes = ExitFlush.state.withLock { $0.flushes }
            for flush in flushes { flush(ExitFlush.timeout) }
        }
    }
}
