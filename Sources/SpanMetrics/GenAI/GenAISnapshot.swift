import TraceStorage

/// All series about models and tools at one moment.
package struct GenAISnapshot: Sendable {
    let tenants: [TenantID: GenAISeries]

    /// Writes the families of a tenant, without the end of the answer.
    package func write(to writer: inout some MetricWriter, tenant: TenantID = .default) {
        guard let series = tenants[tenant] else { return }
        writeCounters(series.calls, &writer)
        writeTokens(series, &writer)
        writeCost(series, &writer)
        writeOtherCosts(series, &writer)
        writeEvents(
            series.finishReasons, "gen_ai.client.finish_reasons", "Reasons why models stopped.", &writer)
        writeEvents(series.tools, "gen_ai.execute_tool.calls", "Runs of tools.", &writer)
        writeEvents(
            series.unattributed, "gen_ai.client.unattributed_tokens",
            "Tokens that agents report beyond those of the calls that were found.", &writer)
        for histogram in Self.histograms {
            writer.family(histogram.name, type: .histogram, help: histogram.help, unit: histogram.unit)
            let bounds = PrometheusBounds(histogram.bounds)
            for (labels, row) in zip(series.histograms.labels, series.histograms.rows) {
                for part in histogram.parts {
                    let counts = row[keyPath: part.counts]
                    guard !counts.counts.isEmpty else { continue }
                    writer.histogram(
                        part.label.map { labels.adding($0) } ?? labels, bounds: bounds, counts: counts.counts,
                        sum: counts.sum)
                }
            }
        }
    }

    // MARK: counters

    private func writeCounters(_ calls: SeriesTable<CallCounts>, _ writer: inout some MetricWriter) {
        let families: [(String, String, KeyPath<CallCounts, UInt64>)] = [
            ("gen_ai.client.calls", "Calls of models, each once.", \.calls),
            ("gen_ai.client.call_errors", "Calls of models that failed.", \.errors),
            ("gen_ai.client.call_retries", "Calls of models that repeat a failed one.", \.retries),
            ("gen_ai.client.unpriced_calls", "Calls with tokens whose model has no price.", \.unpriced),
        ]
        for (name, help, counter) in families {
            writer.family(name, type: .counter, help: help)
            for (labels, row) in zip(calls.labels, calls.rows) where row[keyPath: counter] > 0 || counter == \.calls {
                writer.sample(labels, row[keyPath: counter])
            }
        }
    }

    /// Calls `body` with what the calls of each row used: those that failed apart from the others, whose labels are the
    /// row's own. Together they are everything.
    private func forEachUsage(_ series: GenAISeries, _ body: (PrometheusLabels, CallUsage) -> Void) {
        for (labels, row) in zip(series.calls.labels, series.calls.rows) {
            body(labels, row.usage)
            if let failed = series.failedUsage.usage(of: row) {
                body(labels.adding(("status_code", "STATUS_CODE_ERROR")), failed)
            }
        }
    }

    private func writeTokens(_ series: GenAISeries, _ writer: inout some MetricWriter) {
        let types: [(String, WritableKeyPath<TokenUsage, UInt64>)] = [
            ("input", \.uncachedInput), ("cache_read", \.cacheRead), ("cache_write", \.cacheWrite),
            ("cache_write_1h", \.cacheWriteHour), ("audio_input", \.audioInput), ("output", \.visibleOutput),
            ("reasoning", \.reasoning), ("audio_output", \.audioOutput),
        ]
        writer.family(
            "gen_ai.client.tokens", type: .counter,
            help: "Tokens in types that do not overlap: their sum is all tokens.")
        forEachUsage(series) { labels, usage in
            for (type, bucket) in types where usage.tokens[keyPath: bucket] > 0 {
                writer.sample(labels.adding(("gen_ai_token_type", type)), usage.tokens[keyPath: bucket])
            }
        }
    }

    private func writeCost(_ series: GenAISeries, _ writer: inout some MetricWriter) {
        writer.family("gen_ai.client.cost_usd", type: .counter, help: "What calls of models cost, in US dollars.")
        forEachUsage(series) { labels, usage in
            let costs = [("computed", usage.computedCost), ("reported", usage.reportedCost)]
            for (source, dollars) in costs where dollars > 0 {
                writer.sample(labels.adding(("cost_source", source)), dollars)
            }
        }
    }

    /// Beside what counts, so that both can be compared; only where there is any.
    private func writeOtherCosts(_ series: GenAISeries, _ writer: inout some MetricWriter) {
        guard !series.otherCosts.isEmpty else { return }
        writer.family(
            "gen_ai.client.uncounted_cost_usd", type: .counter,
            help:
                "What calls with a computed and a reported cost come to by the one that does not count, in US dollars.")
        for (labels, costs) in zip(series.calls.labels, series.otherCosts) {
            for (source, dollars) in [("computed", costs.computed), ("reported", costs.reported)] where dollars > 0 {
                writer.sample(labels.adding(("cost_source", source)), dollars)
            }
        }
    }

    private func writeEvents(
        _ events: SeriesTable<EventCount>, _ name: String, _ help: String, _ writer: inout some MetricWriter
    ) {
        guard events.count > 0 else { return }
        writer.family(name, type: .counter, help: help)
        for (labels, row) in zip(events.labels, events.rows) { writer.sample(labels, row.count) }
    }

    // MARK: histograms

    private struct Histogram: Sendable {
        var name: String
        var help: String
        var unit: String
        var bounds: [Double]
        var parts: [Part]

        struct Part: Sendable {
            var label: (name: String, value: String)?
            var counts: any KeyPath<CallHistograms, BucketCounts> & Sendable
        }
    }

    private static let histograms: [Histogram] = [
        Histogram(
            name: "gen_ai.client.token.usage", help: "Tokens of a call.", unit: "{token}",
            bounds: GenAIBounds.tokens.values,
            parts: [
                .init(label: ("gen_ai_token_type", "input"), counts: \.inputTokens),
                .init(label: ("gen_ai_token_type", "output"), counts: \.outputTokens),
            ]),
        Histogram(
            name: "gen_ai.client.operation.duration", help: "Durations of calls.", unit: "s",
            bounds: GenAIBounds.seconds.values, parts: [.init(label: nil, counts: \.duration)]),
        Histogram(
            name: "gen_ai.server.time_to_first_token", help: "Time to the first token of an answer.",
            unit: "s", bounds: GenAIBounds.timeToFirstToken.values,
            parts: [.init(label: nil, counts: \.timeToFirstToken)]),
        Histogram(
            name: "gen_ai.server.time_per_output_token", help: "Time per token after the first.",
            unit: "s", bounds: GenAIBounds.timePerOutputToken.values,
            parts: [.init(label: nil, counts: \.timePerOutputToken)]),
    ]
}
