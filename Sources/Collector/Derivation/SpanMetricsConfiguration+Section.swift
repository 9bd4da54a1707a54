import OTLP
import SpanMetrics

extension SpanMetricsConfiguration {
    /// `connectors.spanmetrics` (or `span_metrics`), with the keys of the OpenTelemetry Collector.
    package init(_ section: ConfigurationSection) {
        self.init()
        namespace = section.string("namespace", default: namespace)
        readNamingProfiles(section)
        readHistogram(section.section("histogram"))
        dimensions = Self.dimensions(section, "dimensions")
        callsDimensions = Self.dimensions(section, "calls_dimensions")
        instrumentationScopes = section.strings("include_instrumentation_scope") ?? []
        let events = section.section("events")
        areEventsEnabled = events.boolean("enabled", default: areEventsEnabled)
        eventDimensions = Self.dimensions(events, "dimensions")
        events.end()
        for name in section.strings("exclude_dimensions") ?? [] {
            if let fixed = FixedDimension(rawValue: name) {
                excludeDimensions.insert(fixed)
            } else {
                let known = FixedDimension.allCases.map(\.rawValue).joined(separator: ", ")
                section.fail("exclude_dimensions", "'\(name)' is not valid, expected one of \(known)")
            }
        }
        aggregationCardinalityLimit = section.integer(
            "aggregation_cardinality_limit", default: aggregationCardinalityLimit, in: 0...Int.max)
        let exemplars = section.section("exemplars")
        areExemplarsEnabled = exemplars.boolean("enabled", default: areExemplarsEnabled)
        exemplarsPerPointMax = exemplars.integer(
            "max_per_data_point", default: exemplarsPerPointMax, in: 1...Self.exemplarsPerPointLimit)
        exemplars.end()
        readExpiration(section)
        flushIntervalNanoseconds = UInt64(
            section.duration(
                "metrics_flush_interval", default: .nanoseconds(Int64(flushIntervalNanoseconds)),
                in: .milliseconds(100) ... .seconds(86_400)
            ).nanosecondsClamped)
        readKeysOfResources(section)
        do throws(SpanMetricsConfigurationError) {
            try validate()
        } catch {
            section.fail(within: error.key, "\(error)")
        }
        section.end()
    }

    private mutating func readNamingProfiles(_ section: ConfigurationSection) {
        guard let names = section.strings("naming_profiles") else { return }
        namingProfiles = names.compactMap { name in
            guard let profile = NamingProfile(rawValue: name) else {
                let known = NamingProfile.allCases.map(\.rawValue).joined(separator: ", ")
                section.fail("naming_profiles", "'\(name)' is not valid, expected one of \(known)")
                return nil
            }
            return profile
        }
        // What was named wrongly is reported already.
        if namingProfiles.isEmpty, !names.isEmpty { namingProfiles = [.otel] }
    }

    private mutating func readHistogram(_ histogram: ConfigurationSection) {
        isHistogramEnabled = !histogram.boolean("disable", default: false)
        unit = histogram.choice("unit", default: unit, [("ms", .milliseconds), ("s", .seconds)])
        histogramDimensions = Self.dimensions(histogram, "dimensions")
        let explicit = histogram.section("explicit")
        if let buckets = explicit.strings("buckets") {
            if buckets.isEmpty { explicit.fail("buckets", Self.noBuckets) }
            bucketBoundsNanoseconds = buckets.compactMap { text in
                guard let bound = GoDuration.parse(text), bound >= .zero else {
                    explicit.fail("buckets", "'\(text)' is not valid, expected a duration such as 100ms")
                    return nil
                }
                return UInt64(bound.nanosecondsClamped)
            }
        }
        explicit.end()
        let exponential = histogram.section("exponential")
        if exponential.isPresent {
            exponentialBucketsMax = exponential.integer(
                "max_size", default: Self.defaultExponentialBucketsMax, in: 2...Self.exponentialBucketsMaxLimit)
            if explicit.isPresent {
                histogram.fail("exponential", "stands beside explicit, expected one of them")
            }
        }
        exponential.end()
        histogram.end()
    }

    /// What a list of bounds without any is told.
    static let noBuckets = "the list is empty, expected at least one bound such as 100ms"

    private static func dimensions(_ section: ConfigurationSection, _ key: String) -> [Dimension] {
        section.sections(key).compactMap { dimension in
            let name = dimension.string("name", default: "")
            let standard = dimension.optionalString("default")
            dimension.end()
            guard !name.isEmpty else {
                dimension.fail("name", "is missing, expected an attribute's key")
                return nil
            }
            return Dimension(name: name, default: standard)
        }
    }

    /// A resource's metrics and a series are the same here, so that the shorter of both times counts.
    private mutating func readExpiration(_ section: ConfigurationSection) {
        let times = ["metrics_expiration", "series_expiration"].map { section.duration($0, default: .zero) }
        let shortest = times.filter { $0 > .zero }.min() ?? .zero
        expirationNanoseconds = UInt64(shortest.nanosecondsClamped)
    }

    /// Keys about resources, and those about what is not here: deltas, caches.
    private mutating func readKeysOfResources(_ section: ConfigurationSection) {
        let temporality = section.string("aggregation_temporality", default: Self.cumulative)
        if temporality != Self.cumulative {
            section.fail(
                "aggregation_temporality",
                "'\(temporality)' is not valid, expected \(Self.cumulative): what is scraped must be cumulative, and what "
                    + "is pushed is the same")
        }
        // By the service they are kept apart anyway.
        resourceKeys = (section.strings("resource_metrics_key_attributes") ?? []).filter { $0 != "service.name" }
        for key in ["dimensions_cache_size", "resource_metrics_cache_size", "metric_timestamp_cache_size"] {
            _ = section.integer(key, default: 1000, in: 0...Int.max)
        }
        for key in ["add_resource_attributes", "enable_metrics_sampling_method"]
        where section.boolean(key, default: false) {
            section.fail(
                key,
                "true is not valid, expected false: list what you want to see in resource_metrics_key_attributes")
        }
    }

    private static let cumulative = "AGGREGATION_TEMPORALITY_CUMULATIVE"
}
