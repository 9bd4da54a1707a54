/// Decides at the start of each span whether it is recorded.
///
/// ```swift
/// struct OnlyServers: Sampler {
///     func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
///         SamplingResult(isSampled: parameters.kind == .server, traceState: parameters.traceState)
///     }
/// }
///
/// configuration.sampler = ParentBasedSampler(root: OnlyServers())
/// ```
///
/// Called for every span on the thread that starts it, on many threads at once: must be quick and must not block.
public protocol Sampler: Sendable {
    /// The decision for one span.
    func shouldSample(_ parameters: SamplingParameters) -> SamplingResult

    /// The sampler and its settings in one line, for diagnostics. The name of the type unless a sampler says more.
    var description: String { get }
}

extension Sampler {
    /// The name of the type.
    public var description: String { String(describing: Self.self) }
}

/// What a sampler decided.
///
/// It holds no attributes to add: what a decision was based on is on the span already.
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
