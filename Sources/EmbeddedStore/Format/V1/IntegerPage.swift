/// Whole numbers as byte planes: all lowest bytes, then all second lowest and so on, so that zstd sees the bytes that
/// vary apart from those that do not.
///
/// Layout: mode (1 byte), width (1), base (8), then `width` planes of one byte a value. In mode 0 a value is the base
/// plus its planes; in mode 1 the first value is the base and each further one the value before plus its planes,
/// zigzag. Sums wrap.
enum IntegerPage {
    static let headerBytes = 10

    static func encode(_ values: [UInt64], isDelta: Bool, to page: inout [UInt8]) {
        isDelta ? encodeDeltas(values, to: &page) : encodeOffsets(values, to: &page)
    }

    private static func encodeOffsets(_ values: [UInt64], to page: inout [UInt8]) {
        let base = values.min() ?? 0
        let width = byteWidth((values.max() ?? 0) &- base)
        writeHeader(mode: 0, width: width, base: base, to: &page)
        planes(values.count, width: width, to: &page) { values[$0] &- base }
    }

    private static func encodeDeltas(_ values: [UInt64], to page: inout [UInt8]) {
        var deltas = values
        var all: UInt64 = 0
        if !deltas.isEmpty { deltas[0] = 0 }
        for index in values.indices.dropFirst() {
            let delta = ZigZag.encode(Int64(bitPattern: values[index] &- values[index - 1]))
            deltas[index] = delta
            all |= delta
        }
        let width = byteWidth(all)
        writeHeader(mode: 1, width: width, base: values.first ?? 0, to: &page)
        planes(deltas.count, width: width, to: &page) { deltas[$0] }
    }

    private static func byteWidth(_ value: UInt64) -> Int { (64 - value.leadingZeroBitCount + 7) / 8 }

    private static func writeHeader(mode: UInt8, width: Int, base: UInt64, to page: inout [UInt8]) {
        page.append(mode)
        page.append(UInt8(width))
        withUnsafeBytes(of: base.littleEndian) { page.append(contentsOf: $0) }
    }

    @inline(__always)
    private static func planes(_ count: Int, width: Int, to page: inout [UInt8], _ value: (Int) -> UInt64) {
        let start = page.count
        page.append(contentsOf: repeatElement(0, count: count * width))
        page.withUnsafeMutableBufferPointer { page in
            for plane in 0..<width {
                let shift = UInt64(8 * plane)
                let target = start + plane * count
                for index in 0..<count { page[target + index] = UInt8(truncatingIfNeeded: value(index) >> shift) }
            }
        }
    }

    /// Reads `count` values that start at `offset`, and moves it behind them.
    static func decode(_ page: [UInt8], at offset: inout Int, count: Int) throws(FormatError) -> [UInt64] {
        guard offset >= 0, page.count - offset >= headerBytes else { throw FormatError("truncated page of numbers") }
        let mode = page[offset]
        let width = Int(page[offset + 1])
        guard mode <= 1, width <= 8 else { throw FormatError("page of numbers of mode \(mode), width \(width)") }
        var base: UInt64 = 0
        for index in 0..<8 { base |= UInt64(page[offset + 2 + index]) << UInt64(8 * index) }
        let start = offset + headerBytes
        guard count >= 0, count <= BlockFormat.pageValuesMax,
            width == 0 || count <= (page.count - start) / width
        else { throw FormatError("page of numbers has fewer than \(count)") }
        offset = start + width * count
        return values(page, at: start, width: width, count: count, base: base, isDelta: mode == 1)
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
