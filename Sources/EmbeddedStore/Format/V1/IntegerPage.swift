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
        guard offset >= 0, page.count - offset >= headerBytes else { throw FormatError("truncated page of numbers") }
        let mode = page[offset]
        let width = Int(page[offset + 1])
        guard Int(mode) < Decimals.modesEnd, width <= 8 else {
            throw FormatError("page of numbers of mode \(mode), width \(width)")
        }
        var base: UInt64 = 0
        for index in 0..<8 { base |= UInt64(page[offset + 2 + index]) << UInt64(8 * index) }
        let start = offset + headerBytes
        guard count >= 0, count <= BlockFormat.pageValuesMax,
            width == 0 || count <= (page.count - start) / width
        else { throw FormatError("page of numbers has fewer than \(count)") }
        offset = start + width * count
        let values = values(page, at: start, width: width, count: count, base: base, isDelta: mode == 1)
        return mode < UInt8(Decimals.firstMode) ? values : Decimals.doubles(values, mode: Int(mode))
    }

    private static func values(
        _ page: [UInt8], at start: Int, width: Int, count: Int, base: UInt64, isDelta: Bool
    ) -> [UInt64] {
        var values = [UInt64](repeating: isDelta ? 0 : base, count: count)
        page.withUnsafeBufferPointer { page in
            values.withUnsafeMutableBufferPointer { values in
                for plane in 0..<width {
                    let shift = UInt64(8 * plane)
                    let source = start + plane * count
                    for index in 0..<count { values[index] &+= UInt64(page[source + index]) << shift }
                }
                guard isDelta else { return }
                var last = base
                for index in 0..<count {
                    last = last &+ UInt64(bitPattern: ZigZag.decode(values[index]))
                    values[index] = last
                }
            }
        }
        return values
    }
}
