/// The chunks of a streamed answer as they come from `Base`, with a span that says when they came.
///
/// The recording ends, once, when the stream ends, throws or is cancelled, when the consumer leaves its loop, or when
/// the last copy of a stream that nobody consumed is dropped. It is meant to be consumed once; a second loop gets what
/// `Base` gives and is not recorded.
public struct ModelCallStream<Base: AsyncSequence>: AsyncSequence {
    /// What the stream consists of.
    public typealias Element = Base.Element
    /// What the stream may throw.
    public typealias Failure = Base.Failure

    /// The span of the call, to record what only the chunks say. It ends with the stream.
    public let call: ModelCallSpan
    private let base: Base
    private let onChunk: @Sendable (Base.Element) -> Void
    private let hold: SequenceHold

    init(
        _ base: Base, _ call: ModelCallSpan, _ recording: StreamRecording,
        onChunk: @escaping @Sendable (Base.Element) -> Void
    ) {
        self.base = base
        self.call = call
        self.onChunk = onChunk
        hold = SequenceHold(recording)
    }

    /// Begins to consume the stream.
    public func makeAsyncIterator() -> AsyncIterator {
        let isFirst = hold.recording.claim()
        return AsyncIterator(
            base: base.makeAsyncIterator(), hold: isFirst ? IteratorHold(hold.recording) : nil, onChunk: onChunk)
    }

    /// Consumes the stream.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var base: Base.AsyncIterator
        fileprivate let hold: IteratorHold?
        fileprivate let onChunk: @Sendable (Base.Element) -> Void

        /// The next chunk, nil at the end.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(Failure) -> Element? {
            guard let recording = hold?.recording else { return try await base.next(isolation: actor) }
            do throws(Failure) {
                guard let chunk = try await base.next(isolation: actor) else {
                    // Many streams just end when their task is cancelled.
                    recording.finish(Task.isCancelled ? .cancelled : .completed)
                    return nil
                }
                recording.addChunk()
                onChunk(chunk)
                return chunk
            } catch {
                recording.finish(isCancellation(error) ? .cancelled : .failed, error)
                throw error
            }
        }
    }
}

extension ModelCallStream: Sendable where Base: Sendable {}

/// Lives as long as a copy of the sequence does.
private final class SequenceHold: Sendable {
    let recording: StreamRecording

    init(_ recording: StreamRecording) {
        self.recording = recording
    }

    deinit { recording.releaseSequence() }
}

/// Lives as long as a copy of the iterator does: a loop that is left early drops it.
private final class IteratorHold: Sendable {
    let recording: StreamRecording

    init(_ recording: StreamRecording) {
        self.recording = recording
    }

    deinit { recording.finish(Task.isCancelled ? .cancelled : .abandoned) }
}
