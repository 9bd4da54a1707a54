import Logging
import OTLP

/// The attributes of a log record as OTLP fields.
struct LogAttributes: ~Copyable {
    /// `LogRecord.attributes`.
    private static let tag: UInt8 = 6 << 3 | 2
    /// Lists and dictionaries within each other that are kept as such; deeper ones become text. 8: the collector takes
    /// as many, and metadata of people has two or three.
    private static let depthMax = 8

    private(set) var buffer = SpanBuffer()
    private(set) var dropped: UInt32 = 0
    private var count = 0
    private let countMax: Int
    /// Unicode scalars of a text.
    private let valueLengthMax: Int

    init(countMax: Int, valueLengthMax: Int?) {
        self.countMax = countMax
        self.valueLengthMax = valueLengthMax ?? .max
    }

    /// Adds an attribute; one without a key or past the limit is dropped and counted. The caller sees to it that keys
    /// are distinct.
    mutating func add(_ key: String, _ value: Logger.MetadataValue) {
        switch value {
        case .string(let text): add(key, text)
        case .stringConvertible(let value): add(key, String(describing: value))
        case .array, .dictionary: addNested(key, value)
        }
    }

    /// Adds a text, within the length that the limits allow.
    mutating func add(_ key: String, _ text: String) {
        withUTF8(cut(text)) { add(key, WireString(bytes: $0)) }
    }

    mutating func add(_ key: String, _ value: some WireValue) {
        guard admit(key) else { return }
        let valueSize = value.size
        let pairSize = fieldSize(key.utf8.count) + fieldSize(valueSize)
        buffer.append(fieldSize(pairSize)) { cursor in
            cursor.byte(Self.tag)
            cursor.varint(UInt64(pairSize))
            cursor.text(tag: 0x0A, key)
            cursor.byte(0x12)
            cursor.varint(UInt64(valueSize))
            value.write(to: &cursor)
        }
    }

    private mutating func addNested(_ key: String, _ value: Logger.MetadataValue) {
        guard admit(key) else { return }
        var writer = WireWriter(reservingCapacity: 256)
        writer.message(UInt32(Self.tag >> 3)) { pair in
            pair.string(1, key)
            pair.message(2) { write(value, depth: 1, to: &$0) }
        }
        writer.bytes.withUnsafeBytes { buffer.append($0) }
    }

    /// Writes the content of an `AnyValue`.
    private func write(_ value: Logger.MetadataValue, depth: Int, to writer: inout WireWriter) {
        switch value {
        case .string(let text): writer.string(1, cut(text))
        case .stringConvertible(let value): writer.string(1, cut(String(describing: value)))
        case .array where depth > Self.depthMax, .dictionary where depth > Self.depthMax:
            writer.string(1, cut("\(value)"))
        case .array(let elements):
            writer.message(5) { list in
                for element in elements { list.message(1) { write(element, depth: depth + 1, to: &$0) } }
            }
        case .dictionary(let entries):
            writer.message(6) { list in
                for (key, value) in entries {
                    list.message(1) { pair in
                        pair.string(1, key)
                        pair.message(2) { write(value, depth: depth + 1, to: &$0) }
                    }
                }
            }
        }
    }

    private mutating func admit(_ key: String) -> Bool {
        guard !key.isEmpty, count < countMax else {
            dropped &+= 1
            return false
        }
        count += 1
        return true
    }

    private func cut(_ text: String) -> String {
        text.utf8.count <= valueLengthMax ? text : SpanLimits.cut(text, valueLengthMax)
    }
}
