import TraceStorage

extension REDSnapshot {
    /// A whole scrape of a tenant's series.
    package func exposition(_ format: ExpositionFormat, tenant: TenantID = .default) -> [UInt8] {
        var writer = PrometheusTextWriter(format: format)
        write(to: &writer, tenant: tenant)
        writer.finish()
        return writer.takeBytes()
    }

    /// Writes the families of a tenant, without the end of the answer: to Prometheus under the names of every profile
    /// that is on.
    package func write(to writer: inout some MetricWriter, tenant: TenantID = .default) {
        guard let tables = tenants[tenant], tables.count > 0 else { return }
        let profiles = writer.naming == .prometheus ? configuration.namingProfiles : [.otel]
        for profile in profiles {
            let families = configuration.families(of: profile)
            if profile == .tempo {
                writeTempo(tables.calls, families, &writer)
                continue
            }
            writer.begin(families.calls)
            writeCalls(tables.calls, &writer)
            if configuration.isHistogramEnabled {
                writer.begin(families.durations)
                writeDurations(tables.durations ?? tables.calls, &writer)
            }
            if let family = families.events, let events = tables.events, events.count > 0 {
                writer.begin(family)
                writeCalls(events, &writer)
            }
        }
    }

    private func writeCalls(_ series: REDSeries, _ writer: inout some MetricWriter) {
        for row in 0..<series.count where series.isAlive(row, at: clock) {
            writer.sample(
                series.labels[row], series.rows[row].calls, startTime: series.rows[row].startTime,
                exemplar: series.lastExemplar(row))
        }
    }

    private func writeDurations(_ series: REDSeries, _ writer: inout some MetricWriter) {
        let unit = configuration.unit
        if let ladder = configuration.exponentialLadder {
            for row in 0..<series.count where series.isAlive(row, at: clock) {
                writer.histogram(
                    series.labels[row], series.exponentials[row], ladder: ladder, exemplars: series.exemplars(row),
                    startTime: series.rows[row].startTime)
            }
            return
        }
        let bounds = PrometheusBounds(configuration.bucketBoundsNanoseconds.map { Double($0) / unit.nanoseconds })
        for row in 0..<series.count where series.isAlive(row, at: clock) {
            writer.histogram(
                series.labels[row], bounds: bounds, counts: series.buckets(row),
                sum: series.rows[row].sumNanoseconds / unit.nanoseconds, exemplars: series.exemplars(row),
                startTime: series.rows[row].startTime)
        }
    }

    // MARK: Tempo

    private func writeTempo(_ series: REDSeries, _ families: REDFamilies, _ writer: inout some MetricWriter) {
        let rows = (0..<series.count).filter { series.isAlive($0, at: clock) }
        let labels = rows.map { series.labels[$0].renamingFirst("service_name", to: "service") }
        writer.begin(families.calls)
        for (labels, row) in zip(labels, rows) {
            writer.sample(
                labels, series.rows[row].calls, startTime: series.rows[row].startTime,
                exemplar: series.lastExemplar(row))
        }
        if configuration.isHistogramEnabled {
            let bounds = PrometheusBounds(REDShape.tempoBounds.map { Double($0) / 1e9 })
            let seconds = configuration.unit.nanoseconds / 1e9
            writer.begin(families.durations)
            for (labels, row) in zip(labels, rows) {
                let exemplars = series.tempoExemplars(row).map { $0?.scaled(by: seconds) }
                writer.histogram(
                    labels, bounds: bounds, counts: series.tempoBuckets(row),
                    sum: series.tempoSumsNanoseconds[row] / 1e9,
                    exemplars: exemplars[...], startTime: series.rows[row].startTime)
            }
        }
        guard let size = families.size else { return }
        writer.begin(size)
        for (labels, row) in zip(labels, rows) {
            writer.sample(labels, series.sizes[row], startTime: series.rows[row].startTime, exemplar: nil)
        }
    }
}

extension SpanMetricsConfiguration {
    /// The fixed buckets that exponential histograms are shown with; nil where there are none.
    var exponentialLadder: ExponentialLadder? {
        exponentialBucketsMax.map { ExponentialLadder(bucketsMax: $0, octaves: unit.ladderOctaves) }
    }
}

extension SpanMetricsConfiguration.Unit {
    /// From which and up to which power of two there are bounds where an exponential histogram is shown with such:
    /// from 60 µs to 2 minutes, about as far as Tempo's and the connector's own reach together.
    var ladderOctaves: ClosedRange<Int> {
        switch self {
        case .milliseconds: -4...17
        case .seconds: -14...7
        }
    }
}
