/// An attribute value that can be written as the content of an OTLP `AnyValue`.
protocol WireValue {
    /// Bytes of the `AnyValue`'s content.
    var size: Int { get }
    func write(to cursor: inout WireCursor)
}

/// Field 1, `string_value`.
struct WireString: WireValue {
    let bytes: UnsafeRawBufferPointer

    var size: Int { fieldSize(bytes.count) }
    @inline(__always) func write(to cursor: inout WireCursor) { cursor.bytes(tag: 0x0A, bytes) }
}

/// Field 2, `bool_value`.
struct WireBool: WireValue {
    let value: Bool

    var size: Int { 2 }
    @inline(__always) func write(to cursor: inout WireCursor) {
        cursor.byte(0x10)
        cursor.byte(value ? 1 : 0)
    }
}

/// Field 3, `int_value`.
struct WireInt: WireValue {
    let value: Int64

    var size: Int { 1 + varintSize(UInt64(bitPattern: value)) }
    @inline(__always) func write(to cursor: inout WireCursor) {
        cursor.byte(0x18)
        cursor.varint(UInt64(bitPattern: value))
    }
}

/// Field 4, `double_value`.
struct WireDouble: WireValue {
    let value: Double

    var size: Int { 9 }
    @inline(__always) func write(to cursor: inout WireCursor) {
        cursor.byte(0x21)
        cursor.fixed64(value.bitPattern)
    }
}

/// Field 5, `array_value`: a list of `AnyValue`s.
struct WireList: WireValue {
    enum Elements {
        case strings([String])
        case ints([Int64])
        case doubles([Double])
        case bools([Bool])
    }

    let elements: Elements

    var size: Int { fieldSize(contentSize) }

    private var contentSize: Int {
        switch elements {
        case .strings(let values): values.reduce(0) { $0 + fieldSize(fieldSize($1.utf8.count)) }
        case .ints(let values): values.reduce(0) { $0 + fieldSize(WireInt(value: $1).size) }
        case .doubles(let values): values.count * fieldSize(9)
        case .bools(let values): values.count * fieldSize(2)
        }
    }

    func write(to cursor: inout WireCursor) {
        cursor.byte(0x2A)
        cursor.varint(UInt64(contentSize))
        switch elements {
        case .strings(let values):
            for value in values { withUTF8(value) { Self.write(WireString(bytes: $0), to: &cursor) } }
        case .ints(let values):
            for value in values { Self.write(WireInt(value: value), to: &cursor) }
        case .doubles(let values):
            for value in values { Self.write(WireDouble(value: value), to: &cursor) }
        case .bools(let values):
            for value in values { Self.write(WireBool(value: value), to: &cursor) }
        }
    }

    private static func write(_ value: some WireValue, to cursor: inout WireCursor) {
        cursor.byte(0x0A)
        cursor.varint(UInt64(value.size))
        value.write(to: &cursor)
    }
}
