import SemanticConventions
import Tracing

/// There was no candidate to try.
public struct NoCandidateError: ErrorTypeProviding, Equatable {
    /// `no_candidate`.
    public var errorType: String { "no_candidate" }

    /// The error.
    public init() {}
}

/// Tries candidates, such as models or providers, in order until one succeeds.
///
/// ```swift
/// let requests = [
///     ModelRequest(model: "gpt-5", provider: "openai"), ModelRequest(model: "opus", provider: "anthropic"),
/// ]
/// let answer = try await withFallback(requests) { request in
///     try await withModelCall(request) { call in try await ask(request, call) }
/// }
/// ```
/// The span around them gets an event `fallback` for each candidate that failed, with the error and its class, and at
/// the end which candidate was used and its place in the list.
/// - Parameters:
///   - name: the name of the span around the candidates, where none is given; one of few distinct values.
///   - span: the span around the candidates; nil makes one.
///   - describe: what a candidate is called in the spans; one of few distinct values.
///   - shouldContinue: whether the next candidate is tried after this error; by default after all but cancellation.
///   - tracer: nil means the process's tracer.
/// - Throws: the error of the last candidate tried; ``NoCandidateError`` where there is none.
public func withFallback<Candidate: Sendable, Result>(
    _ candidates: [Candidate], name: String = "fallback", recordingOn span: (any Span)? = nil,
    describe: (Candidate) -> String, shouldContinue: (any Error) -> Bool = { ErrorClass($0) != .cancelled },
    tracer: (any Tracer)? = nil, isolation: isolated (any Actor)? = #isolation,
    _ operation: (Candidate) async throws -> Result
) async throws -> Result {
    if let span {
        let recorder = AttributeRecorder(span)
        return try await tryEach(candidates, recorder, describe, shouldContinue, isolation, operation)
    }
    return try await withRecordedSpan(name, kind: .internal, tracer: tracer, isolation: isolation) { _ in
    } operation: { recorder in
        try await tryEach(candidates, recorder, describe, shouldContinue, isolation, operation)
    }
}

/// Tries model requests in order; they are called `{provider}/{model}`. See
/// ``withFallback(_:name:recordingOn:describe:shouldContinue:tracer:isolation:_:)``.
public func withFallback<Result>(
    _ requests: [ModelRequest], name: String = "fallback", recordingOn span: (any Span)? = nil,
    tracer: (any Tracer)? = nil, isolation: isolated (any Actor)? = #isolation,
    _ operation: (ModelRequest) async throws -> Result
) async throws -> Result {
    try await withFallback(
        requests, name: name, recordingOn: span, describe: { "\($0.provider)/\($0.model)" }, tracer: tracer,
        isolation: isolation, operation)
}

private func tryEach<Candidate: Sendable, Result>(
    _ candidates: [Candidate], _ recorder: AttributeRecorder, _ describe: (Candidate) -> String,
    _ shouldContinue: (any Error) -> Bool, _ isolation: isolated (any Actor)?,
    _ operation: (Candidate) async throws -> Result
) async throws -> Result {
    for (index, candidate) in candidates.enumerated() {
        try Task.checkCancellation()
        do {
            let result = try await operation(candidate)
            recorder.set(SkeinAttributes.fallbackCandidate, describe(candidate))
            recorder.set(SkeinAttributes.fallbackIndex, index)
            return result
        } catch {
            recorder.addFallback(error, describe(candidate), index)
            guard index + 1 < candidates.count, shouldContinue(error) else { throw error }
        }
    }
    throw NoCandidateError()
}

extension AttributeRecorder {
    fileprivate func addFallback(_ error: any Error, _ candidate: String, _ index: Int) {
        var attributes: SpanAttributes = [:]
        attributes.set(SkeinAttributes.fallbackCandidate, candidate)
        attributes.set(SkeinAttributes.fallbackIndex, index)
        attributes.set(ErrorAttributes.errorType, errorType(error))
        attributes.set(SkeinAttributes.errorClass, ErrorClass(error).rawValue)
        addEvent(SkeinAttributes.fallbackEventName, attributes)
    }
}
