import TraceStorage

extension REDSnapshot {
    /// A whole scrape of a tenant's series.
    package func exposition(_ format: ExpositionFormat, tenant: TenantID = .default) -> [UInt8] {
        var result: [UInt8] = []
        writeExposition(format, tenant: tenant, chunkBytes: .max) { result = $0 }
        return result
    }

    /// A scrape in parts of about `chunkBytes`, so that an answer of many megabytes need not stand in memory.
    package func writeExposition(
        _ format: ExpositionFormat, tenant: TenantID = .default, chunkBytes: Int = 65_536,
        _ body: (_ chunk: [UInt8]) -> Void
    ) {
        var writer = PrometheusTextWriter(format: format)
        write(to: &writer, tenant: tenant, chunkBytes: chunkBytes, body)
        writer.finish()
        body(writer.takeBytes())
    }

    /// Writes the families of a tenant, without the end of the answer. What the writer holds is left in it.
    package func write(
        to writer: inout PrometheusTextWriter, tenant: TenantID = .default, chunkBytes: Int = 65_536,
        _ body: (_ chunk: [UInt8]) -> Void
    ) {
        guard let series = tenants[tenant], series.count > 0 else { return }
        writeCalls(series, &writer, chunkBytes, body)
        if configuration.isHistogramEnabled { writeDurations(series, &writer, chunkBytes, body) }
    }

    private func writeCalls(
        _ series: REDSeries, _ writer: inout PrometheusTextWriter, _ chunkBytes: Int, _ body: ([UInt8]) -> Void
    ) {
        writer.family(configuration.metricName("calls"), type: .counter, help: "Spans by operation and status.")
        for row in 0..<series.count {
            writer.sample(series.labels[row], series.calls(row))
            if writer.bytes.count >= chunkBytes { body(writer.takeBytes()) }
        }
    }

    private func writeDurations(
        _ series: REDSeries, _ writer: inout PrometheusTextWriter, _ chunkBytes: Int, _ body: ([UInt8]) -> Void
    ) {
        let unit = configuration.unit
        let bounds = PrometheusBounds(configuration.bucketBoundsNanoseconds.map { Double($0) / unit.nanoseconds })
        writer.family(
            configuration.metricName("duration") + "_" + unit.name, type: .histogram,
            help: "Span durations by operation and status.", unit: unit.name)
        for row in 0..<series.count {
            writer.histogram(
                series.labels[row], bounds: bounds, counts: series.buckets(row),
                sum: series.sumsNanoseconds[row] / unit.nanoseconds, exemplars: Array(series.exemplars(row)))
            if writer.bytes.count >= chunkBytes { body(writer.takeBytes()) }
        }
    }
}
