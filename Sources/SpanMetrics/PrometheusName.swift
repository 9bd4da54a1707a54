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

    private static let underscore = UInt8(ascii: "_")

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    /// Letters and digits; `_` counts as a character to be collapsed in metric names and stays itself in labels.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
    }
}
