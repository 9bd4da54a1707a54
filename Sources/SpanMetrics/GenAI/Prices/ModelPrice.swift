/// What one model of one provider costs, in US dollars a token.
///
/// A price that the list does not state is never made up so that a bill gets lower. What it does state by leaving a
/// price out, by LiteLLM's meaning:
///
/// - Reading from a cache without a price of its own costs as much as uncached input: a provider that gives a discount
///   publishes it.
/// - Writing to a cache without a price is **unknown**: where writes are billed apart they cost more than input. Writes
///   that are kept for an hour cost as much as other writes unless they have a price.
/// - Reasoning costs as much as other output, audio as much as the text of its side.
/// - Input and output without a price are **unknown**. A price of 0 is a price, unless the same side is also sold by
///   another unit (images, seconds, characters, queries): then the tokens are not what is paid for.
///
/// Prices above a number of input tokens hold for the whole call, output included; what has none at that step keeps
/// the price below it.
///
/// In a tier other than the standard one, what costs as much as its side in the standard tier does so here too. Apart
/// from that, the standard price stands in for a discount that is not stated, which can only make the bill too high;
/// a surcharge (``ServiceTier/priority``) that is not stated, for the model or for this number of input tokens, is
/// **unknown**.
///
/// Discounts by the hour of day, fees by request or search and surcharges by region are not part of a price.
package struct ModelPrice: Hashable, Sendable {
    /// Whose price it is, in LiteLLM's words (`litellm_provider`); empty where the list does not say.
    package internal(set) var provider = ""
    /// `chat`, `embedding` and so on; empty where the list does not say.
    package internal(set) var mode = ""
    /// `YYYY-MM-DD`, as the list has it.
    package internal(set) var deprecationDate: String?
    private var rates: [PriceRate] = []
    /// What holds instead from some times on, in their order; see ``price(at:)``.
    private var periods: [Period] = []

    private struct Period: Hashable, Sendable {
        /// Unix nanoseconds.
        var start: UInt64
        var price: ModelPrice
    }

    /// Nothing is known of what its tokens cost, at any time.
    package var isEmpty: Bool { rates.isEmpty && periods.allSatisfy(\.price.isEmpty) }

    /// All that is stated is 0.
    var isFree: Bool { rates.allSatisfy { $0.usd == 0 } && periods.allSatisfy(\.price.isFree) }

    /// The price that holds at a time, unix nanoseconds: that of the last period which has begun, whole, or this one
    /// before them all.
    package func price(at time: UInt64) -> ModelPrice {
        periods.last { $0.start <= time }?.price ?? self
    }

    /// States what holds from a time on until another that is stated, whatever order they come in.
    ///
    /// - Returns: false where something is stated from this time already.
    mutating func add(_ price: ModelPrice, from start: UInt64) -> Bool {
        let place = periods.firstIndex { $0.start >= start } ?? periods.count
        guard place == periods.count || periods[place].start != start else { return false }
        var price = price
        // Whose model it is does not change, and decides what a step is.
        (price.provider, price.mode) = (provider, mode)
        periods.insert(Period(start: start, price: price), at: place)
        return true
    }

    /// States a price; the last for the same bucket, tier and step wins.
    mutating func set(_ rate: PriceRate) {
        remove { $0.place == rate.place }
        rates.append(rate)
    }

    mutating func remove(where isRemoved: (PriceRate) -> Bool) {
        rates.removeAll(where: isRemoved)
    }

    var rateCount: Int { rates.count }

    /// What a call costs in US dollars; nil where one of its buckets has tokens of which the price is unknown.
    ///
    /// Linear in the prices that the model has, a few dozen at most.
    package func cost(of usage: TokenUsage, tier: ServiceTier = .standard) -> Double? {
        let input = usage.input
        var sum = 0.0
        for bucket in PriceBucket.allCases {
            let tokens = bucket.tokens(of: usage)
            guard tokens > 0 else { continue }
            guard let price = price(bucket, tier, input: input) else { return nil }
            sum += Double(tokens) * price
        }
        return sum
    }

    /// What a call that began at a time costs; see ``cost(of:tier:)`` and ``price(at:)``.
    package func cost(of usage: TokenUsage, tier: ServiceTier = .standard, at time: UInt64) -> Double? {
        periods.isEmpty ? cost(of: usage, tier: tier) : price(at: time).cost(of: usage, tier: tier)
    }

    /// The prices for one tier as they are now, side by side; nil where they change with time.
    func flat(_ tier: ServiceTier) -> FlatPrice? {
        guard periods.isEmpty else { return nil }
        let steps = Set(rates.map(\.place.above)).union([0]).sorted()
        return FlatPrice(
            steps: steps.map { above in
                var usd = SIMD8<Double>(repeating: .nan)
                for (index, bucket) in PriceBucket.allCases.enumerated() {
                    usd[index] = price(bucket, tier, input: above == 0 ? 0 : above.addingClamped(1)) ?? .nan
                }
                return FlatPrice.Step(above: above, usd: usd)
            }, isStepInclusive: isStepInclusive)
    }

    private func price(_ bucket: PriceBucket, _ tier: ServiceTier, input: UInt64) -> Double? {
        let standard = stated(bucket, .standard, input: input)
        guard tier != .standard else { return standard?.usd ?? substitute(bucket, tier, input: input) }
        if let own = stated(bucket, tier, input: input), own.place.above >= (standard?.place.above ?? 0) {
            return own.usd
        }
        guard let standard else { return substitute(bucket, tier, input: input) }
        if substitute(bucket, .standard, input: input) == standard.usd {
            return substitute(bucket, tier, input: input)
        }
        return tier.isDiscount ? standard.usd : nil
    }

    private func substitute(_ bucket: PriceBucket, _ tier: ServiceTier, input: UInt64) -> Double? {
        bucket.substitute.flatMap { price($0, tier, input: input) }
    }

    /// The price of the highest step that a call with so much input reaches.
    private func stated(_ bucket: PriceBucket, _ tier: ServiceTier, input: UInt64) -> PriceRate? {
        var result: PriceRate?
        for rate in rates where rate.place.bucket == bucket && rate.place.tier == tier {
            let above = rate.place.above
            guard above == 0 || input > above || (input == above && isStepInclusive) else { continue }
            if above >= result?.place.above ?? 0 { result = rate }
        }
        return result
    }

    /// xAI bills the higher price once the input reaches the step, the others once it is past it.
    private var isStepInclusive: Bool { provider == "xai" }
}

/// One price of a model.
struct PriceRate: Hashable, Sendable {
    /// What a price is for.
    struct Place: Hashable, Sendable {
        var bucket: PriceBucket
        var tier = ServiceTier.standard
        /// The price holds for calls with more input tokens than this, cached ones included; 0 for all calls.
        var above: UInt64 = 0
    }

    var place: Place
    /// For one token.
    var usd: Double
}

/// What a ``ModelPrice`` comes to for one tier, without anything left to look up.
struct FlatPrice: Sendable {
    struct Step: Sendable {
        /// Input tokens that a call has more of; 0 for all calls.
        var above: UInt64
        /// By bucket, in the order of ``PriceBucket``, for one token; not a number where it is unknown.
        var usd: SIMD8<Double>
    }

    /// By `above`.
    fileprivate let steps: [Step]
    fileprivate let isStepInclusive: Bool

    /// As ``ModelPrice/cost(of:tier:)``.
    func cost(of usage: TokenUsage) -> Double? {
        var last = 0
        if steps.count > 1 {
            let input = usage.input
            while last + 1 < steps.count {
                let above = steps[last + 1].above
                guard input > above || input == above && isStepInclusive else { break }
                last += 1
            }
        }
        var sum = 0.0
        for bucket in usage.counts.indices where usage.counts[bucket] > 0 {
            sum += Double(usage.counts[bucket]) * steps[last].usd[bucket]
        }
        return sum.isNaN ? nil : sum
    }
}
