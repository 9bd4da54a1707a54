import SemanticConventions
import Tracing

/// Runs a model call in a client span `{operation} {model}`.
///
/// ```swift
/// let request = ModelRequest(model: "gpt-5", provider: GenAI.Provider.openAI, maxTokens: 512)
/// let answer = try await withModelCall(request) { call in
///     let answer = try await client.complete(prompt)
///     call.recordResponse(id: answer.id, usage: TokenUsage(inputTokens: 20, outputTokens: 7))
///     return answer
/// }
/// ```
/// Neither prompt nor answer is recorded unless ``ContentCapture`` is on.
/// - Parameters:
///   - kind: `.internal` for a model in this process.
///   - clock: what times the chunks of a streamed answer.
///   - tracer: nil means the process's tracer.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled call is marked
///   `skein.cancelled` and is no error.
public func withModelCall<Result>(
    _ request: ModelRequest, kind: SpanKind = .client, clock: MonotonicClock = .continuous,
    tracer: (any Tracer)? = nil, isolation: isolated (any Actor)? = #isolation,
    _ operation: (ModelCallSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        request.spanName, kind: kind, tracer: tracer, isolation: isolation, prepare: request.record
    ) { recorder in
        let call = ModelCallSpan(recorder: recorder, clock: clock)
        defer { call.streams.finish() }
        return try await operation(call)
    }
}

extension ModelRequest {
    var spanName: String { "\(operation) \(model)" }
}
