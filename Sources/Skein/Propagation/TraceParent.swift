import ContextBaggage
import OTLP

/// The `traceparent` header of W3C Trace Context, level 2.
enum TraceParent {
    /// Bytes of version 00.
    private static let bytes = 55

    /// Reads a header; nil for anything the specification calls invalid, in which case the receiver starts a new trace.
    ///
    /// A comma anywhere means that a request had several of these headers, which is invalid as well: HTTP stacks join
    /// repeated headers with it.
    static func parse(_ header: String) -> (traceID: TraceID, spanID: SpanID, flags: TraceFlags)? {
        let text = header.trimmingOptionalWhitespace()
        var digits = LowercaseHex(text.utf8)
        guard let version = digits.next(2), version != 0xFF, digits.skipDash() else { return nil }
        guard let high = digits.next(16), let low = digits.next(16), digits.skipDash() else { return nil }
        guard let span = digits.next(16), digits.skipDash(), let flags = digits.next(2) else { return nil }
        // Later versions may go on after a dash; version 00 may not (section 3.2.4).
        if text.utf8.count != bytes {
            guard version > 0, digits.skipDash(), !text.utf8.contains(UInt8(ascii: ",")) else { return nil }
        }
        let (traceID, spanID) = (TraceID(high: high, low: low), SpanID(span))
        guard traceID.isValid, spanID.isValid else { return nil }
        return (traceID, spanID, TraceFlags(rawValue: UInt8(truncatingIfNeeded: flags)).intersection(.known))
    }

    /// The header in version 00.
    static func header(_ context: SpanContext) -> String {
        String(unsafeUninitializedCapacity: bytes) { buffer in
            var offset = 0
            func write(_ value: UInt64, digits: Int) {
                for index in 0..<digits {
                    let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - index))) & 0xF
                    buffer[offset + index] = hexDigit(digit)
                }
                offset += digits
            }
            func dash() {
                buffer[offset] = UInt8(ascii: "-")
                offset += 1
            }
            write(0, digits: 2)
            dash()
            write(context.traceID.high, digits: 16)
            write(context.traceID.low, digits: 16)
            dash()
            write(context.spanID.rawValue, digits: 16)
            dash()
            write(UInt64(context.flags.intersection(.known).rawValue), digits: 2)
            return offset
        }
    }
}

/// Reads numbers in lowercase hexadecimal; upper case is invalid in this header.
private struct LowercaseHex {
    private var rest: Substring.UTF8View.Iterator

    init(_ text: Substring.UTF8View) {
        rest = text.makeIterator()
    }

    mutating func next(_ count: Int) -> UInt64? {
        var value: UInt64 = 0
        for _ in 0..<count {
            guard let byte = rest.next(), byte < UInt8(ascii: "A") || byte > UInt8(ascii: "F"),
                let digit = hexValue(byte)
            else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    mutating func skipDash() -> Bool {
        rest.next() == UInt8(ascii: "-")
    }
}
