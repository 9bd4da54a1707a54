/// The fields of one protobuf message, one after the other. Ends at the first malformed one.
///
/// For small messages of our own making and for answers of a collector; not for a hot path.
package struct ProtobufFields: Sequence, IteratorProtocol {
    /// One field: `content` for length-delimited ones, `number64` for the others.
    package struct Field {
        package let number: UInt64
        package let number64: UInt64
        package let content: ArraySlice<UInt8>
    }

    private var rest: ArraySlice<UInt8>

    package init(_ message: [UInt8]) {
        rest = message[...]
    }

    package init(_ message: ArraySlice<UInt8>) {
        rest = message
    }

    package mutating func next() -> Field? {
        guard let tag = varint() else { return nil }
        switch tag & 7 {
        case 0:
            return varint().map { Field(number: tag >> 3, number64: $0, content: []) }
        case 1:
            return fixed(8).map { Field(number: tag >> 3, number64: $0, content: []) }
        case 2:
            guard let length = varint(), let count = Int(exactly: length), count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Field(number: tag >> 3, number64: 0, content: rest.prefix(count))
        case 5:
            return fixed(4).map { Field(number: tag >> 3, number64: $0, content: []) }
        default:
            return nil
        }
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    private mutating func fixed(_ count: Int) -> UInt64? {
        guard rest.count >= count else { return nil }
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(rest[rest.startIndex + index]) << UInt64(8 * index) }
        rest = rest.dropFirst(count)
        return value
    }
}
