import Tracing

/// A span that knows how a context holds it, for helpers that work on any tracer; and whose tracer stamps what baggage
/// says (``BaggageStamps``) by itself.
package protocol ContextualSpan: Span {
    /// `context` with this span in place of the one that is there. Everything else stays as it is.
    func placed(in context: ServiceContext) -> ServiceContext
}
