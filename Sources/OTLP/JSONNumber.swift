/// Decimal numbers as JSON writes them: exact integers and correctly rounded doubles.
enum JSONNumber {
    /// Where the number that begins at `start` ends; nil when none does. Leading zeros are none.
    static func end(of bytes: [UInt8], from start: Int) -> Int? {
        guard let end = scan(bytes, start..<bytes.count) else { return nil }
        let first = bytes[start] == UInt8(ascii: "-") ? start + 1 : start
        let hasLeadingZero = bytes[first] == UInt8(ascii: "0") && first + 1 < end && digit(bytes[first + 1]) != nil
        return hasLeadingZero ? nil : end
    }

    /// The integer that the text in `range` stands for; `12`, `12.0` and `1.2e1` are the same. Nil when the text is no
    /// number, is no integer or does not fit.
    static func integer(_ bytes: ArraySlice<UInt8>) -> (isNegative: Bool, magnitude: UInt64)? {
        guard let parts = Parts(bytes), parts.isExact else { return nil }
        var exponent = parts.exponent
        guard parts.magnitude != 0 else { return (parts.isNegative, 0) }
        guard exponent >= 0 else { return nil }
        var magnitude = parts.magnitude
        while exponent > 0 {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            magnitude = product
            exponent -= 1
        }
        return (parts.isNegative, magnitude)
    }

    static func int64(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard let (isNegative, magnitude) = integer(bytes) else { return nil }
        guard isNegative else { return Int64(exactly: magnitude) }
        return magnitude <= UInt64(1) << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
    }

    static func uint64(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        guard let (isNegative, magnitude) = integer(bytes), !isNegative || magnitude == 0 else { return nil }
        return magnitude
    }

    /// The double nearest to the text; nil when it is no number or over the largest double.
    static func double(_ bytes: ArraySlice<UInt8>) -> Double? {
        guard let parts = Parts(bytes) else { return nil }
        // Both factors are exact, so that one operation rounds once (Clinger's fast path).
        if parts.isExact, parts.magnitude <= 1 << 53, abs(parts.exponent) <= 22 {
            let magnitude = Double(parts.magnitude)
            let power = powersOfTen[abs(parts.exponent)]
            let value = parts.exponent < 0 ? magnitude / power : magnitude * power
            return parts.isNegative ? -value : value
        }
        guard let value = Double(String(decoding: bytes, as: UTF8.self)), value.isFinite else { return nil }
        return value
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// `-?digits(.digits)?([eE][+-]?digits)?` from the start of `range`: where it ends, nil when it does not match.
    private static func scan(_ bytes: [UInt8], _ range: Range<Int>) -> Int? {
        var index = range.lowerBound
        func byte() -> UInt8? { index < range.upperBound ? bytes[index] : nil }
        func digits() -> Bool {
            let start = index
            while let next = byte(), digit(next) != nil { index += 1 }
            return index > start
        }
        if byte() == UInt8(ascii: "-") { index += 1 }
        guard digits() else { return nil }
        if byte() == UInt8(ascii: ".") {
            index += 1
            guard digits() else { return nil }
        }
        if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
            index += 1
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { index += 1 }
            guard digits() else { return nil }
        }
        return index
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? value : nil
    }

    /// A number as `magnitude * 10^exponent`.
    private struct Parts {
        var isNegative = false
        var magnitude: UInt64 = 0
        var exponent = 0
        /// The magnitude has all digits of the text.
        var isExact = true
        /// Zeros read since the last other digit; they count only when another digit follows.
        private var zeros = 0

        /// Exponents are taken as at most this far from 0, which is past every double and integer.
        private static let exponentMax = 100_000

        init?(_ bytes: ArraySlice<UInt8>) {
            var rest = bytes
            if rest.first == UInt8(ascii: "-") {
                isNegative = true
                rest.removeFirst()
            }
            guard takeDigits(&rest, scale: 0) else { return nil }
            if rest.first == UInt8(ascii: ".") {
                rest.removeFirst()
                guard takeDigits(&rest, scale: -1) else { return nil }
            }
            if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
                rest.removeFirst()
                guard takeExponent(&rest) else { return nil }
            }
            guard rest.isEmpty else { return nil }
            exponent += zeros
        }

        private mutating func takeDigits(_ rest: inout ArraySlice<UInt8>, scale: Int) -> Bool {
            let count = rest.count
            while let byte = rest.first, let digit = JSONNumber.digit(byte) {
                rest.removeFirst()
                exponent += scale
                if digit == 0 {
                    zeros += 1
                    continue
                }
                for _ in 0..<min(zeros, 20) where magnitude != 0 { multiplyAndAdd(10, 0) }
                zeros = 0
                multiplyAndAdd(10, UInt64(digit))
            }
            return rest.count < count
        }

        private mutating func multiplyAndAdd(_ factor: UInt64, _ digit: UInt64) {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: factor)
            let (sum, carry) = product.addingReportingOverflow(digit)
            if overflow || carry { isExact = false } else if isExact { magnitude = sum }
        }

        private mutating func takeExponent(_ rest: inout ArraySlice<UInt8>) -> Bool {
            var value = 0
            let isNegative = rest.first == UInt8(ascii: "-")
            if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
            let count = rest.count
            while let byte = rest.first, let digit = JSONNumber.digit(byte) {
                rest.removeFirst()
                value = min(value * 10 + Int(digit), Self.exponentMax)
            }
            exponent += isNegative ? -value : value
            return rest.count < count
        }
    }
}
