/// Names as the OpenTelemetry Collector's Prometheus exporter translates them.
package enum PrometheusName {
    /// A metric name: every character but ASCII letters, digits and `:` becomes `_`, runs of them one, and a leading
    /// digit gets a `_` before it.
    package static func metric(_ name: String) -> String {
        var result: [UInt8] = []
        for byte in name.utf8 {
            if isWordByte(byte) || byte == UInt8(ascii: ":") {
                if result.isEmpty, isDigit(byte) { result.append(underscore) }
                result.append(byte)
            } else if result.last != underscore {
                result.append(underscore)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// A label name: every other character becomes `_`; a leading digit and a single leading `_` get `key` before
    /// them, so that no name of ours collides with Prometheus's own.
    package static func label(_ name: String) -> String {
        var text = String(name.unicodeScalars.map { $0.isASCII && isWordByte(UInt8($0.value)) ? Character($0) : "_" })
        if let first = text.utf8.first, isDigit(first) {
            text = "key_" + text
        } else if text.hasPrefix("_"), !text.hasPrefix("__") {
            text = "key" + text
        }
        return text
    }

    /// The word that a unit of UCUM adds to a name; nil for none, as for an annotation such as `{token}`.
    package static func unit(_ unit: String, of type: MetricType) -> String? {
        if unit == "1" { return type == .gauge ? "ratio" : nil }
        let parts = unit.split(separator: "/", maxSplits: 1).map { part in
            part.contains("{") ? "" : words[String(part)] ?? metric(String(part))
        }
        guard let first = parts.first else { return nil }
        guard parts.count == 2, !parts[1].isEmpty else { return first.isEmpty ? nil : first }
        let single = parts[1].hasSuffix("s") ? String(parts[1].dropLast()) : parts[1]
        return first.isEmpty ? "per_" + single : first + "_per_" + single
    }

    /// A family's name without the `_total` of counters. What the name ends in already is not added again.
    static func family(_ name: String, unit: String?, type: MetricType) -> String {
        var result = metric(name)
        if type == .counter, result.hasSuffix("_total") { result.removeLast("_total".count) }
        if let unit, result != unit, !result.hasSuffix("_" + unit) { result += "_" + unit }
        return result
    }

    private static let words = [
        "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
        "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
        "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
        "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius",
        "Hz": "hertz", "%": "percent",
    ]

    private static let underscore = UInt8(ascii: "_")

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    /// Letters and digits; `_` counts as a character to be collapsed in metric names and stays itself in labels.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
    }
}
