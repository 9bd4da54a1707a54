/// Whole numbers as byte planes: all lowest bytes, then all second lowest and so on, so that zstd sees the bytes that
/// vary apart from those that do not.
///
/// Layout: mode (1 byte), width (1), base (8), then `width` planes of one byte a value. In mode 0 a value is the base
/// plus its planes; in mode 1 the first value is the base and each further one the value before plus its planes,
/// zigzag. Sums wrap. Modes 2 to 11 are mode 0 and then ``Decimals``.
enum IntegerPage {
    static let headerBytes = 10

    /// Reads `count` values that start at `offset`, and moves it behind them.
    static func decode(_ page: [UInt8], at offset: inout Int, count: Int) throws(FormatError) -> [UInt64] {
        let (header, planes) = try header(page.count, at: &offset, count: count) { page[$0] }
        return page.withUnsafeBytes { values($0, planes, header, count) }
    }

    /// As ``decode(_:at:count:)`` for bytes that somebody else holds.
    static func decode(
        _ page: UnsafeRawBufferPointer, at offset: inout Int, count: Int
    ) throws(FormatError) -> [UInt64] {
        let (header, planes) = try header(page.count, at: &offset, count: count) { page[$0] }
        return values(page, planes, header, count)
    }

    private struct Header {
        let mode: UInt8
        let width: Int
        let base: UInt64
    }

    /// What the page says of its values, and where their planes begin; moves `offset` behind them.
    private static func header(
        _ bytes: Int, at offset: inout Int, count: Int, _ byte: (Int) -> UInt8
    ) throws(FormatError) -> (header: Header, planes: Int) {
        guard offset >= 0, bytes - offset >= headerBytes else { throw FormatError("truncated page of numbers") }
        let mode = byte(offset)
        let width = Int(byte(offset + 1))
        guard Int(mode) < Decimals.modesEnd, width <= 8 else {
            throw FormatError("page of numbers of mode \(mode), width \(width)")
        }
        var base: UInt64 = 0
        for index in 0..<8 { base |= UInt64(byte(offset + 2 + index)) << UInt64(8 * index) }
        let start = offset + headerBytes
        guard count >= 0, count <= BlockFormat.pageValuesMax,
            width == 0 || count <= (bytes - start) / width
        else { throw FormatError("page of numbers has fewer than \(count)") }
        offset = start + width * count
        return (Header(mode: mode, width: width, base: base), start)
    }

    /// The caller has checked that the planes are there.
    private static func values(
        _ page: UnsafeRawBufferPointer, _ start: Int, _ header: Header, _ count: Int
    ) -> [UInt64] {
        let wholes = wholes(page, start, header, count)
        return Int(header.mode) < Decimals.firstMode ? wholes : Decimals.doubles(wholes, mode: Int(header.mode))
    }

    private static func wholes(
        _ page: UnsafeRawBufferPointer, _ start: Int, _ header: Header, _ count: Int
    ) -> [UInt64] {
        guard header.width > 0, count > 0 else { return Array(repeating: header.base, count: count) }
        let isDelta = header.mode == 1
        var values = [UInt64](unsafeUninitializedCapacity: count) { target, initialized in
            let planes = UnsafeRawBufferPointer(rebasing: page[start..<start + header.width * count])
            join(planes, width: header.width, base: isDelta ? 0 : header.base, into: target, count: count)
            initialized = count
        }
        guard isDelta else { return values }
        values.withUnsafeMutableBufferPointer { values in
            var last = header.base
            for index in 0..<count {
                last = last &+ UInt64(bitPattern: ZigZag.decode(values[index]))
                values[index] = last
            }
        }
        return values
    }

    /// Puts the bytes of each value together in one pass, with a loop of its own for the usual widths so that the
    /// compiler can work on several values at a time.
    private static func join(
        _ planes: UnsafeRawBufferPointer, width: Int, base: UInt64, into target: UnsafeMutableBufferPointer<UInt64>,
        count: Int
    ) {
        guard let source = planes.baseAddress?.assumingMemoryBound(to: UInt8.self), let target = target.baseAddress
        else { return }
        @inline(__always) func word(_ plane: Int, _ index: Int) -> UInt32 { UInt32(source[plane &* count &+ index]) }
        @inline(__always) func half(_ index: Int) -> UInt64 {
            UInt64(word(0, index) | word(1, index) << 8 | word(2, index) << 16 | word(3, index) << 24)
        }
        switch width {
        case 1: for index in 0..<count { target[index] = base &+ UInt64(word(0, index)) }
        case 2: for index in 0..<count { target[index] = base &+ UInt64(word(0, index) | word(1, index) << 8) }
        case 3:
            for index in 0..<count {
                target[index] = base &+ UInt64(word(0, index) | word(1, index) << 8 | word(2, index) << 16)
            }
        case 4: for index in 0..<count { target[index] = base &+ half(index) }
        case 5: for index in 0..<count { target[index] = base &+ (half(index) | UInt64(word(4, index)) << 32) }
        case 6:
            for index in 0..<count {
                target[index] = base &+ (half(index) | UInt64(word(4, index) | word(5, index) << 8) << 32)
            }
        default:
            for index in 0..<count {
                var value: UInt64 = 0
                for plane in 0..<width { value |= UInt64(source[plane &* count &+ index]) << UInt64(8 &* plane) }
                target[index] = base &+ value
            }
        }
    }
}
