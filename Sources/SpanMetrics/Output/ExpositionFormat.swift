/// A text format that Prometheus scrapes.
package enum ExpositionFormat: Hashable, Sendable {
    /// Prometheus text format 0.0.4.
    case prometheusText
    /// OpenMetrics 1.0, the one that carries exemplars.
    case openMetrics

    package var contentType: String {
        switch self {
        case .prometheusText: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format that an `Accept` header asks for: OpenMetrics where it is listed with a quality above 0 and not
    /// below that of plain text, the plain text format otherwise.
    package init(accept: String?) {
        var openMetrics = 0.0
        var text = 0.0
        for entry in (accept ?? "").split(separator: ",") {
            var parts = entry.split(separator: ";").map(Self.trimmed)
            guard !parts.isEmpty else { continue }
            let type = parts.removeFirst().lowercased()
            let quality = parts.lazy.compactMap(Self.quality).first ?? 1
            switch type {
            case "application/openmetrics-text":
                let version = parts.first { $0.hasPrefix("version=") }?.dropFirst("version=".count)
                if version == nil || version == "1.0.0" || version == "0.0.1" {
                    openMetrics = max(openMetrics, quality)
                }
            case "text/plain": text = max(text, quality)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .prometheusText
    }

    private static func quality(_ parameter: String) -> Double? {
        parameter.hasPrefix("q=") ? Double(parameter.dropFirst(2)) : nil
    }

    private static func trimmed(_ text: Substring) -> String {
        var rest = text
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return String(rest)
    }
}
