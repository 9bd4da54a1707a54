import ContextBaggage
import Instrumentation
import ServiceContextModule

/// A format in which context travels between processes.
public enum Propagator: String, Sendable, CaseIterable {
    /// W3C `traceparent` and `tracestate`.
    case traceContext = "tracecontext"
    /// W3C `baggage`.
    case baggage

    /// Reads the headers of `carrier` into `context`. An invalid `traceparent` leaves the context without a parent, so
    /// that the next span starts a new trace, and its `tracestate` is dropped with it.
    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        switch self {
        case .traceContext:
            guard let header = extractor.extract(key: "traceparent", from: carrier),
                let parent = TraceParent.parse(header)
            else { return }
            let state = extractor.extract(key: "tracestate", from: carrier).flatMap(TraceState.init(header:))
            context.spanContext = SpanContext(
                traceID: parent.traceID, spanID: parent.spanID, flags: parent.flags,
                traceState: state ?? TraceState(), isRemote: true)
        case .baggage:
            guard let header = extractor.extract(key: "baggage", from: carrier) else { return }
            let baggage = Baggage(header: header)
            if !baggage.entries.isEmpty { context.baggage = baggage }
        }
    }

    /// Writes `context` into the headers of `carrier`; writes nothing where there is nothing to say.
    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        switch self {
        case .traceContext:
            guard let span = context.spanContext, span.isValid else { return }
            injector.inject(TraceParent.header(span), forKey: "traceparent", into: &carrier)
            if !span.traceState.isEmpty {
                injector.inject(span.traceState.header, forKey: "tracestate", into: &carrier)
            }
        case .baggage:
            guard let header = context.baggage?.header, !header.isEmpty else { return }
            injector.inject(header, forKey: "baggage", into: &carrier)
        }
    }
}
