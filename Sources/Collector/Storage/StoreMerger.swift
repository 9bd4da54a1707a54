import CPlatform
import EmbeddedStore
import Logging
import TraceStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Joins the store's small blocks, on a thread of its own that gives way to all others.
///
/// What fails is tried again at the next round; nothing waits for it, so it is no concern of the health check.
final class StoreMerger: Sendable {
    private let store: EmbeddedStore
    private let logger: Logger
    private let stop = StopSignal()
    private let context = QueryContext()

    /// Time between two looks for small blocks: they come every `block.max_age` at most.
    private static let interval = Duration.seconds(10)
    /// Of -20 to 19: what other threads leave, but for a little.
    private static let niceness: Int32 = 10

    init(store: EmbeddedStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    func run() {
        giveWay()
        while !stop.wait(Self.interval) {
            // At full speed requests of all sizes come and go, and the allocator keeps half as much again as is in use.
            skein_release_free_memory()
            do {
                while try !stop.isSet && store.merge(context: context) {}
            } catch StorageError.cancelled {
                return
            } catch {
                logger.warning("cannot join small blocks, will try again", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Ends ``run()`` within the time of a row group; a merge under way is given up and leaves everything as it was.
    func requestStop() {
        context.cancel()
        stop.set()
    }

    /// On Linux a niceness is that of one thread; elsewhere it would be that of the process.
    private func giveWay() {
        #if os(Linux)
            if setpriority(Int32(PRIO_PROCESS.rawValue), 0, Self.niceness) != 0 {
                logger.debug("the merge runs at the priority of all other threads")
            }
        #endif
    }
}
