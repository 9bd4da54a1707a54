import TraceStorage

/// What the journal's threads share.
final class JournalCore: Sendable {
    let configuration: JournalConfiguration
    let files: any FileSystem
    let monitor: Monitor<JournalState>
    /// There is something for the writer to do.
    let work = WaitCondition()
    /// There may be something for readers.
    let arrivals = WaitCondition()
    private let onEvent: @Sendable (JournalEvent) -> Void

    init(
        configuration: JournalConfiguration, files: any FileSystem, recovery: JournalRecovery,
        onEvent: @escaping @Sendable (JournalEvent) -> Void
    ) {
        self.configuration = configuration
        self.files = files
        monitor = Monitor(JournalState(configuration: configuration, recovery: recovery))
        self.onEvent = onEvent
    }

    func report(_ events: [JournalEvent]) {
        for event in events { onEvent(event) }
    }
}
