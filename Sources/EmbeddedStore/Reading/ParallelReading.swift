import Dispatch
import Synchronization
import TraceStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Spreads the blocks of one query over several cores.
///
/// The calling thread works too, so that a query goes on when all other threads are busy. Each worker has its own
/// buffers and takes the next block when it is done with one.
enum ParallelReading {
    /// Cores of the machine.
    static let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

    /// Runs `body` for each item, and hands back what the workers made, in no particular order.
    ///
    /// - Parameters:
    ///   - workers: at most so many at one time.
    ///   - body: works on one item; gets what its worker made so far. It is run by several threads at once.
    /// - Throws: the error of the first item that failed; the others are not finished then.
    static func run<Item: Sendable, Output: Sendable>(
        _ items: [Item], workers: Int, context: QueryContext,
        _ body: @Sendable (Item, PageReader, inout Output) throws(StorageError) -> Void,
        start: @Sendable () throws(StorageError) -> Output
    ) throws(StorageError) -> [Output] {
        let count = min(workers, items.count)
        guard count > 1 else {
            var output = try start()
            let pages = PageReader()
            for item in items { try body(item, pages, &output) }
            return [output]
        }
        let progress = Progress<Output>()
        DispatchQueue.concurrentPerform(iterations: count) { _ in
            var place = 0
            do throws(StorageError) {
                var output = try start()
                let pages = PageReader()
                while true {
                    place = progress.next()
                    guard place < items.count else { break }
                    try body(items[place], pages, &output)
                }
                progress.end(output)
            } catch {
                progress.fail(place, error)
            }
        }
        return try progress.outputs()
    }

    /// What the workers of one query share.
    private final class Progress<Output: Sendable>: Sendable {
        private struct State {
            var next = 0
            var outputs: [Output] = []
            var failure: (place: Int, error: StorageError)?
        }

        private let state = Mutex(State())

        /// The item to work on next; beyond all of them when one has failed.
        func next() -> Int {
            state.withLock { state in
                guard state.failure == nil else { return .max }
                defer { state.next += 1 }
                return state.next
            }
        }

        func end(_ output: Output) {
            state.withLock { $0.outputs.append(output) }
        }

        func fail(_ place: Int, _ error: StorageError) {
            state.withLock { state in
                if state.failure.map({ place < $0.place }) ?? true { state.failure = (place, error) }
            }
        }

        func outputs() throws(StorageError) -> [Output] {
            let (outputs, failure) = state.withLock { ($0.outputs, $0.failure) }
            if let failure { throw failure.error }
            return outputs
        }
    }
}
