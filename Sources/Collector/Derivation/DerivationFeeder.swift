import Journal
import Logging
import SpanMetrics
import Synchronization
import TraceStorage

/// Feeds the derived state from the journal, on a thread of its own, and writes its checkpoint.
final class DerivationFeeder: Sendable {
    private let state: DerivedState
    private let reader: JournalReader
    private let logger: Logger
    private let stop = StopSignal()
    private let isIdle = Atomic<Bool>(false)
    private let reached = Atomic<UInt64>(0)
    private let warnings = Mutex(RateLimitedWarning())

    /// How much a start after a crash has to derive again at most.
    private static let checkpointInterval = Duration.seconds(5)
    /// Time before a journal that could not be read is tried again.
    private static let retryInterval = Duration.milliseconds(500)

    init(state: DerivedState, reader: JournalReader, logger: Logger) {
        self.state = state
        self.reader = reader
        self.logger = logger
        reached.store(state.replayPosition.rawValue, ordering: .relaxed)
    }

    /// The last position that is counted.
    var position: JournalPosition { JournalPosition(reached.load(ordering: .acquiring)) }

    /// Whether everything up to a position is counted. The journal may have lost what is there, so a reader that finds
    /// nothing more has passed it too.
    func hasPassed(_ position: JournalPosition) -> Bool {
        isIdle.load(ordering: .acquiring) || self.position >= position
    }

    func run() {
        var lastCheckpoint = ContinuousClock.now
        var isDirty = false
        while !stop.isSet {
            var entries: [JournalEntry] = []
            do {
                entries = try reader.next(wait: .seconds(1))
            } catch {
                warn("cannot read the journal, will try again", error)
                if stop.wait(Self.retryInterval) { break }
                continue
            }
            for entry in entries { state.record(entry.stored) }
            if let last = entries.last {
                isDirty = true
                reached.store(last.position.rawValue, ordering: .releasing)
            }
            if isDirty, ContinuousClock.now - lastCheckpoint >= Self.checkpointInterval {
                isDirty = !checkpoint()
                lastCheckpoint = .now
            }
            // After an interruption nothing is known about what is left.
            if entries.isEmpty, !stop.isSet {
                isIdle.store(true, ordering: .releasing)
                if reader.isFinished { break }
            }
        }
        if isDirty { checkpoint() }
    }

    /// Ends ``run()`` as soon as possible, although the journal may hold more.
    func requestStop() {
        stop.set()
        reader.interrupt()
    }

    @discardableResult
    private func checkpoint() -> Bool {
        do {
            try state.checkpoint()
            reader.commit(state.durablePosition)
            return true
        } catch {
            warn("cannot write the checkpoint of derived metrics, will try again", error)
            return false
        }
    }

    private func warn(_ message: Logger.Message, _ error: any Error) {
        guard let suppressed = warnings.withLock({ $0.allow("\(message)") }) else { return }
        logger.error(message, metadata: ["error": "\(error)", "suppressed": "\(suppressed)"])
    }
}
