import Foundation

/// Amounts of money as they are given away.
///
/// Sums of many small costs end in digits that are the noise of adding them. A price is at least some nanodollars, and
/// whoever pays asks for cents: twelve significant digits say both.
package enum DollarText {
    private static let digits = 12
    /// Digits after the point; a price of a token has at most 10.
    private static let decimalsMax = 15

    /// The nearest amount of twelve significant digits, 15 of them after the point at most.
    package static func rounded(_ dollars: Double) -> Double { Double(plain(dollars)) ?? dollars }

    /// The same as a decimal number without an exponent and without zeros at its end.
    package static func plain(_ dollars: Double) -> String {
        guard dollars.isFinite, dollars != 0 else { return dollars.isFinite ? "0" : "\(dollars)" }
        let decimals = min(decimalsMax, max(0, digits - 1 - Int(log10(dollars.magnitude).rounded(.down))))
        var text = String(format: "%.\(decimals)f", dollars)
        guard decimals > 0 else { return text }
        while text.utf8.last == UInt8(ascii: "0") { text.removeLast() }
        if text.utf8.last == UInt8(ascii: ".") { text.removeLast() }
        return text == "-0" ? "0" : text
    }

    /// For people: cents, under a dollar four digits after the point, and as many as it takes to show two that count, so
    /// that what costs something never costs nothing.
    package static func short(_ dollars: Double) -> String {
        guard dollars.isFinite, dollars != 0 else { return dollars.isFinite ? "$0" : "$\(dollars)" }
        let magnitude = dollars.magnitude
        let decimals = magnitude >= 1 ? 2 : min(decimalsMax, max(4, 1 - Int(log10(magnitude).rounded(.down))))
        let text = String(format: "%.\(decimals)f", magnitude)
        return dollars < 0 ? "-$\(text)" : "$\(text)"
    }
}
