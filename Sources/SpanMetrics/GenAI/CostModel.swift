/// How the cost of a call is worked out: by which prices, and by whose word where there are two.
package struct CostModel: Sendable {
    package let prices: PriceBook
    package let policy: CostPolicy

    package init(prices: PriceBook = .builtIn, policy: CostPolicy = .computedFirst) {
        self.prices = prices
        self.policy = policy
    }

    /// The cost of a call by the model that answered, or the one that was asked for where no span says who did.
    func cost(of call: ModelCall, _ known: inout KnownPrices) -> CallCost {
        let computed = call.usage.flatMap { usage in
            known.price(of: call.model, provider: call.provider, in: prices)?.cost(of: usage)
        }
        return policy.cost(computed: computed, reported: call.reportedCost, usage: call.usage)
    }
}

/// Prices that were looked up before, as looking one up takes microseconds.
struct KnownPrices: Sendable {
    private struct Key: Hashable {
        var model: String
        var provider: String
    }

    /// Models that are called now; past it all are looked up again.
    private static let pricesMax = 4_096

    private var prices: [Key: ModelPrice?] = [:]

    mutating func price(of model: String, provider: String, in book: PriceBook) -> ModelPrice? {
        let key = Key(model: model, provider: provider)
        if let known = prices[key] { return known }
        if prices.count >= Self.pricesMax { prices = [:] }
        let price = book.price(of: model, provider: provider)
        prices[key] = .some(price)
        return price
    }
}

extension CostSource {
    /// As files have it.
    var code: UInt8 {
        switch self {
        case .computed: 0
        case .reported: 1
        case .unknown: 2
        }
    }

    init?(code: UInt8) {
        guard let source = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = source
    }
}
