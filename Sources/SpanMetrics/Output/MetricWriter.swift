/// Takes the families and samples of what is derived from spans.
///
/// A snapshot walks its series once for any writer: family after family, each announced by ``begin(_:)`` and followed by
/// all its samples. What the walk is for, the text of a scrape or a message of OTLP or remote write, is the writer's
/// alone. Start times are unix nanoseconds and 0 where a series keeps none: the writer then takes that of everything
/// that is derived.
package protocol MetricWriter {
    /// Which names the walk shall give; a snapshot that has series in more than one naming writes those that are asked
    /// for.
    var naming: MetricNaming { get }

    /// Begins a family, whose samples follow.
    mutating func begin(_ family: MetricFamily)

    /// A sample of a counter or gauge.
    mutating func sample(_ labels: PrometheusLabels, _ value: Double, startTime: UInt64)

    /// A sample of a counter or gauge that counts whole things, with the last span that it counts.
    mutating func sample(
        _ labels: PrometheusLabels, _ value: UInt64, startTime: UInt64, exemplar: PrometheusExemplar?)

    /// A histogram.
    ///
    /// `counts` holds one number for each of `bounds` and a last one for what is above them, not cumulated;
    /// `exemplars` none at all or as many.
    mutating func histogram(
        _ labels: PrometheusLabels, bounds: PrometheusBounds, counts: ArraySlice<UInt64>, sum: Double,
        exemplars: ArraySlice<PrometheusExemplar?>, startTime: UInt64)

    /// An exponential histogram. `ladder` is for writers that know fixed bounds only; `exemplars` are any number.
    mutating func histogram(
        _ labels: PrometheusLabels, _ histogram: ExponentialHistogram, ladder: ExponentialLadder,
        exemplars: ArraySlice<PrometheusExemplar?>, startTime: UInt64)
}

/// The names of a writer's families.
package enum MetricNaming: Sendable {
    /// Prometheus's: those of every naming profile that is on.
    case prometheus
    /// OpenTelemetry's alone.
    case openTelemetry
}

extension MetricWriter {
    /// Begins a family with the name and unit that OpenTelemetry gives it.
    package mutating func family(_ name: String, type: MetricType, help: String, unit: String? = nil) {
        begin(MetricFamily(name, type: type, help: help, unit: unit))
    }

    package mutating func sample(_ labels: PrometheusLabels = .none, _ value: Double) {
        sample(labels, value, startTime: 0)
    }

    package mutating func sample(_ labels: PrometheusLabels = .none, _ value: UInt64) {
        sample(labels, value, startTime: 0, exemplar: nil)
    }

    package mutating func histogram(
        _ labels: PrometheusLabels = .none, bounds: PrometheusBounds, counts: [UInt64], sum: Double,
        exemplars: [PrometheusExemplar?] = []
    ) {
        histogram(labels, bounds: bounds, counts: counts[...], sum: sum, exemplars: exemplars[...], startTime: 0)
    }
}
