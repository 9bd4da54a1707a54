/// Doubles that are short decimal numbers, kept as whole numbers: mode 2 + d of a page of numbers holds
/// `value · 10^d`, zigzag. A double is that whole number divided by the power of ten, to the bit.
enum Decimals {
    static let firstMode = 2
    /// 10^0 to 10^9: exact as doubles. Nine digits behind the point are what prices and times in seconds have.
    static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
    static let modesEnd = firstMode + powers.count
    /// Below it every whole number is a double.
    static let wholeMax: Double = 9_007_199_254_740_992

    /// The bits of the doubles that a page of this mode stands for.
    static func doubles(_ wholes: [UInt64], mode: Int) -> [UInt64] {
        let power = powers[mode - firstMode]
        return wholes.map { (Double(ZigZag.decode($0)) / power).bitPattern }
    }
}
