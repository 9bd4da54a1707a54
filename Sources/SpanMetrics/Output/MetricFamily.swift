package enum MetricType: String, Sendable {
    case counter, gauge, histogram
}

/// A metric: what its samples have in common.
package struct MetricFamily: Sendable {
    /// As OpenTelemetry spells it, such as `traces.span.metrics.duration`.
    package let name: String
    /// In UCUM, such as `ms`, `s`, `By` or `{token}`; empty where there is none.
    package let unit: String
    package let type: MetricType
    package let help: String
    /// The instrumentation scope of OTLP.
    package let scope: String
    /// What the labels of the samples are called in OpenTelemetry.
    package let keys: MetricLabelKeys
    /// The name without the `_total` of counters.
    package let prometheusName: String
    /// The unit's word, where ``prometheusName`` ends in it.
    package let prometheusUnit: String?
    /// Whether samples of a counter have `_total` at the end of their names, as everybody but Jaeger expects.
    package let hasTotalSuffix: Bool

    /// A family whose name for Prometheus follows from `name`, `unit` and `type` by the rules of OpenTelemetry. Who has
    /// a Prometheus name already passes it and its unit's word: they stay as they are.
    package init(
        _ name: String, type: MetricType, help: String, unit: String? = nil, scope: String = MetricFamily.defaultScope,
        keys: MetricLabelKeys = .standard
    ) {
        self.name = name
        self.unit = unit ?? ""
        self.type = type
        self.help = help
        self.scope = scope
        self.keys = keys
        let word = PrometheusName.unit(self.unit, of: type)
        prometheusName = PrometheusName.family(name, unit: word, type: type)
        prometheusUnit = word
        hasTotalSuffix = type == .counter
    }

    /// A family of samples that are called `prometheusName` to the letter, but for the suffixes of histograms.
    package init(
        bare prometheusName: String, of name: String, type: MetricType, help: String, unit: String,
        scope: String = MetricFamily.defaultScope, keys: MetricLabelKeys = .standard
    ) {
        self.name = name
        self.unit = unit
        self.type = type
        self.help = help
        self.scope = scope
        self.keys = keys
        self.prometheusName = prometheusName
        prometheusUnit = nil
        hasTotalSuffix = false
    }

    package static let defaultScope = "skein"

    /// What samples of a counter or gauge are called in Prometheus.
    var sampleName: String { hasTotalSuffix ? prometheusName + "_total" : prometheusName }
}

/// From a label's name in Prometheus to the attribute's key in OpenTelemetry, where they differ.
package struct MetricLabelKeys: Sendable {
    private let keys: [String: String]

    private init(_ keys: [String: String]) { self.keys = keys }

    /// Those of the semantic conventions.
    package static let standard = MetricLabelKeys([:]).adding([
        "service.name", "span.name", "span.kind", "status.code", "otel.metric.overflow", "error.type",
        "gen_ai.agent.name", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
        "gen_ai.response.model", "gen_ai.response.finish_reason", "gen_ai.token.type", "gen_ai.tool.name",
        "span.instrumentation.scope.name", "span.instrumentation.scope.version",
    ])

    /// With the keys of further attributes, which win.
    package func adding(_ more: some Sequence<String>) -> MetricLabelKeys {
        var keys = keys
        for key in more { keys[PrometheusName.label(key)] = key }
        return MetricLabelKeys(keys)
    }

    package func key(of label: String) -> String { keys[label] ?? label }
}
