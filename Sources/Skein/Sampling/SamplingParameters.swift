import ContextBaggage
import OTLP
import Tracing

/// What a sampler may look at.
public struct SamplingParameters: Sendable {
    /// The parent, local or remote; nil for the first span of a trace.
    public let parent: SpanContext?
    /// The trace id the span has or will have.
    public let traceID: TraceID
    /// The name the span starts with.
    public let name: String
    /// The kind of the span.
    public let kind: SpanKind
    /// The attributes that were given when the span was started. For those of baggage too, ask ``attribute(_:)``.
    public let attributes: SpanAttributes
    /// A decision that came in without a span, as B3 allows (`b3: 0`); nil where there is none or there is a parent.
    public let remoteDecision: Bool?

    private let baggage: Baggage?
    private let baggageAttributes: [String]

    /// Parameters for one decision.
    public init(
        parent: SpanContext?, traceID: TraceID, name: String, kind: SpanKind,
        attributes: SpanAttributes = SpanAttributes(), remoteDecision: Bool? = nil
    ) {
        self.init(
            parent: parent, traceID: traceID, name: name, kind: kind, attributes: attributes,
            remoteDecision: remoteDecision, baggage: nil, baggageAttributes: [])
    }

    init(
        parent: SpanContext?, traceID: TraceID, name: String, kind: SpanKind, attributes: SpanAttributes,
        remoteDecision: Bool?, baggage: Baggage?, baggageAttributes: [String]
    ) {
        self.parent = parent
        self.traceID = traceID
        self.name = name
        self.kind = kind
        self.attributes = attributes
        self.remoteDecision = remoteDecision
        self.baggage = baggage
        self.baggageAttributes = baggageAttributes
    }

    /// The trace state of the parent; empty for the first span of a trace.
    public var traceState: TraceState { parent?.traceState ?? TraceState() }

    /// An attribute the span starts with: one that was given, or one of ``TracingConfiguration/baggageAttributes``.
    public func attribute(_ key: String) -> SpanAttribute? {
        if let given = attributes.get(key) { return given }
        guard let baggage, baggageAttributes.contains(key) else { return nil }
        return baggage[key].map { .string($0) }
    }
}
