import ContextBaggage
import SemanticConventions
import ServiceContextModule
import Tracing

/// One of several attempts at the same thing.
public struct RetryAttempt: OperationSpan {
    let recorder: AttributeRecorder
    /// From 1.
    public let number: Int

    /// The span of the attempt, a child of the span around all of them.
    public var span: any Span { recorder.span }
}

/// Repeats `operation` as the policy says until it succeeds.
///
/// ```swift
/// let answer = try await withModelCall(request) { call in
///     try await withRetry(RetryPolicy(), recordingOn: call.span) { _ in try await client.complete(prompt) }
/// }
/// ```
/// Each attempt is a span `attempt` with its number and, where it failed, its error and the error's class. The span
/// around them gets an event `retry` for each pause, with the error and the length of the pause in milliseconds, and
/// at the end the number of attempts and, where the last one failed, why it was the last.
///
/// A failure is repeated when its class is among the policy's; see ``ErrorClassifying``. Cancelled tasks stop at once,
/// also in the midst of a pause.
/// - Parameters:
///   - name: the name of the span around the attempts, where none is given; one of few distinct values.
///   - span: the span around the attempts; nil makes one.
///   - tracer: nil means the process's tracer.
/// - Throws: the error of the last attempt, or `CancellationError` when the task was cancelled in a pause.
public func withRetry<Result>(
    _ policy: RetryPolicy = RetryPolicy(), name: String = "retry", recordingOn span: (any Span)? = nil,
    tracer: (any Tracer)? = nil, isolation: isolated (any Actor)? = #isolation,
    _ operation: (RetryAttempt) async throws -> Result
) async throws -> Result {
    if let span {
        return try await attempts(policy, AttributeRecorder(span), tracer, isolation, operation)
    }
    return try await withRecordedSpan(name, kind: .internal, tracer: tracer, isolation: isolation) { _ in
    } operation: { recorder in
        try await attempts(policy, recorder, tracer, isolation, operation)
    }
}

private func attempts<Result>(
    _ policy: RetryPolicy, _ recorder: AttributeRecorder, _ tracer: (any Tracer)?,
    _ isolation: isolated (any Actor)?, _ operation: (RetryAttempt) async throws -> Result
) async throws -> Result {
    let start = policy.clock.now()
    var number = 0
    defer { recorder.set(SkeinAttributes.retryAttemptCount, number) }
    while true {
        try Task.checkCancellation()
        number += 1
        let pause: Duration
        do {
            return try await attempt(number, policy, recorder, tracer, isolation, operation)
        } catch {
            let errorClass = policy.errorClass(of: error)
            let decision = policy.decision(
                after: error, errorClass, attempt: number, elapsed: policy.clock.now() - start,
                isCancelled: Task.isCancelled)
            switch decision {
            case .stop(let reason):
                recorder.set(SkeinAttributes.retryStopReason, reason.rawValue)
                throw error
            case .wait(let length):
                recorder.addRetry(error, errorClass, attempt: number, pause: length)
                pause = length
            }
        }
        do {
            try await policy.sleep(pause)
        } catch {
            recorder.set(SkeinAttributes.retryStopReason, RetryPolicy.StopReason.cancelled.rawValue)
            throw error
        }
    }
}

private func attempt<Result>(
    _ number: Int, _ policy: RetryPolicy, _ enclosing: AttributeRecorder, _ tracer: (any Tracer)?,
    _ isolation: isolated (any Actor)?, _ operation: (RetryAttempt) async throws -> Result
) async throws -> Result {
    let parent = context(below: enclosing.span, tracer)
    return try await withRecordedSpan(
        "attempt", kind: .internal, tracer: tracer, parent: parent, isolation: isolation
    ) { recorder in
        recorder.set(SkeinAttributes.retryAttempt, number)
    } operation: { recorder in
        do {
            return try await operation(RetryAttempt(recorder: recorder, number: number))
        } catch {
            recorder.set(SkeinAttributes.errorClass, policy.errorClass(of: error).rawValue)
            throw error
        }
    }
}

/// The current context with `span` as its span; where that cannot be, the span's own context with the current baggage.
private func context(below span: any Span, _ tracer: (any Tracer)?) -> ServiceContext {
    guard let current = ServiceContext.current else { return span.context }
    if let span = span as? any ContextualSpan { return span.placed(in: current) }
    var own = span.context
    if let baggage = current.baggage { own.baggage = baggage }
    // How another tracer keeps its span in a context is its own affair; what it sends tells whether it is this one.
    let tracer = tracer ?? InstrumentationSystem.tracer
    let sent = fields(of: current, tracer)
    return !sent.isEmpty && sent == fields(of: own, tracer) ? current : own
}

/// What a tracer sends along with a request.
private func fields(of context: ServiceContext, _ tracer: any Tracer) -> [String: String] {
    var fields: [String: String] = [:]
    tracer.inject(context, into: &fields, using: MCPMetadata.MetadataInjector())
    return fields
}

extension AttributeRecorder {
    fileprivate func addRetry(_ error: any Error, _ errorClass: ErrorClass, attempt: Int, pause: Duration) {
        var attributes: SpanAttributes = [:]
        attributes.set(ErrorAttributes.errorType, errorType(error))
        attributes.set(SkeinAttributes.errorClass, errorClass.rawValue)
        attributes.set(SkeinAttributes.retryAttempt, attempt)
        attributes.set(SkeinAttributes.retryPauseMilliseconds, pause / .milliseconds(1))
        addEvent(SkeinAttributes.retryEventName, attributes)
    }
}
