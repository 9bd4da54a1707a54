/// Walks JSON along an ``OTLPSchema`` and writes protobuf as it goes.
struct OTLPJSONDecoder {
    private var reader: JSONReader
    private var writer: WireWriter
    private let schema = OTLPSchema.traces
    private let limits: SpanLimits
    /// Arrays and maps around the value being read.
    private var valueDepth = 0

    init(_ bytes: [UInt8], limits: SpanLimits) {
        reader = JSONReader(bytes)
        writer = WireWriter(reservingCapacity: bytes.count / 2)
        self.limits = limits
    }

    mutating func decode(_ message: OTLPSchema.Message) throws(JSONError) -> [UInt8] {
        if reader.isAtEnd { return [] }
        try content(of: message)
        try reader.finish()
        return writer.takeBytes()
    }

    private mutating func content(of message: OTLPSchema.Message) throws(JSONError) {
        try reader.enterObject()
        let fields = schema.messages[message.rawValue]
        var next = 0
        while let key = try reader.nextMember() {
            guard let index = position(of: key, in: fields, from: next) else {
                try reader.validate(key)
                try reader.skipValue()
                continue
            }
            next = index + 1
            do throws(JSONError) {
                try member(fields[index])
            } catch {
                throw error.inside(fields[index].name)
            }
        }
    }

    /// The field of this name. The search begins behind the last one found: members mostly come in order.
    private func position(of key: JSONReader.Text, in fields: [OTLPSchema.Field], from start: Int) -> Int? {
        for step in 0..<fields.count {
            let index = (start + step) % fields.count
            if reader.equals(key, fields[index].name) { return index }
        }
        return nil
    }

    private mutating func member(_ field: OTLPSchema.Field) throws(JSONError) {
        if try reader.takeNull() { return }
        guard field.isRepeated else { return try value(field) }
        try reader.enterArray()
        var index = 0
        while try reader.nextElement() {
            do throws(JSONError) {
                try element(field)
            } catch {
                throw error.inside(element: index)
            }
            index += 1
        }
    }

    /// `null` among the values of an array is an empty value, so that the others keep their places; in every other
    /// list it is nothing.
    private mutating func element(_ field: OTLPSchema.Field) throws(JSONError) {
        guard try reader.takeNull() else { return try value(field) }
        if case .message(.anyValue) = field.type { writer.endMessage(writer.beginMessage(field.number)) }
    }

    private mutating func value(_ field: OTLPSchema.Field) throws(JSONError) {
        let number = field.number
        switch field.type {
        case .string:
            let text = try reader.string()
            writer.bytes(number, try reader.unescaped(text))
        case .id: try id(number)
        case .bytes: try base64(number)
        case .bool: writer.varint(number, try reader.bool() ? 1 : 0)
        case .int32: writer.varint(number, UInt64(bitPattern: Int64(try int32())))
        case .uint32: writer.varint(number, UInt64(try uint32()))
        case .fixed32: writer.fixed32(number, try uint32())
        case .int64: writer.varint(number, UInt64(bitPattern: try integer("a 64-bit integer", JSONNumber.int64)))
        case .fixed64: writer.fixed64(number, try integer("an unsigned 64-bit integer", JSONNumber.uint64))
        case .double: writer.fixed64(number, try double().bitPattern)
        case .enumeration(let names): writer.varint(number, UInt64(bitPattern: Int64(try enumeration(names))))
        case .message(let message): try nested(number, message)
        }
    }

    /// An object as a message. Arrays and maps over the limit are written as one level too many without content,
    /// which is what the span is then rejected for.
    private mutating func nested(_ number: UInt32, _ message: OTLPSchema.Message) throws(JSONError) {
        let isContainer = message == .arrayValue || message == .keyValueList
        let start = writer.beginMessage(number)
        valueDepth += isContainer ? 1 : 0
        if valueDepth > limits.attributeDepthMax {
            try reader.skipValue()
        } else {
            try content(of: message)
        }
        valueDepth -= isContainer ? 1 : 0
        writer.endMessage(start)
    }

    // MARK: scalars

    /// The text of a number, bare or as a string.
    private mutating func numberText(_ expected: StaticString) throws(JSONError) -> ArraySlice<UInt8> {
        switch try reader.kind() {
        case .number: return reader.bytes[try reader.number()]
        case .string:
            let text = try reader.string()
            return try reader.unescaped(text)
        default: throw reader.failure("expected \(expected)")
        }
    }

    private mutating func integer<Value>(
        _ expected: StaticString, _ parse: (ArraySlice<UInt8>) -> Value?
    ) throws(JSONError) -> Value {
        let start = reader.offset
        guard let value = parse(try numberText(expected)) else {
            throw JSONError(offset: start, "expected \(expected)")
        }
        return value
    }

    private mutating func uint32() throws(JSONError) -> UInt32 {
        try integer("an unsigned 32-bit integer") { JSONNumber.uint64($0).flatMap(UInt32.init(exactly:)) }
    }

    private mutating func int32() throws(JSONError) -> Int32 {
        try integer("a 32-bit integer") { JSONNumber.int64($0).flatMap(Int32.init(exactly:)) }
    }

    private mutating func double() throws(JSONError) -> Double {
        try integer("a number, \"NaN\", \"Infinity\" or \"-Infinity\"") { text in
            if text.elementsEqual("NaN".utf8) { return .nan }
            if text.elementsEqual("Infinity".utf8) { return .infinity }
            if text.elementsEqual("-Infinity".utf8) { return -.infinity }
            return JSONNumber.double(text)
        }
    }

    private mutating func enumeration(_ names: [StaticString]) throws(JSONError) -> Int32 {
        try integer("an enumeration's number or name") { text in
            let name = names.firstIndex { name in
                text.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
            }
            return name.map(Int32.init) ?? JSONNumber.int64(text).flatMap(Int32.init(exactly:))
        }
    }

    /// Hexadecimal digits of either case. An odd number of them has no bytes; a single zero byte stands for them,
    /// which is of wrong length for every id.
    private mutating func id(_ number: UInt32) throws(JSONError) {
        let start = reader.offset
        let digits = try reader.unescaped(try reader.string())
        guard digits.allSatisfy({ hexValue($0) != nil }) else {
            throw JSONError(offset: start, "expected hexadecimal digits")
        }
        guard digits.count % 2 == 0 else { return writer.bytes(number, [0]) }
        writer.head(number, count: digits.count / 2)
        for index in stride(from: digits.startIndex, to: digits.endIndex, by: 2) {
            writer.byte((hexValue(digits[index]) ?? 0) << 4 | (hexValue(digits[index + 1]) ?? 0))
        }
    }

    /// Base64 of the standard or the URL alphabet, padded or not.
    private mutating func base64(_ number: UInt32) throws(JSONError) {
        let start = reader.offset
        var digits = try reader.unescaped(try reader.string())
        let isPadded = digits.last == UInt8(ascii: "=")
        if isPadded, digits.count % 4 == 0 {
            digits.removeLast()
            if digits.last == UInt8(ascii: "=") { digits.removeLast() }
        }
        guard digits.count % 4 != 1, digits.allSatisfy({ base64Value($0) != nil }) else {
            throw JSONError(offset: start, "expected base64")
        }
        writer.head(number, count: digits.count / 4 * 3 + max(digits.count % 4 - 1, 0))
        var group: UInt32 = 0
        var bits = 0
        for digit in digits {
            group = group << 6 | UInt32(base64Value(digit) ?? 0)
            bits += 6
            if bits >= 8 {
                bits -= 8
                writer.byte(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
    }
}
