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
        var pipelines: [SpanPipeline] = []
        var isRegistered = false
    }

    /// Long enough for a collector that answers, short enough for somebody who waits for a prompt.
    private static let timeout: Duration = .seconds(2)
    private static let state = Mutex(State())

    /// To be called after the exporter is made: what libcurl registered for the end must run after this.
    static func add(_ pipeline: SpanPipeline) {
        let isFirst = state.withLock { state in
            state.pipelines.append(pipeline)
            defer { state.isRegistered = true }
            return !state.isRegistered
        }
        guard isFirst else { return }
        atexit {
            let pipelines = ExitFlush.state.withLock { $0.pipelines }
            for pipeline in pipelines { _ = pipeline.forceFlush(timeout: ExitFlush.timeout) }
        }
    }
}
