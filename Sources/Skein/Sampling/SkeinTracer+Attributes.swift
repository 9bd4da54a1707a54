import Tracing

extension SkeinTracer {
    /// Starts a span that has `attributes` from its start, so that samplers can decide by them.
    ///
    /// swift-distributed-tracing's own ``startSpan(_:context:ofKind:at:function:file:line:)`` cannot say this: what is
    /// set on a span afterwards comes too late for a sampler. An attribute that baggage has as well keeps the value
    /// that is given here.
    ///
    /// - Parameters:
    ///   - operationName: the name.
    ///   - attributes: what the span starts with; span limits hold as for any other attribute.
    ///   - context: where the parent is looked for.
    ///   - kind: the kind.
    ///   - instant: when the span starts.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, attributes: SpanAttributes,
        context: @autoclosure () -> ServiceContext = .current ?? .topLevel, ofKind kind: SpanKind = .internal,
        at instant: @autoclosure () -> Instant = DefaultTracerClock.now
    ) -> SkeinSpan {
        start(operationName, attributes, context(), kind, instant)
    }

    /// Runs `operation` in a span that has `attributes` from its start; see
    /// ``startSpan(_:attributes:context:ofKind:at:)``. An error that is thrown is recorded, and thrown on.
    public func withSpan<Result>(
        _ operationName: String, attributes: SpanAttributes,
        context: @autoclosure () -> ServiceContext = .current ?? .topLevel, ofKind kind: SpanKind = .internal,
        _ operation: (SkeinSpan) throws -> Result
    ) rethrows -> Result {
        let span = startSpan(operationName, attributes: attributes, context: context(), ofKind: kind)
        defer { span.end() }
        do {
            return try ServiceContext.$current.withValue(span.context) { try operation(span) }
        } catch {
            Self.fail(span, error)
            throw error
        }
    }

    /// Runs `operation` in a span that has `attributes` from its start; see
    /// ``startSpan(_:attributes:context:ofKind:at:)``. An error that is thrown is recorded, and thrown on.
    public func withSpan<Result>(
        _ operationName: String, attributes: SpanAttributes,
        context: @autoclosure () -> ServiceContext = .current ?? .topLevel, ofKind kind: SpanKind = .internal,
        isolation: isolated (any Actor)? = #isolation, _ operation: (SkeinSpan) async throws -> Result
    ) async rethrows -> Result {
        let span = startSpan(operationName, attributes: attributes, context: context(), ofKind: kind)
        defer { span.end() }
        do {
            return try await ServiceContext.$current.withValue(span.context) { try await operation(span) }
        } catch {
            Self.fail(span, error)
            throw error
        }
    }

    private static func fail(_ span: SkeinSpan, _ error: any Error) {
        span.recordError(error)
        span.setStatus(SpanStatus(code: .error))
    }
}
