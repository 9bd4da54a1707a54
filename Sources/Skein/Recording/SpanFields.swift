import OTLP
import Tracing

/// The attributes, events and links of a span as OTLP fields, in the order in which they were recorded.
struct SpanFields: ~Copyable {
    /// Tags of `opentelemetry.proto.trace.v1.Span`: field number and wire type in one byte.
    enum Tag {
        static let attribute: UInt8 = 9 << 3 | 2
        static let event: UInt8 = 11 << 3 | 2
        static let link: UInt8 = 13 << 3 | 2
    }

    private(set) var buffer = SpanBuffer()
    private let attributeCountMax: Int
    /// Unicode scalars of a text.
    private let valueLengthMax: Int
    private(set) var attributeCount = 0
    private(set) var droppedAttributes: UInt32 = 0
    private(set) var droppedEvents: UInt32 = 0
    private(set) var droppedLinks: UInt32 = 0
    private var eventCount = 0
    private var linkCount = 0
    /// One bit for each key seen, by a hash: where the bit is clear the key is new, and no search is needed.
    private var seenKeys: UInt64 = 0

    /// Fields with room for nothing.
    init() {
        attributeCountMax = 0
        valueLengthMax = 0
    }

    init(_ limits: SpanLimits) {
        attributeCountMax = limits.attributeCountMax
        valueLengthMax = limits.attributeValueLengthMax ?? .max
    }

    // MARK: attributes

    /// Sets an attribute. A key that is there already gets the new value; a new key past the limit is dropped.
    @inline(__always)
    mutating func set(_ key: UnsafeRawBufferPointer, _ value: some WireValue) {
        guard !key.isEmpty else {
            droppedAttributes &+= 1
            return
        }
        let bit = Self.bit(of: key)
        if seenKeys & bit != 0 { remove(key) }
        guard attributeCount < attributeCountMax else {
            droppedAttributes &+= 1
            return
        }
        seenKeys |= bit
        attributeCount += 1
        let valueSize = value.size
        let pairSize = fieldSize(key.count) + fieldSize(valueSize)
        buffer.append(fieldSize(pairSize)) { cursor in
            cursor.byte(Tag.attribute)
            cursor.varint(UInt64(pairSize))
            cursor.bytes(tag: 0x0A, key)
            cursor.byte(0x12)
            cursor.varint(UInt64(valueSize))
            value.write(to: &cursor)
        }
    }

    /// Sets an attribute that came through swift-distributed-tracing's dictionary.
    mutating func set(_ key: String, _ value: SpanAttribute) {
        withUTF8(key) { key in
            switch value {
            case .string(let text): setString(key, text)
            case .int64(let number): set(key, WireInt(value: number))
            case .int32(let number): set(key, WireInt(value: Int64(number)))
            case .double(let number): set(key, WireDouble(value: number))
            case .bool(let flag): set(key, WireBool(value: flag))
            case .stringArray(let texts): set(key, WireList(elements: .strings(cut(texts))))
            case .int64Array(let numbers): set(key, WireList(elements: .ints(numbers)))
            case .int32Array(let numbers): set(key, WireList(elements: .ints(numbers.map(Int64.init))))
            case .doubleArray(let numbers): set(key, WireList(elements: .doubles(numbers)))
            case .boolArray(let flags): set(key, WireList(elements: .bools(flags)))
            case .stringConvertible(let value): setString(key, String(describing: value))
            case .stringConvertibleArray(let values):
                let texts = values.map { String(describing: $0) }
                set(key, WireList(elements: .strings(cut(texts))))
            default: droppedAttributes &+= 1
            }
        }
    }

    @inline(__always)
    mutating func setString(_ key: UnsafeRawBufferPointer, _ text: String) {
        withUTF8(cut(text)) { set(key, WireString(bytes: $0)) }
    }

    /// `text` within the length that the limits allow.
    @inline(__always)
    private func cut(_ text: String) -> String {
        text.utf8.count <= valueLengthMax ? text : SpanLimits.cut(text, valueLengthMax)
    }

    func cut(_ texts: [String]) -> [String] {
        valueLengthMax == .max ? texts : texts.map { cut($0) }
    }

    /// Takes an attribute out; does nothing when it is not there.
    mutating func remove(_ key: UnsafeRawBufferPointer) {
        guard let range = Self.find(key, in: buffer.bytes) else { return }
        buffer.remove(range)
        attributeCount -= 1
    }

    /// The attributes as swift-distributed-tracing stores them. Decodes them all: for tests and rare readers.
    var attributes: SpanAttributes {
        var result = SpanAttributes()
        for field in ProtobufFields(Array(buffer.bytes)) where field.number == 9 {
            guard let (key, value) = AttributeValue.pair(field.content) else { continue }
            result.set(key, value: value.spanAttribute)
        }
        return result
    }

    /// Whether anything went over a limit.
    var hasDropped: Bool { droppedAttributes | droppedEvents | droppedLinks != 0 }

    // MARK: events and links

    mutating func addEvent(_ event: SpanEvent, _ limits: SpanLimits) {
        guard eventCount < limits.eventCountMax else {
            droppedEvents &+= 1
            return
        }
        eventCount += 1
        var writer = WireWriter(reservingCapacity: 128)
        writer.fixed64(1, event.nanosecondsSinceEpoch)
        writer.string(2, event.name)
        let dropped = writer.attributes(3, event.attributes, limits, countMax: limits.attributesPerEventMax)
        if dropped > 0 { writer.varint(4, UInt64(dropped)) }
        append(Tag.event, writer)
    }

    mutating func addLink(_ link: SpanContext, _ attributes: SpanAttributes, _ limits: SpanLimits) {
        guard linkCount < limits.linkCountMax else {
            droppedLinks &+= 1
            return
        }
        linkCount += 1
        var writer = WireWriter(reservingCapacity: 64)
        writer.traceID(1, link.traceID)
        writer.spanID(2, link.spanID)
        if !link.traceState.isEmpty { writer.string(3, link.traceState.header) }
        let dropped = writer.attributes(4, attributes, limits, countMax: limits.attributesPerLinkMax)
        if dropped > 0 { writer.varint(5, UInt64(dropped)) }
        writer.fixed32(6, SpanFlags.wire(link.flags, isRemote: link.isRemote))
        append(Tag.link, writer)
    }

    private mutating func append(_ tag: UInt8, _ message: WireWriter) {
        message.bytes.withUnsafeBytes { bytes in
            buffer.append(fieldSize(bytes.count)) { $0.bytes(tag: tag, bytes) }
        }
    }

    // MARK: looking for a key

    @inline(__always)
    private static func bit(of key: UnsafeRawBufferPointer) -> UInt64 {
        let middle = UInt(key[key.count / 2]) &* 7
        let ends = UInt(key[0]) &* 3 &+ UInt(key[key.count - 1]) &* 31
        return 1 << UInt64((UInt(key.count) &* 13 &+ middle &+ ends) & 63)
    }

    /// Where the attribute with `key` stands, its tag included.
    private static func find(_ key: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) -> Range<Int>? {
        var index = 0
        while index < bytes.count {
            let start = index
            let tag = bytes[index]
            index += 1
            guard let length = readLength(bytes, &index) else { return nil }
            let end = index + length
            if tag == Tag.attribute {
                index += 1
                guard let keyLength = readLength(bytes, &index) else { return nil }
                if keyLength == key.count, bytes[index..<index + keyLength].elementsEqual(key) { return start..<end }
            }
            index = end
        }
        return nil
    }

    /// A length that is known to end within `bytes`, because we wrote it; nil where it does not.
    private static func readLength(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Int? {
        var value = 0
        var shift = 0
        while index < bytes.count, shift < 63 {
            let byte = bytes[index]
            index += 1
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value <= bytes.count - index ? value : nil }
            shift += 7
        }
        return nil
    }
}

/// The `flags` of an OTLP span or link.
enum SpanFlags {
    private static let isRemoteKnown: UInt32 = 0x100
    private static let isRemote: UInt32 = 0x200

    static func wire(_ flags: TraceFlags, isRemote: Bool) -> UInt32 {
        UInt32(flags.rawValue) | isRemoteKnown | (isRemote ? Self.isRemote : 0)
    }
}
