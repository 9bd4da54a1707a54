import QueryAPI

/// A cost with its certainty.
package enum CostText {
    /// `$0.0042`; with a `+` where it is a lower bound, as some of the usage has no price.
    ///
    /// - Parameter source: `costSource` of our API.
    package static func text(_ dollars: Double, source: String, hasTokens: Bool) -> String {
        let isWhole = source != "unknown" || !hasTokens
        if dollars == 0 { return isWhole ? "$0" : "unknown" }
        return DollarText.short(dollars) + (isWhole ? "" : "+")
    }

    /// The same for a place where only one cost has room, with the one that does not count behind it where there are
    /// two: `$0.0042 (reported $0.0050)`.
    ///
    /// - Parameters:
    ///   - computed: `computedCostUSD` of our API.
    ///   - reported: `reportedCostUSD`.
    package static func text(
        _ dollars: Double, source: String, hasTokens: Bool, computed: Double?, reported: Double?
    ) -> String {
        let text = text(dollars, source: source, hasTokens: hasTokens)
        guard let computed, let reported, computed > 0, reported > 0 else { return text }
        // The cost of what counts by different sources is neither sum.
        let others = [("computed", computed), ("reported", reported)].filter { $0.1 != dollars }
        guard !others.isEmpty else { return text }
        return text + " (" + others.map { "\($0.0) \(DollarText.short($0.1))" }.joined(separator: ", ") + ")"
    }
}
