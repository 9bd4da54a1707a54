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
    /// When the journal was last seen to hold nothing more, unix nanoseconds.
    private let caughtUpAt = Atomic<UInt64>(0)
    private let warnings = Mutex(RateLimitedWarning())

    /// How much a start after a crash has to derive again at most.
    private static let checkpointInterval = Duration.seconds(5)
    /// Bytes of requests after which a checkpoint is due before its time: at full speed the journal would reach its cap
    /// between two of them, and refuse requests although nobody is behind.
    private let checkpointBytes: Int
    /// Time before a journal that could not be read is tried again.
    private static let retryInterval = Duration.milliseconds(500)

    /// - Parameter journalBytesMax: The journal's cap.
    init(state: DerivedState, reader: JournalReader, journalBytesMax: Int, logger: Logger) {
        self.state = state
        checkpointBytes = journalBytesMax / 4
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

    /// Everything that was received up to here is counted, unix nanoseconds. While spans keep coming it stands still, and
    /// what waits for time to pass is settled by the times of those spans.
    var countedUntil: UInt64 { caughtUpAt.load(ordering: .acquiring) }

    func run() {
        var lastCheckpoint = ContinuousClock.now
        var isDirty = false
        var bytes = 0
        while !stop.isSet {
            var entries: [JournalEntry] = []
            let asked = ProcessStatistics.now()
            do {
                entries = try reader.next(wait: .seconds(1))
            } catch {
                warn("cannot read the journal, will try again", error)
                if stop.wait(Self.retryInterval) { break }
                continue
            }
            for entry in entries {
                state.record(entry.stored)
                bytes += entry.batch.bytes.count
            }
            if let last = entries.last {
                isDirty = true
                reached.store(last.position.rawValue, ordering: .releasing)
            }
            let isDue = bytes >= checkpointBytes || ContinuousClock.now - lastCheckpoint >= Self.checkpointInterval
            if isDirty, isDue {
                isDirty = !checkpoint()
                lastCheckpoint = .now
                bytes = 0
            }
            // After an interruption nothing is known about what is left.
            if entries.isEmpty, !stop.isSet {
                isIdle.store(true, ordering: .releasing)
                caughtUpAt.store(asked, ordering: .releasing)
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
