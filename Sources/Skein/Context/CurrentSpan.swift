import Tracing

/// The span of a context, as one reference, which a context stores without a box of its own.
enum CurrentSpan: Sendable {
    /// A span of this process.
    case local(SkeinSpan)
    /// A context that came in from another process, or was set by hand.
    case foreign(ForeignSpan)

    /// Holds what a context of another process consists of.
    final class ForeignSpan: Sendable {
        let spanContext: SpanContext

        init(_ spanContext: SpanContext) {
            self.spanContext = spanContext
        }
    }

    var spanContext: SpanContext? {
        switch self {
        case .local(let span): span.spanContext
        case .foreign(let span): span.spanContext
        }
    }
}

private enum CurrentSpanKey: ServiceContextKey {
    typealias Value = CurrentSpan
    static var nameOverride: String? { "skein-span" }
}

extension ServiceContext {
    /// The span that new spans in this context become children of: a local one, or a remote one after extraction.
    public var spanContext: SpanContext? {
        get { self[CurrentSpanKey.self]?.spanContext }
        set { self[CurrentSpanKey.self] = newValue.map { .foreign(CurrentSpan.ForeignSpan($0)) } }
    }

    /// This context with `span` as the parent of new spans.
    func with(_ span: SkeinSpan) -> ServiceContext {
        var context = self
        context[CurrentSpanKey.self] = .local(span)
        return context
    }
}
