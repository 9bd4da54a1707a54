import TraceStorage

/// Series as values, for those who count on with them.
extension REDSnapshot {
    /// Upper bounds of the buckets that ``forEachDuration(tenant:_:)`` gives, in seconds, ascending.
    package var bucketBoundsSeconds: [Double] {
        guard let ladder else { return configuration.bucketBoundsNanoseconds.map { Double($0) / 1e9 } }
        return ladder.bounds.values.map { $0 * configuration.unit.nanoseconds / 1e9 }
    }

    /// The bounds of exponential histograms, where there are such.
    private var ladder: ExponentialLadder? {
        configuration.exponentialBucketsMax.map {
            ExponentialLadder(bucketsMax: $0, octaves: configuration.unit.ladderOctaves)
        }
    }

    /// Calls `body` with the labels of each series of calls, as they are in the exposition, and their number. A series
    /// that is gone may still be among them; one that comes again begins at zero.
    package func forEachCount(
        tenant: TenantID = .default, _ body: (_ labels: PrometheusLabels, _ calls: UInt64) -> Void
    ) {
        guard let series = tenants[tenant]?.calls else { return }
        for row in 0..<series.count { body(series.labels[row], series.rows[row].calls) }
    }

    /// Likewise with the series of durations and their calls by bucket, of which the last is for what is above all
    /// bounds. There are none without a histogram.
    package func forEachDuration(
        tenant: TenantID = .default, _ body: (_ labels: PrometheusLabels, _ buckets: [UInt64]) -> Void
    ) {
        guard configuration.isHistogramEnabled, let tables = tenants[tenant] else { return }
        let series = tables.durations ?? tables.calls
        let ladder = ladder
        for row in 0..<series.count {
            body(
                series.labels[row], ladder.map { $0.counts(of: series.exponentials[row]) } ?? Array(series.buckets(row))
            )
        }
    }
}
