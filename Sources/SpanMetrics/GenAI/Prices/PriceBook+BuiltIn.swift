extension PriceBook {
    /// When the prices of ``builtIn`` were last compared with public lists.
    package static let builtInDate = "2026-11-21"

    /// List prices of current models in the standard tier, for those who give no list of their own.
    ///
    /// What is not here is unknown: models about which lists disagree, those whose price depends on the hour of day
    /// (DeepSeek's), surcharges by region, and tiers.
    package static let builtIn = PriceBook(table: builtInTable)

    /// A model a line: its id, what its calls need to have more input than for the rest of the line, names and prices
    /// for a million tokens.
    private init(table: String) {
        self.init()
        var prices: [String: ModelPrice] = [:]
        for line in table.split(separator: "\n") {
            var words = line.split(separator: " ")
            let id = String(words.removeFirst())
            var price = prices[id] ?? ModelPrice()
            var above: UInt64 = 0
            if let step = words.first, step.first == ">" {
                guard let thousands = UInt64(step.dropFirst().dropLast()) else {
                    preconditionFailure("built-in prices: \(line)")
                }
                above = thousands * 1000
                words.removeFirst()
            }
            price.provider = Self.builtInProvider(of: id)
            price.mode = id.contains("embed") || id.hasPrefix("voyage/") ? "embedding" : "chat"
            for word in words {
                let pair = word.split(separator: "=")
                // Read as one decimal, so that the nearest double is that of LiteLLM's list.
                guard pair.count == 2, let bucket = Self.builtInBuckets[pair[0]], let usd = Double(pair[1] + "e-6")
                else { preconditionFailure("built-in prices: \(line)") }
                price.set(PriceRate(place: .init(bucket: bucket, above: above), usd: usd))
            }
            prices[id] = price
        }
        for (id, price) in prices { add(price, id: id) }
    }

    private static let builtInBuckets: [Substring: PriceBucket] = [
        "in": .input, "out": .output, "read": .cacheRead, "write": .cacheWrite, "hour": .cacheWriteHour,
        "audio-in": .audioInput, "audio-out": .audioOutput,
    ]

    private static func builtInProvider(of id: String) -> String {
        if let slash = id.firstIndex(of: "/") { return String(id[..<slash]) }
        return id.hasPrefix("claude-") ? "anthropic" : "openai"
    }

    private static let builtInTable = """
        gpt-6-astra in=10 out=50 read=1 write=12.5
        gpt-6-astra >272k in=20 out=75 read=2 write=25
        gpt-6-sol in=2 out=10 read=0.2 write=2.5
        gpt-6-sol >272k in=4 out=15 read=0.4 write=5
        gpt-6-luna in=0.1 out=0.5 read=0.01 write=0.125
        gpt-6-luna >272k in=0.2 out=0.75 read=0.02 write=0.25
        gpt-6.1-sol in=2 out=10 read=0.1 write=2.5
        gpt-6.1-sol >272k in=4 out=15 read=0.2 write=5
        gpt-6.1-terra in=1 out=5 read=0.05 write=1.25
        gpt-6.1-terra >272k in=2 out=7.5 read=0.1 write=2.5
        gpt-5.6-sol in=4 out=20 read=0.4 write=5
        gpt-5.6-sol >272k in=8 out=30 read=0.8 write=10
        gpt-5.6-terra in=2 out=12 read=0.2 write=2.5
        gpt-5.6-terra >272k in=4 out=18 read=0.4 write=5
        gpt-5.6-luna in=0.2 out=1.2 read=0.02 write=0.25
        gpt-5.6-luna >272k in=0.4 out=1.8 read=0.04 write=0.5
        gpt-5.5 in=5 out=30 read=0.5
        gpt-5.5 >272k in=10 out=45 read=1
        gpt-5.5-pro in=30 out=180
        gpt-5.5-pro >272k in=60 out=270
        gpt-5.4 in=2.5 out=15 read=0.25
        gpt-5.4 >272k in=5 out=22.5 read=0.5
        gpt-5.4-mini in=0.75 out=4.5 read=0.075
        gpt-5.4-nano in=0.2 out=1.25 read=0.02
        gpt-5.4-pro in=30 out=180
        gpt-5.4-pro >272k in=60 out=270
        gpt-5.3-codex in=1.75 out=14 read=0.175
        gpt-5.2 in=1.75 out=14 read=0.175
        gpt-5.2-pro in=21 out=168
        gpt-5.1 in=1.25 out=10 read=0.125
        gpt-5 in=1.25 out=10 read=0.125
        gpt-5-mini in=0.25 out=2 read=0.025
        gpt-5-nano in=0.05 out=0.4 read=0.005
        gpt-5-pro in=15 out=120
        gpt-4.1 in=2 out=8 read=0.5
        gpt-4.1-mini in=0.4 out=1.6 read=0.1
        gpt-4.1-nano in=0.1 out=0.4 read=0.025
        gpt-4o in=2.5 out=10 read=1.25
        gpt-4o-2024-05-13 in=5 out=15
        gpt-4o-mini in=0.15 out=0.6 read=0.075
        o3 in=2 out=8 read=0.5
        o3-pro in=20 out=80
        o4-mini in=1.1 out=4.4 read=0.275
        gpt-audio in=2.5 out=10 audio-in=32 audio-out=64
        gpt-audio-mini in=0.6 out=2.4 audio-in=10 audio-out=20
        text-embedding-3-large in=0.13
        text-embedding-3-small in=0.02
        text-embedding-ada-002 in=0.1
        claude-fable-5-1 in=10 out=50 read=0.25 write=12.5 hour=20
        claude-fable-5 in=10 out=50 read=1 write=12.5 hour=20
        claude-opus-5-5 in=4 out=20 read=0.2 write=5 hour=8
        claude-opus-5 in=5 out=25 read=0.5 write=6.25 hour=10
        claude-opus-4-8 in=5 out=25 read=0.5 write=6.25 hour=10
        claude-opus-4-7 in=5 out=25 read=0.5 write=6.25 hour=10
        claude-opus-4-6 in=5 out=25 read=0.5 write=6.25 hour=10
        claude-opus-4-5 in=5 out=25 read=0.5 write=6.25 hour=10
        claude-sonnet-5-5 in=2 out=10 read=0.1 write=2.5 hour=4
        claude-sonnet-5 in=2 out=10 read=0.2 write=2.5 hour=4
        claude-sonnet-4-6 in=3 out=15 read=0.3 write=3.75 hour=6
        claude-sonnet-4-5 in=3 out=15 read=0.3 write=3.75 hour=6
        claude-sonnet-4-5 >200k in=6 out=22.5 read=0.6 write=7.5 hour=12
        claude-haiku-5-5 in=0.1 out=0.5 read=0.01 write=0.125 hour=0.2
        claude-haiku-5-5 >100k in=0.5 out=2.5 read=0.05 write=0.625 hour=1
        claude-haiku-4-5 in=1 out=5 read=0.1 write=1.25 hour=2
        gemini/gemini-3.8-flash in=0.75 out=3.75 read=0.075
        gemini/gemini-3.7-flash in=0.75 out=3.75 read=0.075
        gemini/gemini-3.6-flash in=0.75 out=3.75 read=0.075
        gemini/gemini-3.5-flash in=1.5 out=9 read=0.15 audio-in=1.5
        gemini/gemini-3.5-flash-lite in=0.3 out=2.5 read=0.03
        gemini/gemini-3.1-pro-preview in=2 out=12 read=0.2
        gemini/gemini-3.1-pro-preview >200k in=4 out=18 read=0.4
        gemini/gemini-3.1-flash-lite in=0.25 out=1.5 read=0.025 audio-in=0.5
        gemini/gemini-3-flash-preview in=0.5 out=3 read=0.05 audio-in=1
        gemini/gemini-2.5-pro in=1.25 out=10 read=0.125
        gemini/gemini-2.5-pro >200k in=2.5 out=15 read=0.25
        gemini/gemini-2.5-flash in=0.3 out=2.5 read=0.03 audio-in=1
        gemini/gemini-2.5-flash-lite in=0.1 out=0.4 read=0.01 audio-in=0.3
        mistral/mistral-large-2512 in=0.5 out=1.5 read=0.05
        mistral/mistral-medium-3-5 in=1.5 out=7.5 read=0.15
        mistral/mistral-medium-latest in=1.5 out=7.5 read=0.15
        mistral/mistral-small-2603 in=0.15 out=0.6 read=0.015
        mistral/mistral-small-latest in=0.15 out=0.6 read=0.015
        mistral/ministral-14b-2512 in=0.2 out=0.2 read=0.02
        mistral/ministral-8b-2512 in=0.15 out=0.15 read=0.015
        mistral/ministral-3b-2512 in=0.1 out=0.1 read=0.01
        mistral/codestral-2508 in=0.3 out=0.9 read=0.03
        mistral/mistral-embed in=0.1
        mistral/codestral-embed-2505 in=0.15 read=0.015
        xai/grok-4.7 in=2 out=6 read=0.5
        xai/grok-4.7 >200k in=4 out=12 read=1
        xai/grok-4.6 in=2 out=6 read=0.5
        xai/grok-4.6 >200k in=4 out=12 read=1
        xai/grok-4.5 in=2 out=6 read=0.3
        xai/grok-4.5 >200k in=4 out=12 read=0.6
        xai/grok-4.3 in=1.25 out=2.5 read=0.2
        xai/grok-4.3 >200k in=2.5 out=5 read=0.4
        xai/grok-4.20 in=1.25 out=2.5 read=0.2
        xai/grok-4.20 >200k in=2.5 out=5 read=0.4
        voyage/voyage-4-large in=0.12
        voyage/voyage-4 in=0.06
        voyage/voyage-4-lite in=0.02
        """
}
