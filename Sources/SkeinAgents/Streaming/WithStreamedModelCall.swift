import SemanticConventions
import ServiceContextModule
import Synchronization
import Tracing

/// Starts a streamed model call in a client span `{operation} {model}` that stays open until the stream ends, however
/// far it is handed on; see ``ModelCallStream`` for when that is.
///
/// ```swift
/// let stream = try await withStreamedModelCall(request) { _ in try await client.stream(prompt) }
/// for try await chunk in stream { show(chunk) }
/// ```
/// The span gets the time to the first chunk, the number of chunks, the longest and the mean gap between two of them,
/// and how the stream ended. A stream that was cancelled or that nobody wanted to the end is marked `skein.cancelled`
/// and is no error.
/// - Parameters:
///   - chunkEventsMax: how many of the first chunks become events; none by default, because a long answer has
///     thousands.
///   - clock: what times the chunks.
///   - tracer: nil means the process's tracer.
///   - onChunk: called with each chunk before the consumer gets it.
///   - start: sends the request and returns its chunks. The span is current while it runs.
/// - Throws: what `start` throws, recorded as `error.type`, an event and the status.
public func withStreamedModelCall<Chunks: AsyncSequence, Failure: Error>(
    _ request: ModelRequest, kind: SpanKind = .client, chunkEventsMax: Int = 0, clock: MonotonicClock = .continuous,
    tracer: (any Tracer)? = nil, isolation: isolated (any Actor)? = #isolation,
    onChunk: @escaping @Sendable (Chunks.Element, ModelCallSpan) -> Void = { _, _ in },
    _ start: (ModelCallSpan) async throws(Failure) -> Chunks
) async throws(Failure) -> ModelCallStream<Chunks> {
    let call = startCall(request, kind, clock, tracer)
    let chunks = try await run(start, in: call, isolation)
    let recording = StreamRecording(call, chunkEventsMax: chunkEventsMax, endsSpan: true) {}
    return ModelCallStream(chunks, call, recording) { onChunk($0, call) }
}

/// The same for a stream of bytes: what the provider's events say about model, id, finish reasons, tokens and errors is
/// read from the bytes as they pass and recorded at the end, as far as the stream came.
///
/// - Parameter format: the provider's format.
public func withStreamedModelCall<Chunks: AsyncSequence, Failure: Error>(
    _ request: ModelRequest, reading format: ModelResponseFormat, kind: SpanKind = .client, chunkEventsMax: Int = 0,
    clock: MonotonicClock = .continuous, tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ start: (ModelCallSpan) async throws(Failure) -> Chunks
) async throws(Failure) -> ModelCallStream<Chunks> where Chunks.Element: Collection<UInt8> & SendableMetatype {
    let call = startCall(request, kind, clock, tracer)
    let chunks = try await run(start, in: call, isolation)
    let reader = SharedStreamReader(format)
    let recording = StreamRecording(call, chunkEventsMax: chunkEventsMax, endsSpan: true) {
        call.recordResponse(reader.finish())
    }
    return ModelCallStream(chunks, call, recording) { reader.append($0) }
}

extension ModelCallSpan {
    /// The chunks of a stream that is consumed inside the call's closure, with the same records as
    /// ``withStreamedModelCall(_:kind:chunkEventsMax:clock:tracer:isolation:onChunk:_:)`` makes. The span ends with the
    /// closure: a stream that is handed out of it is recorded only as far as it came.
    public func recordingChunks<Chunks: AsyncSequence>(
        of chunks: Chunks, chunkEventsMax: Int = 0
    ) -> ModelCallStream<Chunks> {
        recorder.set(GenAI.requestStream, true)
        let recording = StreamRecording(self, chunkEventsMax: chunkEventsMax, endsSpan: false) {}
        streams.add(recording)
        return ModelCallStream(chunks, self, recording) { _ in }
    }
}

private func startCall(
    _ request: ModelRequest, _ kind: SpanKind, _ clock: MonotonicClock, _ tracer: (any Tracer)?
) -> ModelCallSpan {
    var request = request
    request.isStreamed = true
    let recorder = startRecordedSpan(
        request.spanName, kind: kind, tracer: tracer, context: ServiceContext.current ?? .topLevel,
        prepare: request.record)
    return ModelCallSpan(recorder: recorder, clock: clock)
}

/// Runs the part that sends the request. The span goes on only where that part succeeds.
private func run<Chunks, Failure: Error>(
    _ start: (ModelCallSpan) async throws(Failure) -> Chunks, in call: ModelCallSpan,
    _ isolation: isolated (any Actor)?
) async throws(Failure) -> Chunks {
    let started = await ServiceContext.$current.withValue(call.span.context) { () -> Result<Chunks, Failure> in
        do throws(Failure) {
            return .success(try await start(call))
        } catch {
            return .failure(error)
        }
    }
    if case .failure(let error) = started {
        call.recorder.fail(error)
        call.span.end()
    }
    return try started.get()
}

/// A reader that the consumer's task feeds and whoever ends the stream asks.
private final class SharedStreamReader: Sendable {
    private let reader: Mutex<ModelStreamReader>

    init(_ format: ModelResponseFormat) {
        reader = Mutex(ModelStreamReader(format))
    }

    func append(_ bytes: some Collection<UInt8>) {
        reader.withLock { $0.append(bytes) }
    }

    func finish() -> ModelResponse {
        reader.withLock { reader in
            reader.finish()
            return reader.response
        }
    }
}
