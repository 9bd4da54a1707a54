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
}
