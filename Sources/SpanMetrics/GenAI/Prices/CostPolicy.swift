/// Where a cost comes from.
package enum CostSource: String, CaseIterable, Sendable {
    /// From the call's tokens and the price of its model.
    case computed
    /// A span had it.
    case reported
    /// Nobody knows: the model has no price and no span had a cost.
    case unknown
}

/// What a call cost.
package struct CallCost: Hashable, Sendable {
    /// US dollars; 0 where the cost is unknown.
    package var usd: Double
    package var source: CostSource
    /// Where both are known, the cost that does not count: the reported one of a call whose computed one does, or the
    /// other way round. 0 where there is none.
    package var otherUSD: Double

    package init(usd: Double, source: CostSource, otherUSD: Double = 0) {
        self.usd = usd
        self.source = source
        self.otherUSD = otherUSD
    }
}

/// Which cost of a call is summed where there are two.
package enum CostPolicy: String, CaseIterable, Sendable {
    /// The one that tokens and prices come to, else the one that a span had.
    case computedFirst = "computed"
    /// The one that a span had, else the one that tokens and prices come to.
    case reportedFirst = "reported"

    /// The cost that counts of what was computed and reported, and beside it the one that does not.
    ///
    /// A reported cost that is negative or no number is none. Neither is a reported 0 of a call with tokens: libraries
    /// send it for models of which they have no price.
    ///
    /// - Parameter usage: Nil where no span said anything about tokens; nothing is computed then.
    package func cost(computed: Double?, reported: Double?, usage: TokenUsage?) -> CallCost {
        let reported = Self.trusted(reported, usage)
        if let computed, self == .computedFirst || reported == nil {
            return CallCost(usd: computed, source: .computed, otherUSD: reported ?? 0)
        }
        guard let reported else { return CallCost(usd: 0, source: .unknown) }
        return CallCost(usd: reported, source: .reported, otherUSD: computed ?? 0)
    }

    /// The same from a call's facts and a book of prices.
    package func cost(
        of usage: TokenUsage?, model: String, provider: String, reported: Double?, tier: ServiceTier = .standard,
        prices: PriceBook
    ) -> CallCost {
        let computed = usage.flatMap { prices.price(of: model, provider: provider)?.cost(of: $0, tier: tier) }
        return cost(computed: computed, reported: reported, usage: usage)
    }

    private static func trusted(_ reported: Double?, _ usage: TokenUsage?) -> Double? {
        guard let reported, reported.isFinite, reported >= 0 else { return nil }
        return reported == 0 && usage?.isEmpty == false ? nil : reported
    }
}
