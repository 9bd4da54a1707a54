extension IntegerPage {
    /// Appends a page of these values to `page`.
    static func encode(_ values: UnsafeBufferPointer<UInt64>, isDelta: Bool, to page: inout Room<UInt8>) {
        isDelta ? encodeDeltas(values, to: &page) : encodeOffsets(values, mode: 0, to: &page)
    }

    /// Appends a page of doubles, given as their bits: as whole numbers and a power of ten where that gives every one
    /// of them back to the bit, else as the bits.
    static func encode(doubles values: UnsafeBufferPointer<UInt64>, to page: inout Room<UInt8>) {
        guard let digits = decimalDigits(values) else { return encodeOffsets(values, mode: 0, to: &page) }
        var whole = Room<UInt64>(capacity: values.count)
        for bits in values { whole.append(UInt64(bitPattern: scaled(bits, Decimals.powers[digits]))) }
        // Negative numbers would be far from the others as they are; zigzag brings them near.
        for index in 0..<whole.count { whole[index] = ZigZag.encode(Int64(bitPattern: whole[index])) }
        encodeOffsets(whole.buffer, mode: UInt8(Decimals.firstMode + digits), to: &page)
    }

    private static func encodeOffsets(
        _ values: UnsafeBufferPointer<UInt64>, mode: UInt8, to page: inout Room<UInt8>
    ) {
        let first = values.first ?? 0
        var differing: UInt64 = 0
        for value in values { differing |= value ^ first }
        // Most columns of most groups have one value only, and that is seen without a comparison of each.
        guard differing != 0 else { return writeHeader(mode: mode, width: 0, base: first, to: &page) }
        var (least, most) = (first, first)
        for value in values {
            least = min(least, value)
            most = max(most, value)
        }
        let width = byteWidth(most &- least)
        writeHeader(mode: mode, width: width, base: least, to: &page)
        planes(values, minus: least, width: width, to: &page)
    }

    private static func encodeDeltas(_ values: UnsafeBufferPointer<UInt64>, to page: inout Room<UInt8>) {
        var deltas = Room<UInt64>(capacity: values.count)
        var last = values.first ?? 0
        var all: UInt64 = 0
        for value in values {
            let delta = ZigZag.encode(Int64(bitPattern: value &- last))
            deltas.append(delta)
            all |= delta
            last = value
        }
        let width = byteWidth(all)
        writeHeader(mode: 1, width: width, base: values.first ?? 0, to: &page)
        planes(deltas.buffer, minus: 0, width: width, to: &page)
    }

    private static func byteWidth(_ value: UInt64) -> Int { (64 - value.leadingZeroBitCount + 7) / 8 }

    private static func writeHeader(mode: UInt8, width: Int, base: UInt64, to page: inout Room<UInt8>) {
        page.append(mode)
        page.append(UInt8(width))
        page.append(fixed: base)
    }

    private static func planes(
        _ values: UnsafeBufferPointer<UInt64>, minus base: UInt64, width: Int, to page: inout Room<UInt8>
    ) {
        guard let source = values.baseAddress else { return }
        let count = values.count
        let target = page.reserve(count * width)
        for plane in 0..<width {
            let shift = UInt64(8 * plane)
            let bytes = target + plane * count
            for index in 0..<count {
                bytes[index] = UInt8(truncatingIfNeeded: (source[index] &- base) &>> shift)
            }
        }
        page.take(count * width)
    }

    // MARK: decimals

    /// Digits behind the point that all of the doubles have at most; nil when they are no such numbers.
    private static func decimalDigits(_ values: UnsafeBufferPointer<UInt64>) -> Int? {
        var digits = 0
        for bits in values {
            while !isExact(bits, Decimals.powers[digits]) {
                digits += 1
                if digits == Decimals.powers.count { return nil }
            }
        }
        // Those seen before the last digit was added must be exact with it too: the product may be rounded otherwise.
        let power = Decimals.powers[digits]
        return values.allSatisfy { isExact($0, power) } ? digits : nil
    }

    private static func scaled(_ bits: UInt64, _ power: Double) -> Int64 {
        let product = (Double(bitPattern: bits) * power).rounded()
        return abs(product) < Decimals.wholeMax ? Int64(product) : .max
    }

    @inline(__always)
    private static func isExact(_ bits: UInt64, _ power: Double) -> Bool {
        let whole = scaled(bits, power)
        return whole != .max && (Double(whole) / power).bitPattern == bits
    }
}
