import OTLP
import SpanMetrics

extension ServiceGraphConfiguration {
    /// `connectors.servicegraph` (or `service_graph`), with the keys of the OpenTelemetry Collector.
    package init(_ section: ConfigurationSection) {
        self.init()
        isEnabled = section.boolean("enabled", default: isEnabled)
        readBuckets(section)
        dimensions = section.strings("dimensions") ?? dimensions
        databaseNameAttributes = section.strings("database_name_attributes") ?? databaseNameAttributes
        virtualNodePeerAttributes = section.strings("virtual_node_peer_attributes") ?? virtualNodePeerAttributes
        hasVirtualNodeLabel = section.boolean("virtual_node_extra_label", default: hasVirtualNodeLabel)
        let store = section.section("store")
        timeToLiveNanoseconds = Self.nanoseconds(
            store, "ttl", timeToLiveNanoseconds, in: .milliseconds(1) ... .seconds(3600))
        itemsMax = store.integer("max_items", default: itemsMax, in: 1...Self.itemsMaxLimit)
        store.end()
        seriesExpirationNanoseconds = Self.nanoseconds(
            section, "series_expiration", seriesExpirationNanoseconds, in: .zero ... .seconds(86_400 * 400))
        aggregationCardinalityLimit = section.integer(
            "aggregation_cardinality_limit", default: aggregationCardinalityLimit, in: 0...Int.max)
        do throws(SpanMetricsConfigurationError) {
            try validate()
        } catch {
            section.fail(within: error.key, "\(error)")
        }
        refuseWhatDoesNothing(section)
        section.end()
    }

    private func refuseWhatDoesNothing(_ section: ConfigurationSection) {
        section.refuse(
            "cache_loop", "has no effect here, where series are looked at every minute; expected series_expiration")
        section.refuse(
            "store_expiration_loop",
            "has no effect here, where spans are given up as soon as their time is over; expected store.ttl alone")
        section.refuse(
            "metrics_flush_interval",
            "has no effect here; expected it in connectors.spanmetrics, whose interval is that of all metrics pushed")
        section.refuse(
            "exponential_histogram_max_size",
            "has no effect here, where histograms have the bounds of latency_histogram_buckets; expected these alone")
        section.refuse(
            "metrics_timestamp_offset",
            "has no effect here, where metrics have the time at which they are scraped or pushed; expected none")
    }

    private mutating func readBuckets(_ section: ConfigurationSection) {
        guard let buckets = section.strings("latency_histogram_buckets") else { return }
        if buckets.isEmpty {
            section.fail("latency_histogram_buckets", SpanMetricsConfiguration.noBuckets)
        }
        bucketBoundsNanoseconds = buckets.compactMap { text in
            guard let bound = GoDuration.parse(text), bound >= .zero else {
                section.fail(
                    "latency_histogram_buckets", "'\(text)' is not valid, expected a duration such as 100ms")
                return nil
            }
            return UInt64(bound.nanosecondsClamped)
        }
    }

    private static func nanoseconds(
        _ section: ConfigurationSection, _ key: String, _ standard: UInt64, in range: ClosedRange<Duration>
    ) -> UInt64 {
        UInt64(section.duration(key, default: .nanoseconds(Int64(standard)), in: range).nanosecondsClamped)
    }
}
