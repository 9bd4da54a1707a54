extension PriceRate.Place {
    /// LiteLLM's names of prices, the longer before what it begins with.
    private static let names: [(name: String, bucket: PriceBucket)] = [
        ("input_cost_per_token", .input), ("output_cost_per_token", .output),
        ("cache_read_input_token_cost", .cacheRead), ("cache_creation_input_token_cost_above_1hr", .cacheWriteHour),
        ("cache_creation_input_token_cost", .cacheWrite), ("input_cost_per_audio_token", .audioInput),
        ("output_cost_per_reasoning_token", .reasoning), ("output_cost_per_audio_token", .audioOutput),
    ]

    /// What a field such as `input_cost_per_token_above_200k_tokens_batches` is the price of; nil for names that are
    /// none of a token's price here.
    init?(field: String) {
        for (name, bucket) in Self.names where field.hasPrefix(name) {
            self.init(bucket: bucket)
            if readSuffixes(field.dropFirst(name.count)) { return }
        }
        return nil
    }

    /// A step and a tier, each at most once, in either order.
    private mutating func readSuffixes(_ suffixes: Substring) -> Bool {
        var rest = suffixes
        while !rest.isEmpty {
            if above == 0, rest.hasPrefix("_above_") {
                guard let step = Self.takeStep(&rest) else { return false }
                above = step
            } else if tier == .standard,
                let named = ServiceTier.allCases.first(where: { $0 != .standard && rest.hasPrefix("_" + $0.rawValue) })
            {
                tier = named
                rest = rest.dropFirst(named.rawValue.count + 1)
            } else {
                return false
            }
        }
        return true
    }

    /// `_above_200k_tokens`.
    private static func takeStep(_ rest: inout Substring) -> UInt64? {
        rest = rest.dropFirst("_above_".count)
        let digits = rest.prefix { ("0"..."9").contains($0) }
        // Nine digits are past any context and cannot overflow.
        guard digits.count <= 9, var step = UInt64(digits), step > 0 else { return nil }
        rest = rest.dropFirst(digits.count)
        if rest.first == "k" {
            step *= 1000
            rest = rest.dropFirst()
        }
        guard rest.hasPrefix("_tokens") else { return nil }
        rest = rest.dropFirst("_tokens".count)
        return step
    }
}
