import SemanticConventions
import ServiceContextModule
import Tracing

/// Runs `operation` in a new span: the span is current while it runs, its errors are recorded and thrown on, and it
/// ends whatever happens. The span says on whose behalf it is, as far as baggage knows.
func withRecordedSpan<Result>(
    _ name: String, kind: SpanKind, tracer: (any Tracer)?, parent: ServiceContext? = nil,
    isolation: isolated (any Actor)?, prepare: (AttributeRecorder) -> Void,
    operation: (AttributeRecorder) async throws -> Result
) async rethrows -> Result {
    let context = parent ?? ServiceContext.current ?? .topLevel
    let recorder = startRecordedSpan(name, kind: kind, tracer: tracer, context: context, prepare: prepare)
    defer { recorder.span.end() }
    do {
        return try await ServiceContext.$current.withValue(recorder.span.context) {
            try await operation(recorder)
        }
    } catch {
        recorder.fail(error)
        throw error
    }
}

/// A new span that whoever gets it must end.
func startRecordedSpan(
    _ name: String, kind: SpanKind, tracer: (any Tracer)?, context: ServiceContext, prepare: (AttributeRecorder) -> Void
) -> AttributeRecorder {
    let span: any Span = (tracer ?? InstrumentationSystem.tracer).startSpan(name, context: context, ofKind: kind)
    let recorder = AttributeRecorder(span)
    if span.isRecording {
        if let baggage = context.baggage, !(span is any ContextualSpan) { recorder.stamp(baggage) }
        prepare(recorder)
    }
    return recorder
}
