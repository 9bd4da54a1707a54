extension JSONReader {
    /// Whether a string is exactly this text, which must be plain ASCII.
    package func equals(_ text: Text, _ word: StaticString) -> Bool {
        let literal = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard !text.hasEscapes else { return (try? unescaped(text))?.elementsEqual(literal) ?? false }
        return text.range.count == literal.count && bytes[text.range].elementsEqual(literal)
    }

    /// The bytes that a string stands for. Halves of surrogate pairs become U+FFFD.
    package func unescaped(_ text: Text) throws(JSONError) -> ArraySlice<UInt8> {
        guard text.hasEscapes else { return bytes[text.range] }
        var result: [UInt8] = []
        result.reserveCapacity(text.range.count)
        try unescape(text) { result.append(contentsOf: $0) }
        return result[...]
    }

    /// Checks the escapes of a string that nobody wants.
    func validate(_ text: Text) throws(JSONError) {
        if text.hasEscapes { try unescape(text) { _ in } }
    }

    private func unescape(_ text: Text, _ append: (ArraySlice<UInt8>) -> Void) throws(JSONError) {
        var index = text.range.lowerBound
        let end = text.range.upperBound
        while index < end {
            let run = bytes[index..<end].firstIndex(of: UInt8(ascii: "\\")) ?? end
            if run > index { append(bytes[index..<run]) }
            index = run
            if index < end { append(try escape(&index, end)) }
        }
    }

    /// Decodes the escape at `index` and moves behind it. The reader's string scan saw to it that a byte follows each
    /// backslash.
    private func escape(_ index: inout Int, _ end: Int) throws(JSONError) -> ArraySlice<UInt8> {
        let start = index
        guard index + 1 < end else { throw JSONError(offset: start, "unfinished escape") }
        let letter = bytes[index + 1]
        index += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            guard let unit = hexUnit(at: index, end) else {
                throw JSONError(offset: start, "expected \\u and 4 digits")
            }
            index += 4
            return try utf8(unit, &index, end)
        default: throw JSONError(offset: start, "unknown escape")
        }
    }

    private func utf8(_ unit: UInt16, _ index: inout Int, _ end: Int) throws(JSONError) -> ArraySlice<UInt8> {
        var scalar = UnicodeScalar(unit) ?? "\u{FFFD}"
        if UTF16.isLeadSurrogate(unit), index + 1 < end, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u"), let low = hexUnit(at: index + 2, end), UTF16.isTrailSurrogate(low)
        {
            index += 6
            let value = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00)
            scalar = UnicodeScalar(value) ?? "\u{FFFD}"
        }
        return Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)[...]
    }

    private func hexUnit(at index: Int, _ end: Int) -> UInt16? {
        guard end - index >= 4 else { return nil }
        var unit: UInt16 = 0
        for byte in bytes[index..<index + 4] {
            guard let digit = hexValue(byte) else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}
