import OTLP

/// Reading what is of interest and passing over everything else, also what has another type than expected.
extension JSONReader {
    /// Calls `body` before the value of each member, which it must read; passes over what is no object.
    mutating func members(
        _ body: (inout JSONReader, Text) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard try kind() == .object else { return try skipValue() }
        try enterObject()
        while let key = try nextMember() { try body(&self, key) }
    }

    /// Calls `body` before each element, which it must read; passes over what is no array.
    mutating func elements(
        _ body: (inout JSONReader, Int) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard try kind() == .array else { return try skipValue() }
        try enterArray()
        var index = 0
        while try nextElement() {
            try body(&self, index)
            index += 1
        }
    }

    /// Bytes of a text that is kept: ids, models, reasons and messages of errors.
    private static let textBytesMax = 1_024

    /// A text, cut at 1,024 bytes; nil for a value of another type or an empty text.
    mutating func optionalText() throws(JSONError) -> String? {
        guard try kind() == .string else {
            try skipValue()
            return nil
        }
        let bytes = try unescaped(try string())
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self).prefix(bytes: Self.textBytesMax)
    }

    /// A text or a number as text; nil for a value of another type.
    mutating func optionalCode() throws(JSONError) -> String? {
        guard try kind() == .number else { return try optionalText() }
        return String(decoding: bytes[try number()].prefix(64), as: UTF8.self)
    }

    /// A count of 0 or more; nil for anything else.
    mutating func optionalCount() throws(JSONError) -> Int? {
        guard try kind() == .number else {
            try skipValue()
            return nil
        }
        // A number of more digits is no count of tokens.
        let digits = String(decoding: bytes[try number()].prefix(32), as: UTF8.self)
        guard let count = Int(digits) ?? Double(digits).flatMap({ Int(exactly: $0) }), count >= 0 else { return nil }
        return count
    }
}
