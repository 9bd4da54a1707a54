import OTLP

/// Percent encoding as the `baggage` header and the `OTEL_*` lists use it.
package enum PercentEncoding {
    /// The text that `encoded` stands for; nil when an escape is incomplete. Bytes that are no UTF-8 become U+FFFD.
    package static func decode(_ encoded: some StringProtocol) -> String? {
        guard encoded.utf8.contains(UInt8(ascii: "%")) else { return String(encoded) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.utf8.count)
        var rest = encoded.utf8.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends `text` to `output` with everything escaped that is no baggage octet, and `%` itself.
    package static func encode(_ text: String, into output: inout String) {
        if text.utf8.allSatisfy({ isBaggageOctet($0) && $0 != UInt8(ascii: "%") }) {
            output += text
            return
        }
        for byte in text.utf8 {
            if isBaggageOctet(byte), byte != UInt8(ascii: "%") {
                output.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                output.unicodeScalars.append("%")
                let digits = String(byte, radix: 16, uppercase: true)
                output += digits.utf8.count == 1 ? "0\(digits)" : digits
            }
        }
    }

    /// Printable ASCII without space, double quote, comma, semicolon and backslash (W3C Baggage).
    package static func isBaggageOctet(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21, 0x23...0x2B, 0x2D...0x3A, 0x3C...0x5B, 0x5D...0x7E: true
        default: false
        }
    }

    /// A character of an HTTP token, which names of baggage entries are made of.
    package static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
