import Tracing

/// Is told of spans as they start and end.
///
/// ``TracingConfiguration/processors`` come before what collects spans for the exporters: a processor of one's own may
/// add attributes at the start of a span, and look at a span at its end.
public protocol SpanProcessor: Sendable {
    /// Called on the thread that starts a recorded span, before anybody else has the span. Must be quick.
    ///
    /// - Parameter parent: the context in which the span starts.
    func onStart(_ span: SkeinSpan, parent: ServiceContext)

    /// Called on the thread that ends a recorded span, once for each. Must be quick.
    func onEnd(_ span: borrowing FinishedSpan)

    /// Passes on every span that ended before the call; false when `timeout` passed first. May block.
    func forceFlush(timeout: Duration) -> Bool

    /// Passes on what it can within `timeout`, counts the rest, and takes no more spans. Called once, at the same time
    /// as the exporters shut down; a processor that takes longer holds the shutdown up. Nothing is told to it any more
    /// from then on. At the exit of a process that was not shut down, ``forceFlush(timeout:)`` is called instead.
    func shutdown(timeout: Duration) async
}

extension SpanProcessor {
    /// Does nothing.
    public func onStart(_ span: SkeinSpan, parent: ServiceContext) {}

    /// Does nothing.
    public func onEnd(_ span: borrowing FinishedSpan) {}

    /// True: there is nothing to pass on.
    public func forceFlush(timeout: Duration) -> Bool { true }

    /// Does nothing.
    public func shutdown(timeout: Duration) async {}
}
