/// A set of names under which RED metrics are shown to Prometheus.
package enum NamingProfile: String, CaseIterable, Sendable {
    /// Those of the spanmetrics connector behind the OpenTelemetry Collector's Prometheus exporter.
    case otel
    /// Those that Jaeger's monitor tab asks for without `normalize_calls` and `normalize_duration`, its defaults: the
    /// same without unit and `_total`.
    case jaegerSPM = "jaeger-spm"
    /// Those of Tempo's metrics-generator, which Grafana's panels for Tempo ask for.
    case tempo
    /// Those that the connector gave before it had a namespace.
    case legacy
}

/// The metrics of one profile; nil for those that it has not.
struct REDFamilies {
    var calls: MetricFamily
    var durations: MetricFamily
    var events: MetricFamily?
    /// Bytes of spans.
    var size: MetricFamily?

    var all: [MetricFamily] { [calls, durations] + [events, size].compactMap(\.self) }
}

extension SpanMetricsConfiguration {
    private static let callsHelp = "Spans by operation and status."
    private static let durationsHelp = "Span durations by operation and status."

    func families(of profile: NamingProfile) -> REDFamilies {
        switch profile {
        case .otel: suffixedFamilies(namespace)
        case .legacy: suffixedFamilies("")
        case .jaegerSPM:
            REDFamilies(
                calls: bare("calls", ofOTel: "calls", .counter, Self.callsHelp),
                durations: bare("duration", ofOTel: "duration", .histogram, Self.durationsHelp, unit: unit.rawValue))
        case .tempo: tempoFamilies
        }
    }

    private func suffixedFamilies(_ namespace: String) -> REDFamilies {
        let calls = counter("calls", namespace, Self.callsHelp)
        return REDFamilies(
            calls: callsWithoutClash(calls),
            durations: MetricFamily(
                Self.name("duration", in: namespace), type: .histogram, help: Self.durationsHelp, unit: unit.rawValue,
                scope: Self.scope, keys: keys),
            events: areEventsEnabled ? counter("events", namespace, "Events of spans by operation and status.") : nil)
    }

    /// A counter `x_total` and a metric `x` are two families to the text format and one name to OpenMetrics. Where
    /// Jaeger's profile has `x`, the counter is declared under its full name, which OpenMetrics takes for no counter
    /// and shows all the same.
    private func callsWithoutClash(_ calls: MetricFamily) -> MetricFamily {
        guard namingProfiles.contains(.jaegerSPM), calls.prometheusName == prometheusName("calls") else { return calls }
        return MetricFamily(
            bare: calls.prometheusName + "_total", of: calls.name, type: .counter, help: calls.help, unit: "",
            scope: Self.scope, keys: keys)
    }

    private var tempoFamilies: REDFamilies {
        let prefix = "traces_spanmetrics_"
        return REDFamilies(
            calls: MetricFamily(
                prefix + "calls", type: .counter, help: Self.callsHelp, scope: Self.scope, keys: keys),
            durations: MetricFamily(
                bare: prefix + "latency", of: prefix + "latency", type: .histogram, help: Self.durationsHelp, unit: "s",
                scope: Self.scope, keys: keys),
            size: MetricFamily(
                prefix + "size", type: .counter, help: "Bytes of spans.", scope: Self.scope, keys: keys))
    }

    private func counter(_ suffix: String, _ namespace: String, _ help: String) -> MetricFamily {
        MetricFamily(Self.name(suffix, in: namespace), type: .counter, help: help, scope: Self.scope, keys: keys)
    }

    private func bare(
        _ suffix: String, ofOTel name: String, _ type: MetricType, _ help: String, unit: String = ""
    ) -> MetricFamily {
        MetricFamily(
            bare: prometheusName(suffix), of: Self.name(name, in: namespace), type: type, help: help, unit: unit,
            scope: Self.scope, keys: keys)
    }

    private func prometheusName(_ suffix: String) -> String {
        PrometheusName.metric(Self.name(suffix, in: namespace))
    }

    private static func name(_ suffix: String, in namespace: String) -> String {
        namespace.isEmpty ? suffix : namespace + "." + suffix
    }

    /// The name that the connector gives its instrumentation scope.
    private static let scope = "spanmetricsconnector"

    private var keys: MetricLabelKeys {
        MetricLabelKeys.standard.adding(
            resourceKeys + (dimensions + callsDimensions + histogramDimensions + eventDimensions).map(\.name))
    }
}
