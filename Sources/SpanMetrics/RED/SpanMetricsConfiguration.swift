/// What RED metrics count by, with the keys and defaults of the OpenTelemetry Collector's spanmetrics connector.
///
/// Unlike there, series are not kept apart by resource: spans of all instances of a service that agree in every label
/// are one series, and there is neither `job`, `instance` nor `target_info`. An instance id is new with each start of
/// a process, so series by instance would grow for ever; who wants them lists `service.instance.id` as a dimension.
package struct SpanMetricsConfiguration: Hashable, Sendable {
    /// A further label: the first of span attribute, resource attribute and `default` that exists.
    package struct Dimension: Hashable, Sendable {
        package var name: String
        package var `default`: String?

        package init(name: String, default: String? = nil) {
            self.name = name
            self.default = `default`
        }
    }

    /// The labels that every series has unless `excludeDimensions` names them; raw values are the names used there.
    package enum FixedDimension: String, CaseIterable, Sendable {
        case serviceName = "service.name"
        case spanName = "span.name"
        case spanKind = "span.kind"
        case statusCode = "status.code"
    }

    /// The unit of the duration histogram and of its bounds.
    package enum Unit: String, Sendable {
        case milliseconds = "ms"
        case seconds = "s"

        var nanoseconds: Double { self == .milliseconds ? 1e6 : 1e9 }
    }

    package var namespace = "traces.span.metrics"
    package var dimensions: [Dimension] = []
    package var excludeDimensions: Set<FixedDimension> = []
    package var isHistogramEnabled = true
    package var unit = Unit.milliseconds
    /// Upper bounds of the buckets in nanoseconds, ascending.
    package var bucketBoundsNanoseconds = Self.defaultBucketBoundsNanoseconds
    /// Series of one tenant. A span that would make a further one is counted in the series whose only label is
    /// `otel_metric_overflow="true"`; 0 means no limit. The connector has none by default; here a scrape of the
    /// default's 20,000 series is about 40 MB of text already, more than Prometheus takes well.
    package var aggregationCardinalityLimit = 20_000
    /// Keeps the last span of each bucket, shown in OpenMetrics.
    package var areExemplarsEnabled = false

    package init() {}

    package static let defaultBucketBoundsNanoseconds: [UInt64] = [
        2_000_000, 4_000_000, 6_000_000, 8_000_000, 10_000_000, 50_000_000, 100_000_000, 200_000_000, 400_000_000,
        800_000_000, 1_000_000_000, 1_400_000_000, 2_000_000_000, 5_000_000_000, 10_000_000_000, 15_000_000_000,
    ]

    /// Buckets of a histogram; more would make every scrape many times its useful size.
    package static let bucketsMax = 200

    package func validate() throws(SpanMetricsConfigurationError) {
        guard aggregationCardinalityLimit >= 0 else { throw .negativeCardinalityLimit(aggregationCardinalityLimit) }
        guard bucketBoundsNanoseconds.count <= Self.bucketsMax else {
            throw .tooManyBuckets(bucketBoundsNanoseconds.count)
        }
        for (a, b) in zip(bucketBoundsNanoseconds, bucketBoundsNanoseconds.dropFirst()) where a >= b {
            throw .bucketsNotAscending
        }
        var taken: Set = ["le", "otel_metric_overflow"]
        for fixed in FixedDimension.allCases where !excludeDimensions.contains(fixed) {
            taken.insert(PrometheusName.label(fixed.rawValue))
        }
        for dimension in dimensions {
            guard !dimension.name.isEmpty, taken.insert(PrometheusName.label(dimension.name)).inserted else {
                throw .duplicateDimension(dimension.name)
            }
        }
    }

    /// What has to be equal for series of a checkpoint to be continued.
    var fingerprint: String {
        let fixed = FixedDimension.allCases.filter { !excludeDimensions.contains($0) }.map(\.rawValue)
        let parts = [fixed, dimensions.map(\.name), bucketBoundsNanoseconds.map(String.init)]
        return parts.map { $0.map(\.debugDescription).joined(separator: ",") }.joined(separator: ";") + unit.rawValue
    }

    /// A metric's name in OpenTelemetry.
    func metricName(_ suffix: String) -> String { namespace.isEmpty ? suffix : namespace + "." + suffix }
}

/// Why a configuration makes no sense.
package enum SpanMetricsConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    case duplicateDimension(String)
    case bucketsNotAscending
    case tooManyBuckets(Int)
    case negativeCardinalityLimit(Int)

    package var description: String {
        switch self {
        case .duplicateDimension(let name): "duplicate dimension name '\(name)', expected one that is no label yet"
        case .bucketsNotAscending: "histogram buckets are not ascending"
        case .tooManyBuckets(let count):
            "\(count) histogram buckets, expected at most \(SpanMetricsConfiguration.bucketsMax)"
        case .negativeCardinalityLimit(let limit):
            "aggregation_cardinality_limit \(limit), expected 0 (no limit) or more"
        }
    }
}
