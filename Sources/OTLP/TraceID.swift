/// The 16-byte id that all spans of one trace share, in network byte order: `high` holds the first 8 bytes.
///
/// All-zero means "no trace" and is invalid on the wire.
public struct TraceID: Hashable, Sendable, Comparable {
    /// The first 8 bytes.
    public let high: UInt64
    /// The last 8 bytes.
    public let low: UInt64

    /// The id of these two halves; both zero is ``invalid``.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads 32 hexadecimal digits, upper or lower case; nil for any other text.
    public init?(hex: some StringProtocol) {
        var digits = HexDigits(hex)
        guard let high = digits.next(count: 16), let low = digits.next(count: 16), digits.isAtEnd else { return nil }
        self.init(high: high, low: low)
    }

    /// "No trace".
    @inlinable
    public static var invalid: TraceID { TraceID(high: 0, low: 0) }

    /// Whether any byte is not zero.
    @inlinable
    public var isValid: Bool { high | low != 0 }

    /// 32 lowercase hexadecimal digits.
    public var hex: String {
        String(unsafeUninitializedCapacity: 32) { buffer in
            HexDigits.write(high, to: buffer, at: 0)
            HexDigits.write(low, to: buffer, at: 16)
            return 32
        }
    }

    /// Orders ids as their bytes.
    public static func < (a: TraceID, b: TraceID) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}

extension TraceID: CustomStringConvertible {
    /// The same as `hex`.
    public var description: String { hex }
}

/// The 8-byte id of a span within its trace, in network byte order. Zero means "none".
public struct SpanID: Hashable, Sendable, Comparable {
    /// The 8 bytes, the first one highest.
    public let rawValue: UInt64

    /// The id of these 8 bytes; zero is ``invalid``.
    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Reads 16 hexadecimal digits, upper or lower case; nil for any other text.
    public init?(hex: some StringProtocol) {
        var digits = HexDigits(hex)
        guard let value = digits.next(count: 16), digits.isAtEnd else { return nil }
        self.init(value)
    }

    /// "No span".
    @inlinable
    public static var invalid: SpanID { SpanID(0) }

    /// Whether any byte is not zero.
    @inlinable
    public var isValid: Bool { rawValue != 0 }

    /// 16 lowercase hexadecimal digits.
    public var hex: String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            HexDigits.write(rawValue, to: buffer, at: 0)
            return 16
        }
    }

    /// Orders ids as their bytes.
    public static func < (a: SpanID, b: SpanID) -> Bool { a.rawValue < b.rawValue }
}

extension SpanID: CustomStringConvertible {
    /// The same as `hex`.
    public var description: String { hex }
}
