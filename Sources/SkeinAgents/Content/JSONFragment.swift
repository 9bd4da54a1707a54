import OTLP

extension JSONWriter {
    /// Writes `text` as the JSON it is, or as a string when it is none.
    mutating func json(_ text: String) {
        let bytes = Array(text.utf8)
        if JSONReader.isDocument(bytes) { raw(bytes) } else { string(text) }
    }

    /// The text written so far.
    mutating func takeText() -> String { String(decoding: takeBytes(), as: UTF8.self) }
}

extension JSONReader {
    /// Whether the bytes are one JSON value and nothing else.
    static func isDocument(_ bytes: [UInt8]) -> Bool {
        var reader = JSONReader(bytes)
        do {
            try reader.skipValue()
            try reader.finish()
            return true
        } catch {
            return false
        }
    }
}
