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

    /// Parameters for one decision.
    public init(parent: SpanContext?, traceID: TraceID, name: String, kind: SpanKind) {
        self.parent = parent
        self.traceID = traceID
        self.name = name
        self.kind = kind
    }

    /// The trace state of the parent; empty for the first span of a trace.
    public var traceState: TraceState { parent?.traceState ?? TraceState() }
}

/// What a sampler decided.
public struct SamplingResult: Sendable, Equatable {
    /// Whether the span is recorded and exported.
    public let isSampled: Bool
    /// The trace state the span carries on.
    public let traceState: TraceState

    /// A decision together with the trace state that goes on.
    public init(isSampled: Bool, traceState: TraceState) {
        self.isSampled = isSampled
        self.traceState = traceState
    }
}

/// Decides at the start of each span whether it is recorded. Called on the caller's thread: must be quick.
public protocol Sampler: Sendable {
    /// The decision for one span.
    func shouldSample(_ parameters: SamplingParameters) -> SamplingResult
}

/// Records every span.
public struct AlwaysOnSampler: Sampler {
    /// A sampler without settings.
    public init() {}

    /// Always true; the trace state stays.
    public func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        SamplingResult(isSampled: true, traceState: parameters.traceState)
    }
}

/// Records no span.
public struct AlwaysOffSampler: Sampler {
    /// A sampler without settings.
    public init() {}

    /// Always false; the trace state stays.
    public func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        SamplingResult(isSampled: false, traceState: parameters.traceState)
    }
}

/// Records a fixed share of all traces: the same traces in every service that uses the same or a larger share.
///
/// The low 56 bits of the trace id (or `rv` of the trace state's `ot` entry) are compared with a threshold; the
/// threshold is noted as `th`, so that a reader can tell how many spans one stands for.
public struct TraceIDRatioSampler: Sampler {
    private let threshold: UInt64
    private let rootState: TraceState

    /// - Parameter ratio: 0 to 1; other numbers are moved to the nearer end, and what is no number counts as 1.
    public init(ratio: Double) {
        let share = ratio.isNaN ? 1 : min(max(ratio, 0), 1)
        let range = ConsistentSampling.range
        threshold = range - UInt64((share * Double(range)).rounded())
        rootState =
            threshold < range
            ? ConsistentSampling(TraceState()).setting(threshold: threshold, in: TraceState()) : TraceState()
    }

    /// True when the randomness of the trace is not below the threshold.
    public func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        let state = parameters.traceState
        if state.isEmpty {
            let isSampled = parameters.traceID.low & (ConsistentSampling.range - 1) >= threshold
            return SamplingResult(isSampled: isSampled, traceState: isSampled ? rootState : state)
        }
        let entry = ConsistentSampling(state)
        let isSampled = entry.randomness(of: parameters.traceID) >= threshold
        return SamplingResult(
            isSampled: isSampled, traceState: entry.setting(threshold: isSampled ? threshold : nil, in: state))
    }
}

/// Follows the parent's decision, and asks another sampler for the first span of a trace.
public struct ParentBasedSampler: Sampler {
    private let root: any Sampler

    /// - Parameter root: decides where there is no parent.
    public init(root: any Sampler) {
        self.root = root
    }

    /// The parent's decision with its trace state, or the root sampler's.
    public func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        guard let parent = parameters.parent else { return root.shouldSample(parameters) }
        return SamplingResult(isSampled: parent.isSampled, traceState: parent.traceState)
    }
}
