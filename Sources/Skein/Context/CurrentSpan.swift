import ServiceContextModule

/// What a `ServiceContext` holds for its span.
///
/// A span of this process can stand there itself, which costs no memory of its own; but a span holds the context it was
/// started in, so contexts that always did this would keep a chain of all ancestors alive. Hence a span whose parent
/// stands in its context itself puts a copy of its identity into its own: no chain is longer than two spans.
enum CurrentSpan: Sendable {
    /// A span of this process.
    case local(SkeinSpan)
    /// What came in from another process, or a span of this one whose parent is `local`.
    case copy(Box)
    /// No span: keeps a place for one, which a span then takes.
    case vacant

    /// Keeps a context of a span in one word, which a `ServiceContext` stores in place.
    final class Box: Sendable {
        let spanContext: SpanContext

        init(_ spanContext: SpanContext) {
            self.spanContext = spanContext
        }
    }

    var spanContext: SpanContext? {
        switch self {
        case .local(let span): span.spanContext
        case .copy(let box): box.spanContext
        case .vacant: nil
        }
    }
}

private enum CurrentSpanKey: ServiceContextKey {
    typealias Value = CurrentSpan
    static var nameOverride: String? { "skein-span-context" }
}

extension ServiceContext {
    /// A context that holds nothing but a place for a span. Copying its storage and taking the place costs a third less
    /// than making the storage of an empty context grow.
    static let withVacancy: ServiceContext = {
        var context = ServiceContext.topLevel
        context.currentSpan = .vacant
        return context
    }()

    /// The span that new spans in this context become children of: a local one, or a remote one after extraction.
    public var spanContext: SpanContext? {
        get { currentSpan?.spanContext }
        set { currentSpan = newValue.map { .copy(CurrentSpan.Box($0)) } }
    }

    var currentSpan: CurrentSpan? {
        get { self[CurrentSpanKey.self] }
        set { self[CurrentSpanKey.self] = newValue }
    }
}
