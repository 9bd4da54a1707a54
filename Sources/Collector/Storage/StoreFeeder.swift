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
    private let failure = Mutex<String?>(nil)
    private let reached = Atomic<UInt64>(0)
    private let warnings = Mutex(RateLimitedWarning())

    /// Time between two calls of the store's upkeep, which seals what is old enough.
    private static let upkeepInterval = Duration.milliseconds(100)
    /// Time before a store that failed is tried again.
    private static let retryInterval = Duration.milliseconds(500)

    init(store: any TraceWriter, reader: JournalReader, logger: Logger) {
        self.store = store
        self.reader = reader
        self.logger = logger
        reached.store(store.durablePosition.rawValue, ordering: .relaxed)
    }

    /// Why the store does not take spans now; nil when it does.
    var currentFailure: String? { failure.withLock { $0 } }

    /// The last position that is searchable.
    var position: JournalPosition { JournalPosition(reached.load(ordering: .acquiring)) }

    func run() {
        while !stop.isSet {
            var entries: [JournalEntry] = []
            attempt("read the journal") { () throws(any Error) in
                entries = try reader.next(wait: Self.upkeepInterval)
            }
            for entry in entries {
                while !attempt("store spans", { () throws(any Error) in try store.append(entry.stored) }) {
                    if stop.wait(Self.retryInterval) { return }
                }
                reached.store(entry.position.rawValue, ordering: .releasing)
            }
            attempt("maintain the store") { () throws(any Error) in
                try store.maintain(now: ProcessStatistics.now())
            }
            reader.commit(store.durablePosition)
            if entries.isEmpty, reader.isFinished { break }
        }
        attempt("flush the store") { () throws(any Error) in try store.flush() }
        reader.commit(store.durablePosition)
    }

    /// Ends ``run()`` as soon as possible, although the journal may hold more.
    func requestStop() {
        stop.set()
        reader.interrupt()
    }

    @discardableResult
    private func attempt(_ action: Logger.Message, _ body: () throws -> Void) -> Bool {
        do {
            try body()
            failure.withLock { $0 = nil }
            return true
        } catch {
            failure.withLock { $0 = "\(error)" }
            if let suppressed = warnings.withLock({ $0.allow("\(action)") }) {
                logger.error(
                    "cannot \(action), will try again", metadata: ["error": "\(error)", "suppressed": "\(suppressed)"])
            }
            return false
        }
    }
}
