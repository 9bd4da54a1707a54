import OTLP
import SpanMetrics

extension SpanMetricsConfiguration {
    /// `connectors.spanmetrics` (or `span_metrics`), with the keys of the OpenTelemetry Collector.
    package init(_ section: ConfigurationSection) {
        self.init()
        namespace = section.string("namespace", default: namespace)
        let histogram = section.section("histogram")
        isHistogramEnabled = !histogram.boolean("disable", default: false)
        unit = histogram.choice("unit", default: unit, [("ms", .milliseconds), ("s", .seconds)])
        let explicit = histogram.section("explicit")
        if let buckets = explicit.strings("buckets") {
            bucketBoundsNanoseconds = buckets.compactMap { text in
                guard let bound = GoDuration.parse(text), bound >= .zero else {
                    explicit.fail("buckets", "'\(text)' is not valid, expected a duration such as 100ms")
                    return nil
                }
                return UInt64(bound.nanosecondsClamped)
            }
        }
        explicit.end()
        histogram.end()
        dimensions = section.sections("dimensions").map { dimension in
            let name = dimension.string("name", default: "")
            if name.isEmpty { dimension.fail("name", "is missing, expected an attribute's key") }
            let standard = dimension.optionalString("default")
            dimension.end()
            return Dimension(name: name, default: standard)
        }
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
        exemplars.end()
        do throws(SpanMetricsConfigurationError) {
            try validate()
        } catch {
            section.issues.add("\(error)", key: section.path, place: section.place)
        }
        section.end()
    }
}
