import Synchronization

/// Records at most so many spans a second, and of a burst after a quiet time at most one second's worth.
///
/// A token bucket: it holds up to `burst` tokens, is full at the start and refills evenly; a span takes one token, and a
/// span that finds none is not recorded. As the root of a ``ParentBasedSampler`` it limits traces, because only their
/// first spans ask it. A threshold (`th`) in the trace state is removed: how many spans one stands for is not known
/// here.
public final class RateLimitedSampler: Sampler {
    // The bucket is kept as one number, the time at which it would be full again: it moves by one interval for every
    // token taken, and as long as it is not more than `burst` intervals ahead there is a token left. So one atomic word
    // is all the state, and no thread waits for another.

    /// Nanoseconds in which one token comes in; nil when none ever does.
    private let interval: Int64?
    /// How far ahead of now the time of being full may be when a token is taken.
    private let tolerance: Int64
    private let spansPerSecond: Double
    private let burst: Int
    private let elapsed: @Sendable () -> Duration
    private let full = Atomic<Int64>(0)

    /// - Parameters:
    ///   - spansPerSecond: the rate, 0.001 for one span in 1,000 s. 0, less, or no number records nothing; over 1e9 is
    ///     no limit.
    ///   - burst: the spans that may start at once, at least 1; nil means one second's worth, rounded up.
    ///   - clock: tells the time.
    public init(spansPerSecond: Double, burst: Int? = nil, clock: some Clock<Duration> = ContinuousClock()) {
        let spansPerSecond = spansPerSecond > 0 ? spansPerSecond : 0
        let burst = max(1, burst ?? Int(min(max(spansPerSecond.rounded(.up), 1), 1e9)))
        // 1e16 ns are 115 days: slower rates count as that, which leaves room for sums in 64 bits.
        interval = spansPerSecond > 0 ? Int64(min(1e9 / spansPerSecond, 1e16)) : nil
        tolerance = Int64(min(Double(burst - 1) * Double(interval ?? 0), 1e18))
        self.spansPerSecond = spansPerSecond
        self.burst = burst
        let start = clock.now
        elapsed = { start.duration(to: clock.now) }
    }

    /// True while there are tokens.
    public func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        let state = parameters.traceState
        return SamplingResult(
            isSampled: takeToken(),
            traceState: state.isEmpty ? state : ConsistentSampling(state).setting(threshold: nil, in: state))
    }

    private func takeToken() -> Bool {
        guard let interval else { return false }
        if interval == 0 { return true }
        let (seconds, attoseconds) = elapsed().components
        let now = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        var known = full.load(ordering: .relaxed)
        while true {
            let start = max(known, now)
            guard start - now <= tolerance else { return false }
            let (isTaken, original) = full.weakCompareExchange(
                expected: known, desired: start + interval, ordering: .relaxed)
            if isTaken { return true }
            known = original
        }
    }

    /// The name, the rate and the burst.
    public var description: String { "RateLimitedSampler(\(spansPerSecond)/s, burst \(burst))" }
}
