import OTLP

/// An attribute's value as the text of a label: strings as they are, anything nested as JSON.
enum AttributeText {
    static func text(_ value: AnyValue) -> String {
        switch value {
        case .empty: ""
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .double(let number): number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : "\(number)"
        case .bytes(let bytes): hex(bytes)
        case .array, .keyValueList: json(value)
        }
    }

    private static func json(_ value: AnyValue) -> String {
        switch value {
        case .empty: "null"
        case .string(let text): quoted(text)
        case .bytes(let bytes): quoted(hex(bytes))
        case .bool, .int, .double: text(value)
        case .array(let elements): "[" + elements.map(json).joined(separator: ",") + "]"
        case .keyValueList(let pairs):
            "{" + pairs.map { quoted($0.key) + ":" + json($0.value) }.joined(separator: ",") + "}"
        }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.flatMap { [hexDigit($0 >> 4), hexDigit($0 & 0xF)] }, as: UTF8.self)
    }

    private static func quoted(_ text: String) -> String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: result += Array("\\u00".utf8) + [hexDigit(byte >> 4), hexDigit(byte & 0xF)]
            default: result.append(byte)
            }
        }
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }
}
