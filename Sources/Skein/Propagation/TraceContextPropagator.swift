import ServiceContextModule

/// W3C Trace Context, level 2.
///
/// An invalid `traceparent` leaves the context without a parent, so that the next span starts a new trace, and its
/// `tracestate` is dropped with it; an invalid `tracestate` is dropped alone (section 3.3).
struct TraceContextPropagator: TextMapPropagator {
    var name: String { "tracecontext" }

    func extract(into context: inout ServiceContext, header: (_ name: String) -> String?) {
        guard let parent = header("traceparent").flatMap(TraceParent.parse) else { return }
        let state = header("tracestate").flatMap(TraceState.init(header:))
        let span = SpanContext(
            traceID: parent.traceID, spanID: parent.spanID, flags: parent.flags,
            traceState: state ?? TraceState(), isRemote: true)
        context.spanContext = span.completed(by: context.spanContext)
    }

    func inject(_ context: ServiceContext, setHeader: (_ name: String, _ value: String) -> Void) {
        guard let span = context.spanContext, span.isValid else { return }
        setHeader("traceparent", TraceParent.header(span))
        if !span.traceState.isEmpty { setHeader("tracestate", span.traceState.header) }
    }
}
