import SkeinAgents
import Synchronization

/// A clock that stands still until it is moved.
final class ManualClock: Sendable {
    private let time = Mutex(Duration.zero)

    var clock: MonotonicClock { MonotonicClock { self.time.withLock { $0 } } }

    func advance(by duration: Duration) { time.withLock { $0 += duration } }
}

/// Chunks, each of which comes some milliseconds after the one before it.
struct TimedChunks<Element: Sendable>: AsyncSequence, Sendable {
    typealias Failure = any Error

    let clock: ManualClock
    let chunks: [(afterMilliseconds: Int, chunk: Element)]
    /// Thrown after the last chunk.
    var error: (any Error)?

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(chunks: self) }

    struct AsyncIterator: AsyncIteratorProtocol {
        let chunks: TimedChunks
        var index = 0

        mutating func next() async throws -> Element? {
            guard index < chunks.chunks.count else {
                if let error = chunks.error { throw error }
                return nil
            }
            defer { index += 1 }
            chunks.clock.advance(by: .milliseconds(chunks.chunks[index].afterMilliseconds))
            return chunks.chunks[index].chunk
        }
    }
}
