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

    package init(usd: Double, source: CostSource) {
        self.usd = usd
        self.source = source
    }
}

/// Which cost of a call is summed where there are two.
package enum CostPolicy: String, CaseIterable, Sendable {
    /// The one that tokens and prices come to, else the one that a span had.
    case computedFirst = "computed"
    /// The one that a span had, else the one that tokens and prices come to.
    case reportedFirst = "reported"

    /// The cost that counts of what was computed and reported.
    ///
    /// A reported cost that is negative or no number is none. Neither is a reported 0 of a call with tokens: libraries
    /// send it for models of which they have no price.
    ///
    /// - Parameter usage: Nil where no span said anything about tokens; nothing is computed then.
    package func cost(computed: Double?, reported: Double?, usage: TokenUsage?) -> CallCost {
        let computed = computed.map { CallCost(usd: $0, source: .computed) }
        let reported = Self.trusted(reported, usage).map { CallCost(usd: $0, source: .reported) }
        let counted =
            switch self {
            case .computedFirst: computed ?? reported
            case .reportedFirst: reported ?? computed
            }
        return counted ?? CallCost(usd: 0, source: .unknown)
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
