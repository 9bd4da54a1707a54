/// How the cost of a call is worked out: by which prices, and by whose word where there are two.
package struct CostModel: Sendable {
    package let prices: PriceBook
    package let policy: CostPolicy

    package init(prices: PriceBook = .builtIn, policy: CostPolicy = .computedFirst) {
        self.prices = prices
        self.policy = policy
    }

    /// The cost of a call by the model that answered, or the one that was asked for where no span says who did.
    func cost(of call: borrowing FoundCall, _ texts: TextTable, _ known: inout KnownPrices) -> CallCost {
        var computed: Double?
        if call.hasUsage {
            computed = known.cost(of: call, texts, in: prices)
        }
        return policy.cost(
            computed: computed, reported: call.reportedCost, usage: call.hasUsage ? call.usage : nil)
    }

    /// What usage that came after its call was counted adds to the call's cost. What a span had reported by then counts
    /// and stays, as a counter takes nothing back, whatever the policy; the cost of its tokens is then the other one.
    func cost(
        of supplement: borrowing FoundSupplement, _ texts: TextTable, _ known: inout KnownPrices
    ) -> CallCost {
        let whole = cost(of: supplement.call, texts, &known)
        guard supplement.countedCost != nil else { return whole }
        return CallCost(usd: 0, source: .reported, otherUSD: whole.source == .computed ? whole.usd : whole.otherUSD)
    }
}

/// How calls were priced at which time: one whose wait is over costs what it did then, also when nothing came since.
struct CostModels: Sendable {
    /// Earlier ones that are kept; a list of prices seldom changes while something waits.
    private static let earlierMax = 8

    private(set) var now: CostModel
    /// Until when, unix nanoseconds, others held, in their order.
    private var earlier: [(until: UInt64, costs: CostModel)] = []
    /// Tells models apart.
    private var count = 0

    init(_ costs: CostModel) { now = costs }

    mutating func use(_ costs: CostModel, at time: UInt64) {
        earlier.append((max(time, earlier.last?.until ?? 0), now))
        if earlier.count > Self.earlierMax { earlier.removeFirst() }
        now = costs
        count += 1
    }

    /// The times at which they changed.
    var changes: [UInt64] { earlier.map(\.until) }

    /// The model that held at a time, and its number.
    func model(at time: UInt64) -> (costs: CostModel, number: Int) {
        guard let place = earlier.firstIndex(where: { time < $0.until }) else { return (now, count) }
        return (earlier[place].costs, count - earlier.count + place)
    }
}

/// Prices that were looked up before, as looking one up takes microseconds.
struct KnownPrices: Sendable {
    private struct Entry: Sendable {
        /// No text has this number.
        var model = TextNumber(index: .max)
        var provider = TextNumber.none
        var generation: UInt32 = 0
    }

    /// A power of two; the models that are called at one time.
    private static let entriesMax = 512
    /// Places next to one another in which an entry may be; past them they take turns.
    private static let placesMax = 4

    private var entries = [Entry](repeating: Entry(), count: Self.entriesMax)
    /// Apart from what they are found by.
    private var prices = [ModelPrice?](repeating: nil, count: Self.entriesMax)
    /// Of the standard tier, as far as it is so simple.
    private var flatPrices = [FlatPrice?](repeating: nil, count: Self.entriesMax)
    private var turn = 0

    /// The cost of a call by its model, in US dollars; nil where it is not known.
    mutating func cost(of call: borrowing FoundCall, _ texts: TextTable, in book: PriceBook) -> Double? {
        let (model, provider, tier) = texts.priced(call.texts.names)
        let hash = (UInt64(model.index) << 32 | UInt64(provider.index)) &* 0x9E37_79B9_7F4A_7C15
        let first = Int(truncatingIfNeeded: hash >> 48) & (Self.entriesMax - 1)
        for step in 0..<Self.placesMax {
            let place = (first + step) & (Self.entriesMax - 1)
            if entries[place].model == model, entries[place].provider == provider,
                entries[place].generation == texts.generation
            {
                return cost(of: call, tier, place)
            }
        }
        let price = book.price(of: texts.text(model), provider: texts.text(provider))
        turn += 1
        let place = (first + turn % Self.placesMax) & (Self.entriesMax - 1)
        entries[place] = Entry(model: model, provider: provider, generation: texts.generation)
        prices[place] = price
        flatPrices[place] = price?.flat(.standard)
        return cost(of: call, tier, place)
    }

    @inline(__always)
    private func cost(of call: borrowing FoundCall, _ tier: ServiceTier, _ place: Int) -> Double? {
        if tier == .standard, let cost = flatPrices[place]?.cost(of: call.usage) { return cost }
        return prices[place]?.cost(of: call.usage, tier: tier, at: call.start)
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
