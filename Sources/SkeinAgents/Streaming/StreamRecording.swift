import SemanticConventions
import Synchronization
import Tracing

/// What is known about one stream of a model call; writes it to the span when the stream ends, once.
final class StreamRecording: Sendable {
    private struct State {
        var timing = ChunkTiming()
        var isClaimed = false
        var isFinished = false
    }

    private let call: ModelCallSpan
    private let chunkEventsMax: Int
    /// The span ends with the stream; otherwise whoever runs the call ends it.
    private let endsSpan: Bool
    /// Called once, before the summary is written.
    private let onFinish: @Sendable () -> Void
    private let state = Mutex(State())

    init(_ call: ModelCallSpan, chunkEventsMax: Int, endsSpan: Bool, onFinish: @escaping @Sendable () -> Void) {
        self.call = call
        self.chunkEventsMax = chunkEventsMax
        self.endsSpan = endsSpan
        self.onFinish = onFinish
    }

    /// Whether the caller is the first to consume the stream. Only the first is recorded: a sequence that can be
    /// consumed twice is still one call.
    func claim() -> Bool {
        state.withLock { state in
            defer { state.isClaimed = true }
            return !state.isClaimed
        }
    }

    /// A chunk came.
    func addChunk() {
        let time = call.clock.now()
        let index = state.withLock { state -> Int? in
            guard !state.isFinished else { return nil }
            state.timing.add(at: time)
            return state.timing.count - 1
        }
        guard let index, index < chunkEventsMax else { return }
        call.recorder.addEvent(
            SkeinAttributes.streamChunkEventName,
            [SkeinAttributes.streamChunkIndex.name: index.spanAttribute])
    }

    /// Nobody holds the sequence any more. Whoever consumes it goes on.
    func releaseSequence() {
        if !state.withLock({ $0.isClaimed }) { finish(.abandoned) }
    }

    func finish(_ outcome: StreamOutcome, _ error: (any Error)? = nil) {
        let finished = state.withLock { state -> ChunkTiming? in
            guard !state.isFinished else { return nil }
            state.isFinished = true
            return state.timing
        }
        guard let timing = finished else { return }
        onFinish()
        record(timing, outcome)
        guard endsSpan else { return }
        if let error { call.recorder.fail(error) }
        call.span.end()
    }

    private func record(_ timing: ChunkTiming, _ outcome: StreamOutcome) {
        let recorder = call.recorder
        recorder.set(SkeinAttributes.streamOutcome, outcome.rawValue)
        recorder.set(SkeinAttributes.streamChunkCount, timing.count)
        recorder.set(GenAI.responseTimeToFirstChunk, timing.first.map { ($0 - call.start).seconds })
        if let mean = timing.gapMean {
            recorder.set(SkeinAttributes.streamChunkGapMaxSeconds, timing.gapMax.seconds)
            recorder.set(SkeinAttributes.streamChunkGapMeanSeconds, mean.seconds)
        }
        if outcome == .cancelled || outcome == .abandoned { recorder.set(SkeinAttributes.isCancelled, true) }
    }
}
