import TraceStorage

/// What the journal's threads share.
final class JournalCore: Sendable {
    let configuration: JournalConfiguration
    let files: any FileSystem
    let monitor: Monitor<JournalState>
    /// There is something for the writer to do.
    let work = WaitCondition()
    /// There may be something to make durable.
    let written = WaitCondition()
    /// There may be something for readers.
    let arrivals = WaitCondition()
    /// Unix nanoseconds, by which the age of records is judged.
    let clock: @Sendable () -> UInt64
    private let onEvent: @Sendable (JournalEvent) -> Void

    init(
        configuration: JournalConfiguration, files: any FileSystem, clock: @escaping @Sendable () -> UInt64,
        recovery: JournalRecovery, onEvent: @escaping @Sendable (JournalEvent) -> Void
    ) {
        self.configuration = configuration
        self.files = files
        self.clock = clock
        monitor = Monitor(JournalState(configuration: configuration, recovery: recovery))
        self.onEvent = onEvent
    }

    func report(_ events: [JournalEvent]) {
        for event in events { onEvent(event) }
    }
}
