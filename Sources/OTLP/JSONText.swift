/// JSON's and OTLP's textual forms, appended to bytes.
extension [UInt8] {
    /// A JSON string with its quotes.
    mutating func appendJSONString(_ value: String) {
        var value = value
        value.withUTF8 { appendQuoted($0) { _ in } }
    }

    /// A JSON string with its quotes; what is no UTF-8 becomes U+FFFD.
    mutating func appendJSONString(utf8 value: ArraySlice<UInt8>) {
        let start = count
        var isUTF8 = true
        value.withUnsafeBufferPointer { buffer in
            appendQuoted(buffer) { index in
                let length = utf8SequenceLength(buffer, at: index)
                isUTF8 = isUTF8 && length > 0
                index += Swift.max(length, 1)
            }
        }
        if !isUTF8 {
            removeSubrange(start...)
            appendJSONString(String(decoding: value, as: UTF8.self))
        }
    }

    /// Copies runs of plain text and escapes what stands between them. `passNonASCII` gets the index of each byte of
    /// 0x80 and above and may move it past the rest of its sequence.
    @inline(__always)
    private mutating func appendQuoted(
        _ text: UnsafeBufferPointer<UInt8>, _ passNonASCII: (_ index: inout Int) -> Void
    ) {
        append(UInt8(ascii: "\""))
        var start = 0
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte >= 0x80 {
                let before = index
                passNonASCII(&index)
                if index == before { index += 1 }
            } else if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
                appendEscape(byte)
                index += 1
                start = index
            } else {
                index += 1
            }
        }
        append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<text.count]))
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(_ byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
        default:
            append(contentsOf: [UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")])
            append(hexDigit(byte >> 4))
            append(hexDigit(byte & 0xF))
        }
    }

    mutating func appendDecimal(_ value: UInt64) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digits))
        rest = value
        for index in stride(from: count - 1, through: count - digits, by: -1) {
            self[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    mutating func appendJSONNumber(_ value: Double) {
        guard value.isFinite else {
            return appendJSONString(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
        }
        var text = value.description
        text.withUTF8 { text in
            let hasFraction =
                !(text.count > 2 && text[text.count - 1] == UInt8(ascii: "0")
                && text[text.count - 2] == UInt8(ascii: "."))
            append(contentsOf: UnsafeBufferPointer(rebasing: text[..<(hasFraction ? text.count : text.count - 2)]))
        }
    }

    /// 16 lowercase hexadecimal digits.
    mutating func appendHex(_ value: UInt64) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            append(hexDigit(UInt8(truncatingIfNeeded: value >> shift) & 0xF))
        }
    }

    /// Base64 of the standard alphabet with padding.
    mutating func appendBase64(_ value: ArraySlice<UInt8>) {
        var index = value.startIndex
        while index < value.endIndex {
            let left = value.endIndex - index
            let group =
                UInt32(value[index]) << 16 | (left > 1 ? UInt32(value[index + 1]) << 8 : 0)
                | (left > 2 ? UInt32(value[index + 2]) : 0)
            append(base64Digit(group >> 18))
            append(base64Digit(group >> 12))
            append(left > 1 ? base64Digit(group >> 6) : UInt8(ascii: "="))
            append(left > 2 ? base64Digit(group) : UInt8(ascii: "="))
            index += Swift.min(3, left)
        }
    }
}

private func base64Digit(_ value: UInt32) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: value & 63)
    return switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
}

/// The value of a base64 digit of the standard or the URL alphabet; nil for any other byte.
func base64Value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
}

/// The bytes of the well-formed UTF-8 sequence of several bytes that begins at `index` (Unicode, table 3-7); 0 when
/// none does.
private func utf8SequenceLength(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
    func isContinuation(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
        index + offset < text.count && range.contains(text[index + offset])
    }
    switch text[index] {
    case 0xC2...0xDF: return isContinuation(1) ? 2 : 0
    case 0xE0: return isContinuation(1, 0xA0...0xBF) && isContinuation(2) ? 3 : 0
    case 0xED: return isContinuation(1, 0x80...0x9F) && isContinuation(2) ? 3 : 0
    case 0xE1...0xEF: return isContinuation(1) && isContinuation(2) ? 3 : 0
    case 0xF0: return isContinuation(1, 0x90...0xBF) && isContinuation(2) && isContinuation(3) ? 4 : 0
    case 0xF1...0xF3: return isContinuation(1) && isContinuation(2) && isContinuation(3) ? 4 : 0
    case 0xF4: return isContinuation(1, 0x80...0x8F) && isContinuation(2) && isContinuation(3) ? 4 : 0
    default: return 0
    }
}
