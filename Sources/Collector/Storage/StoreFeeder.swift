import Journal
import Logging
import Synchronization
import TraceStorage

/// Feeds the store from the journal, on a thread of its own, and sees to its upkeep.
///
/// The store never skips: when it cannot write, the feeder stays where it is and tries again, and the journal refuses
/// requests once it is at its cap.
final class StoreFeeder: Sendable {
    private let store: any TraceWriter
    private let reader: JournalReader
    private let logger: Logger
    private let stop = StopSignal()
    private let failures = Mutex<[Action: String]>([:])
    private let isIdle = Atomic<Bool>(false)
    private let reached = Atomic<UInt64>(0)
    private let warnings = Mutex(RateLimitedWarning())

    /// Time between two calls of the store's upkeep, which seals what is old enough.
    private static let upkeepInterval = Duration.milliseconds(100)
    /// Time before a store that failed is tried again.
    private static let retryInterval = Duration.milliseconds(500)

    private enum Action: String {
        case read = "read the journal"
        case store = "store spans"
        case maintain = "maintain the store"
        case flush = "flush the store"
    }

    init(store: any TraceWriter, reader: JournalReader, logger: Logger) {
        self.store = store
        self.reader = reader
        self.logger = logger
        reached.store(store.durablePosition.rawValue, ordering: .relaxed)
    }

    /// Why the store does not take spans now; nil when it does.
    var currentFailure: String? { failures.withLock { $0.values.min() } }

    /// The last position that is searchable.
    var position: JournalPosition { JournalPosition(reached.load(ordering: .acquiring)) }

    /// Whether everything up to a position is searchable. The journal may have lost what is there, so a reader that
    /// finds nothing more has passed it too.
    func hasPassed(_ position: JournalPosition) -> Bool {
        isIdle.load(ordering: .acquiring) || self.position >= position
    }

    func run() {
        var nextUpkeep = ContinuousClock.now
        while !stop.isSet {
            var entries: [JournalEntry] = []
            let isRead = attempt(.read) { () throws(any Error) in
                entries = try reader.next(wait: Self.upkeepInterval)
            }
            if !isRead, stop.wait(Self.retryInterval) { break }
            guard append(entries) else { break }
            if ContinuousClock.now >= nextUpkeep {
                let isDone = attempt(.maintain) { () throws(any Error) in
                    try store.maintain(now: ProcessStatistics.now())
                }
                nextUpkeep = .now + (isDone ? .zero : Self.retryInterval)
            }
            reader.commit(store.durablePosition)
            // After an interruption nothing is known about what is left.
            guard isRead, entries.isEmpty, !stop.isSet else { continue }
            isIdle.store(true, ordering: .releasing)
            if reader.isFinished { break }
        }
        attempt(.flush) { () throws(any Error) in try store.flush() }
        reader.commit(store.durablePosition)
    }

    /// Stores entries, each as often as it takes; false when told to stop before that was done.
    private func append(_ entries: [JournalEntry]) -> Bool {
        for entry in entries {
            while !attempt(.store, { () throws(any Error) in try store.append(entry.stored) }) {
                if stop.wait(Self.retryInterval) { return false }
                // What is past retention goes also while the disk is full: it may make the room.
                attempt(.maintain) { () throws(any Error) in try store.maintain(now: ProcessStatistics.now()) }
            }
            reached.store(entry.position.rawValue, ordering: .releasing)
        }
        return true
    }

    /// Ends ``run()`` as soon as possible, although the journal may hold more.
    func requestStop() {
        stop.set()
        reader.interrupt()
    }

    @discardableResult
    private func attempt(_ action: Action, _ body: () throws -> Void) -> Bool {
        do {
            try body()
            failures.withLock { $0[action] = nil }
            return true
        } catch {
            failures.withLock { $0[action] = "\(error)" }
            if let suppressed = warnings.withLock({ $0.allow(action.rawValue) }) {
                logger.error(
                    "cannot \(action.rawValue), will try again",
                    metadata: ["error": "\(error)", "suppressed": "\(suppressed)"])
            }
            return false
        }
    }
}
