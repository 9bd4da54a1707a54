import ServiceContextModule
import Tracing

/// Runs `operation` in a new span: the span is current while it runs, its errors are recorded and thrown on, and it
/// ends whatever happens.
func withRecordedSpan<Result>(
    _ name: String, kind: SpanKind, tracer: (any Tracer)?, isolation: isolated (any Actor)?,
    prepare: (AttributeRecorder) -> Void, operation: (AttributeRecorder) async throws -> Result
) async rethrows -> Result {
    let span: any Span = (tracer ?? InstrumentationSystem.tracer).startSpan(
        name, context: ServiceContext.current ?? .topLevel, ofKind: kind)
    defer { span.end() }
    let recorder = AttributeRecorder(span)
    if span.isRecording { prepare(recorder) }
    do {
        return try await ServiceContext.$current.withValue(span.context) {
            try await operation(recorder)
        }
    } catch {
        recorder.fail(error)
        throw error
    }
}
