/// How the cost of a call is worked out: by which prices, and by whose word where there are two.
package struct CostModel: Sendable {
    package var prices: PriceBook
    package var policy: CostPolicy

    package init(prices: PriceBook = .builtIn, policy: CostPolicy = .computedFirst) {
        self.prices = prices
        self.policy = policy
    }

    /// The cost of a call by the model that answered, or the one that was asked for where no span says who did.
    func cost(of call: ModelCall) -> CallCost {
        policy.cost(
            of: call.usage, model: call.model, provider: call.provider, reported: call.reportedCost, prices: prices)
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
