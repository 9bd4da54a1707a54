import OTLP

/// Values as the text of OTLP JSON, for queries that compare or show a map or an array as one text.
package enum JSONText {
    /// The `AnyValue` object, such as `{"kvlistValue":{"values":[…]}}`.
    package static func write(_ value: AnyValue) -> String {
        var text = ""
        append(value, to: &text)
        return text
    }

    private static func append(_ value: AnyValue, to text: inout String) {
        switch value {
        case .empty: text += "{}"
        case .string(let string):
            text += "{\"stringValue\":"
            append(string, to: &text)
            text += "}"
        case .bool(let flag): text += "{\"boolValue\":\(flag)}"
        case .int(let number): text += "{\"intValue\":\"\(number)\"}"
        case .double(let number): text += "{\"doubleValue\":\(double(number))}"
        case .bytes(let bytes): text += "{\"bytesValue\":\"\(base64(bytes))\"}"
        case .array(let elements):
            text += "{\"arrayValue\":{\"values\":["
            join(elements, &text) { append($0, to: &$1) }
            text += "]}}"
        case .keyValueList(let pairs):
            text += "{\"kvlistValue\":{\"values\":["
            join(pairs, &text) { pair, text in
                text += "{\"key\":"
                append(pair.key, to: &text)
                text += ",\"value\":"
                append(pair.value, to: &text)
                text += "}"
            }
            text += "]}}"
        }
    }

    private static func join<Element>(
        _ elements: [Element], _ text: inout String, _ body: (Element, inout String) -> Void
    ) {
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            body(element, &text)
        }
    }

    /// Numbers that JSON cannot write stand as protobuf's names for them.
    private static func double(_ number: Double) -> String {
        if number.isNaN { return "\"NaN\"" }
        if number.isInfinite { return number > 0 ? "\"Infinity\"" : "\"-Infinity\"" }
        return "\(number)"
    }

    private static func append(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..."\u{1F}":
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private static let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func base64(_ bytes: [UInt8]) -> String {
        var digits: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let word =
                UInt32(bytes[index]) << 16 | (left > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[index + 2]) : 0)
            for place in 0..<4 {
                let isPadding = place > left
                digits.append(isPadding ? UInt8(ascii: "=") : base64Digits[Int(word >> (18 - 6 * UInt32(place)) & 63)])
            }
            index += 3
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
