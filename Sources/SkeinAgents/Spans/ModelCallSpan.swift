import SemanticConventions
import Tracing

/// The span of a model call.
public struct ModelCallSpan: ConversationSpan {
    let recorder: AttributeRecorder
    let clock: MonotonicClock
    /// When the call began, by ``clock``.
    let start: Duration
    /// Streams whose recording ends with the call at the latest.
    let streams = OpenStreams()

    init(recorder: AttributeRecorder, clock: MonotonicClock) {
        self.recorder = recorder
        self.clock = clock
        start = recorder.span.isRecording ? clock.now() : .zero
    }

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }

    /// Records the tokens of the call.
    public func recordUsage(_ usage: TokenUsage) {
        recorder.record(usage)
    }

    /// Records what the provider says about its answer.
    ///
    /// - Parameters:
    ///   - id: the id of the answer.
    ///   - model: the model that answered, which may be another than the one asked for.
    ///   - finishReasons: one for each answer.
    public func recordResponse(
        id: String? = nil, model: String? = nil, finishReasons: [String] = [], usage: TokenUsage? = nil
    ) {
        recorder.set(GenAI.responseID, id)
        recorder.set(GenAI.responseModel, model)
        recorder.set(GenAI.responseFinishReasons, finishReasons)
        if let usage { recorder.record(usage) }
    }

    /// Records what was read from the provider's answer. An error in it becomes `error.type` and the status; the caller
    /// still decides whether to throw it.
    public func recordResponse(_ response: ModelResponse) {
        recordResponse(
            id: response.id, model: response.model, finishReasons: response.finishReasons, usage: response.usage)
        if let error = response.error { recorder.markFailed(error) }
    }
}
