/// Counters of a rule's groups over its window: what they came to now and then.
struct CounterWindow: Sendable {
    /// Numbers that only grow.
    struct Counts: Sendable, Equatable {
        var calls: UInt64 = 0
        var errors: UInt64 = 0
        /// One for each bound and a last one for what is above them; empty where nobody asks for latencies.
        var buckets: [UInt64] = []

        mutating func add(calls more: UInt64, isError: Bool, buckets other: [UInt64] = []) {
            calls = calls &+ more
            if isError { errors = errors &+ more }
            guard !other.isEmpty else { return }
            if buckets.isEmpty { buckets = Array(repeating: 0, count: other.count) }
            for (index, count) in zip(buckets.indices, other) { buckets[index] = buckets[index] &+ count }
        }

        func since(_ earlier: Counts?) -> Counts {
            guard let earlier else { return self }
            func difference(_ a: UInt64, _ b: UInt64) -> UInt64 { a >= b ? a - b : 0 }
            var result = Counts()
            result.calls = difference(calls, earlier.calls)
            result.errors = difference(errors, earlier.errors)
            result.buckets = buckets
            for (index, count) in zip(buckets.indices, earlier.buckets) {
                result.buckets[index] = difference(buckets[index], count)
            }
            return result
        }
    }

    /// The increase over a window.
    struct Increase: Sendable {
        var group: AlertLabels
        var counts: Counts
    }

    /// Samples of a window; more would tell the time of a change better than anybody needs.
    static let samplesMax = 60

    private let window: UInt64
    private var samples: [(time: UInt64, groups: [AlertLabels: Counts])] = []

    init(window: UInt64) { self.window = window }

    /// Tells that everything was zero at a time.
    mutating func begin(at time: UInt64) { samples = [(time, [:])] }

    /// Takes what the counters are now.
    ///
    /// - Returns: what each group has more than at the begin of the window, or as far back as is known, and whether the
    ///   whole window is known; nil for the first sample, before which nothing is.
    mutating func add(
        _ groups: [AlertLabels: Counts], at now: UInt64
    ) -> (increases: [Increase], isWhole: Bool)? {
        // The clock was set back.
        if let last = samples.last, last.time > now { samples = [] }
        let start = now > window ? now - window : 0
        while samples.count > 1, samples[1].time <= start { samples.removeFirst() }
        let base = samples.first
        if samples.last.map({ now - $0.time >= window / UInt64(Self.samplesMax) }) ?? true {
            samples.append((now, groups))
        }
        guard let base, base.time < now else { return nil }
        // A group that was not there then was zero: counters are never removed.
        let increases = groups.map { Increase(group: $0.key, counts: $0.value.since(base.groups[$0.key])) }
        return (increases, base.time <= start)
    }
}

/// A latency from counts of buckets.
enum BucketQuantile {
    /// As Prometheus' `histogram_quantile`: straight within the bucket; the last bound for what is above it. Nil without
    /// counts.
    ///
    /// - Parameter bounds: Upper bounds, ascending; `counts` has one more.
    static func value(_ share: Double, counts: [UInt64], bounds: [Double]) -> Double? {
        let total = counts.reduce(0.0) { $0 + Double($1) }
        guard total > 0, counts.count == bounds.count + 1 else { return nil }
        let rank = share * total
        var below = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            let upTo = below + Double(count)
            if upTo >= rank {
                guard index < bounds.count else { return bounds.last }
                let low = index == 0 ? 0 : bounds[index - 1]
                return low + (bounds[index] - low) * (rank - below) / Double(count)
            }
            below = upTo
        }
        return bounds.last
    }
}
