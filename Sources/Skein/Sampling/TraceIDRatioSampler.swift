import OTLP

/// Records a fixed share of all traces: the same traces in every service that uses the same or a larger share.
///
/// The low 56 bits of the trace id (or `rv` of the trace state's `ot` entry) are compared with a threshold; the
/// threshold is noted as `th`, so that a reader can tell how many spans one stands for.
public struct TraceIDRatioSampler: Sampler {
    private let share: Double
    private let threshold: UInt64
    private let rootState: TraceState

    /// - Parameter ratio: 0 to 1; other numbers are moved to the nearer end, and what is no number counts as 1.
    public init(ratio: Double) {
        share = ratio.isNaN ? 1 : min(max(ratio, 0), 1)
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

    /// The name and the share.
    public var description: String { "TraceIDRatioSampler(\(share))" }
}
