import TraceStorage

extension REDSnapshot {
    /// A whole scrape of a tenant's series.
    package func exposition(_ format: ExpositionFormat, tenant: TenantID = .default) -> [UInt8] {
        var writer = PrometheusTextWriter(format: format)
        write(to: &writer, tenant: tenant)
        writer.finish()
        return writer.takeBytes()
    }

    /// Writes the families of a tenant, without the end of the answer.
    package func write(to writer: inout some MetricWriter, tenant: TenantID = .default) {
        guard let series = tenants[tenant], series.count > 0 else { return }
        let keys = MetricLabelKeys.standard.adding(configuration.dimensions.map(\.name))
        writer.begin(
            MetricFamily(
                configuration.metricName("calls"), type: .counter, help: "Spans by operation and status.",
                scope: Self.scope, keys: keys))
        for row in 0..<series.count { writer.sample(series.labels[row], series.calls(row)) }
        if configuration.isHistogramEnabled { writeDurations(series, keys, &writer) }
    }

    /// The name that the connector gives its instrumentation scope.
    private static let scope = "spanmetricsconnector"

    private func writeDurations(_ series: REDSeries, _ keys: MetricLabelKeys, _ writer: inout some MetricWriter) {
        let unit = configuration.unit
        let bounds = PrometheusBounds(configuration.bucketBoundsNanoseconds.map { Double($0) / unit.nanoseconds })
        writer.begin(
            MetricFamily(
                configuration.metricName("duration"), type: .histogram, help: "Span durations by operation and status.",
                unit: unit.rawValue, scope: Self.scope, keys: keys))
        for row in 0..<series.count {
            writer.histogram(
                series.labels[row], bounds: bounds, counts: series.buckets(row),
                sum: series.sumsNanoseconds[row] / unit.nanoseconds, exemplars: series.exemplars(row), startTime: 0)
        }
    }
}
