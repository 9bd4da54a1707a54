/// What RED metrics count by, with the keys and defaults of the OpenTelemetry Collector's spanmetrics connector.
///
/// Unlike there, series are not kept apart by all that a resource says: spans of all instances of a service that agree
/// in every label are one series, and there is neither `job`, `instance` nor `target_info` of them. An instance id is new
/// with each start of a process, so series by instance would grow for ever; who wants them says so by `resourceKeys`.
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
    /// Under which names Prometheus sees the metrics, each of them once.
    package var namingProfiles: [NamingProfile] = [.otel]
    package var dimensions: [Dimension] = []
    /// Further labels of calls, of durations and of events alone.
    package var callsDimensions: [Dimension] = []
    package var histogramDimensions: [Dimension] = []
    package var eventDimensions: [Dimension] = []
    package var areEventsEnabled = false
    /// Attributes of resources, apart from `service.name`, by which series are kept apart, each a label of all metrics.
    package var resourceKeys: [String] = []
    /// Instrumentation scopes whose spans have their name and version as labels.
    package var instrumentationScopes: [String] = []
    package var excludeDimensions: Set<FixedDimension> = []
    package var isHistogramEnabled = true
    package var unit = Unit.milliseconds
    /// Upper bounds of the buckets in nanoseconds, ascending.
    package var bucketBoundsNanoseconds = Self.defaultBucketBoundsNanoseconds
    /// Buckets that an exponential histogram may have, which there is in the place of one with bounds then.
    package var exponentialBucketsMax: Int?
    /// Series of one tenant. A span that would make a further one is counted in the series whose only label is
    /// `otel_metric_overflow="true"`; 0 means no limit. The connector has none by default; here a scrape of the
    /// default's 20,000 series is about 40 MB of text already, more than Prometheus takes well.
    package var aggregationCardinalityLimit = 20_000
    /// Keeps the last span of each bucket, shown in OpenMetrics.
    package var areExemplarsEnabled = false
    /// Exemplars that a data point of OTLP has, and those of an exponential histogram at all.
    package var exemplarsPerPointMax = 5
    /// A series that got no span for so long, by the time at which spans are received, is gone; 0 keeps all.
    package var expirationNanoseconds: UInt64 = 0
    /// Time from push to push, where metrics are pushed; it has no effect on a scrape.
    package var flushIntervalNanoseconds: UInt64 = 60_000_000_000

    package init() {}

    package static let defaultBucketBoundsNanoseconds: [UInt64] = [
        2_000_000, 4_000_000, 6_000_000, 8_000_000, 10_000_000, 50_000_000, 100_000_000, 200_000_000, 400_000_000,
        800_000_000, 1_000_000_000, 1_400_000_000, 2_000_000_000, 5_000_000_000, 10_000_000_000, 15_000_000_000,
    ]

    /// Buckets of a histogram; more would make every scrape many times its useful size.
    package static let bucketsMax = 200
    /// The connector's default.
    package static let defaultExponentialBucketsMax = 160
    /// 16 KB a series when all are in use.
    package static let exponentialBucketsMaxLimit = 2_000
    package static let exemplarsPerPointLimit = 100

    package func validate() throws(SpanMetricsConfigurationError) {
        guard aggregationCardinalityLimit >= 0 else { throw .negativeCardinalityLimit(aggregationCardinalityLimit) }
        guard bucketBoundsNanoseconds.count <= Self.bucketsMax else {
            throw .tooManyBuckets(bucketBoundsNanoseconds.count, key: Self.bucketsKey)
        }
        for (a, b) in zip(bucketBoundsNanoseconds, bucketBoundsNanoseconds.dropFirst()) where a >= b {
            throw .bucketsNotAscending(key: Self.bucketsKey)
        }
        try validateDimensions()
        if areEventsEnabled, eventDimensions.isEmpty { throw .eventsWithoutDimensions }
        if !areEventsEnabled, !eventDimensions.isEmpty { throw .dimensionsWithoutEvents }
        try validateNames()
    }

    static let bucketsKey = "histogram.explicit.buckets"

    /// Dimensions of all metrics and those of one are labels of the same series.
    private func validateDimensions() throws(SpanMetricsConfigurationError) {
        var taken: Set = ["le", "otel_metric_overflow"]
        for fixed in FixedDimension.allCases where !excludeDimensions.contains(fixed) {
            taken.insert(PrometheusName.label(fixed.rawValue))
        }
        if !instrumentationScopes.isEmpty { taken.formUnion(SeriesSchema.scopeLabels) }
        // What the service is called there.
        if namingProfiles.contains(.tempo) { taken.insert("service") }
        try Self.add(resourceKeys.map { Dimension(name: $0) }, key: "resource_metrics_key_attributes", to: &taken)
        try Self.add(dimensions, key: "dimensions", to: &taken)
        for (key, further) in [
            ("calls_dimensions", callsDimensions), ("histogram.dimensions", histogramDimensions),
            ("events.dimensions", eventDimensions),
        ] {
            var all = taken
            try Self.add(further, key: key, to: &all)
        }
    }

    private static func add(
        _ dimensions: [Dimension], key: String, to taken: inout Set<String>
    ) throws(SpanMetricsConfigurationError) {
        for dimension in dimensions {
            let label = PrometheusName.label(dimension.name)
            if dimension.name.isEmpty { throw .emptyDimension(key: key) }
            if label.hasPrefix("__") { throw .reservedLabel(dimension.name, key: key) }
            guard taken.insert(label).inserted else { throw .duplicateDimension(dimension.name, key: key) }
        }
    }

    /// No two metrics have one name.
    private func validateNames() throws(SpanMetricsConfigurationError) {
        guard !namingProfiles.isEmpty else { throw .noNamingProfile }
        let own = PrometheusName.label(namespace) + "_"
        for taken in ["gen_ai_", "traces_service_graph_"] where !namespace.isEmpty && own.hasPrefix(taken) {
            throw .takenNamespace(namespace)
        }
        var profileOfName: [String: NamingProfile] = [:]
        for profile in namingProfiles {
            for family in families(of: profile).all {
                let name = family.prometheusName + (family.hasTotalSuffix ? "_total" : "")
                if let other = profileOfName.updateValue(profile, forKey: name) {
                    throw .sameNames(other, profile, name)
                }
            }
        }
    }

    /// What has to be equal for series of a checkpoint to be continued.
    var fingerprint: String {
        let fixed = FixedDimension.allCases.filter { !excludeDimensions.contains($0) }.map(\.rawValue)
        var parts = [fixed, dimensions.map(\.name), bucketBoundsNanoseconds.map(String.init)]
        if let exponentialBucketsMax { parts[2] = ["exponential", String(exponentialBucketsMax)] }
        var further: [[String]] = []
        if areDurationsApart || !callsDimensions.isEmpty {
            further += [["calls"] + callsDimensions.map(\.name), ["histogram"] + histogramDimensions.map(\.name)]
        }
        if areEventsEnabled { further.append(["events"] + eventDimensions.map(\.name)) }
        if !instrumentationScopes.isEmpty { further.append(["scopes"] + instrumentationScopes) }
        if !isHistogramEnabled { further.append(["no histogram"]) }
        if !resourceKeys.isEmpty { further.append(["resource"] + resourceKeys) }
        func text(_ parts: [[String]]) -> String {
            parts.map { $0.map(\.debugDescription).joined(separator: ",") }.joined(separator: ";")
        }
        return text(parts) + unit.rawValue + text(further)
    }

    /// Whether durations and calls have different labels.
    var areDurationsApart: Bool {
        isHistogramEnabled && !(callsDimensions.isEmpty && histogramDimensions.isEmpty)
    }

    var histogramShape: REDShape.Histogram {
        if let exponentialBucketsMax { return .exponential(bucketsMax: exponentialBucketsMax, unit: unit.nanoseconds) }
        return .explicit(bucketBoundsNanoseconds)
    }
}

/// Why a configuration makes no sense.
package enum SpanMetricsConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    case emptyDimension(key: String)
    case duplicateDimension(String, key: String)
    case reservedLabel(String, key: String)
    case takenNamespace(String)
    case bucketsNotAscending(key: String)
    case tooManyBuckets(Int, key: String)
    case negativeCardinalityLimit(Int)
    case noNamingProfile
    case sameNames(NamingProfile, NamingProfile, String)
    case eventsWithoutDimensions
    case dimensionsWithoutEvents

    /// Where in the connector's part of the configuration it stands, such as `histogram.explicit.buckets`.
    package var key: String {
        switch self {
        case .emptyDimension(let key), .duplicateDimension(_, let key), .reservedLabel(_, let key),
            .bucketsNotAscending(let key), .tooManyBuckets(_, let key):
            key
        case .takenNamespace: "namespace"
        case .negativeCardinalityLimit: "aggregation_cardinality_limit"
        case .noNamingProfile, .sameNames: "naming_profiles"
        case .eventsWithoutDimensions, .dimensionsWithoutEvents: "events.dimensions"
        }
    }

    package var description: String {
        switch self {
        case .emptyDimension: "an attribute's key is empty, expected one such as http.route"
        case .duplicateDimension(let name, _): "'\(name)' is a label already, expected one that is none yet"
        case .reservedLabel(let name, _):
            "'\(name)' would be a label that begins with '__', which Prometheus keeps for itself, "
                + "expected another attribute"
        case .takenNamespace(let name):
            "'\(name)' is that of other metrics of 8889, expected one that does not begin with gen_ai "
                + "or traces.service.graph"
        case .bucketsNotAscending: "bounds are not ascending, expected each larger than the one before"
        case .tooManyBuckets(let count, _):
            "\(count) bounds, expected at most \(SpanMetricsConfiguration.bucketsMax)"
        case .negativeCardinalityLimit(let limit): "\(limit) is not valid, expected 0 (no limit) or more"
        case .noNamingProfile: "the list is empty, expected at least one of \(Self.profiles)"
        case .sameNames(let first, let second, let name) where first == second:
            "profile \(first.rawValue) gives the name '\(name)' twice, expected each profile once"
        case .sameNames(let first, let second, let name):
            "profiles \(first.rawValue) and \(second.rawValue) both give the name '\(name)', "
                + "expected one of them or another namespace"
        case .eventsWithoutDimensions: "the list is empty while events.enabled is true, expected at least one"
        case .dimensionsWithoutEvents: "has no effect without events, expected events.enabled: true beside it"
        }
    }

    private static let profiles = NamingProfile.allCases.map(\.rawValue).joined(separator: ", ")
}
