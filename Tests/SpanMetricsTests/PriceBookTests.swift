import OTLP
import SpanMetrics
import Testing
import TraceStorage

@Suite struct PriceBookTests {
    private static func book(_ json: String) throws -> PriceBook {
        try PriceBook(json: Array(json.utf8))
    }

    /// Each model costs its number of dollars for a million tokens of input, so that a price tells whose it is.
    private static func book(inputs: KeyValuePairs<String, Double>, providers: [String: String] = [:]) throws
        -> PriceBook
    {
        let entries = inputs.map { id, usd in
            let provider = providers[id].map { #", "litellm_provider": "\#($0)""# } ?? ""
            return #""\#(id)": {"input_cost_per_token": \#(usd)e-6\#(provider)}"#
        }
        return try book("{" + entries.joined(separator: ", ") + "}")
    }

    private static func usage(_ change: (inout TokenUsage) -> Void) -> TokenUsage {
        var usage = TokenUsage()
        change(&usage)
        return usage
    }

    private static let million = usage { $0.uncachedInput = 1_000_000 }

    private static func isNear(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return abs(a - b) <= 1e-12 * max(1, abs(b))
    }

    // MARK: whose price

    private static let list: KeyValuePairs<String, Double> = [
        "gpt-4": 1, "gpt-4o": 2, "gpt-4o-2024-05-13": 3, "azure/gpt-4o": 4, "claude-sonnet-4-5": 5,
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0": 6, "anthropic.claude-opus-4-6-v1": 7, "gemini-2.5-pro": 8,
        "gemini/gemini-2.5-pro": 9, "vertex_ai/claude-sonnet-4-5": 10, "mistral/mistral-large-latest": 11,
        "xai/grok-4.3": 12, "groq/llama-3.3-70b-versatile": 13, "ft:gpt-4o-2024-08-06": 14, "claude-3-5-haiku": 15,
        "novita/deepseek/deepseek-v3": 16, "bedrock/us-east-1/anthropic.claude-v2:1": 17, "nova-pro": 18,
        "deepseek": 19, "mistral-large": 20, "llama-3": 21, "free-model": 0,
    ]

    @Test(arguments: [
        ("gpt-4o", "", 2), ("GPT-4o", "openai", 2), ("openai/gpt-4o", "", 2), ("litellm/openai/gpt-4o", "litellm", 2),
        ("gpt-4o-2024-05-13", "openai", 3), ("gpt-4o-2024-11-20", "openai", 2), ("gpt-4o-20241120", "", 2),
        ("gpt-4o-latest", "", 2),
        ("gpt-4o", "azure.ai.openai", 4), ("azure/gpt-4o", "", 4), ("gpt-4o-2024-11-20", "az.ai.openai", 4),
        // The snapshot's own price counts before the provider's price of the alias.
        ("gpt-4o-2024-05-13", "azure.ai.openai", 3),
        ("claude-sonnet-4-5-20250929", "anthropic", 5), ("anthropic/claude-sonnet-4-5", "openrouter", 5),
        ("claude-sonnet-4-5@20250929", "", 5), ("claude-sonnet-4-5@20250929", "gcp.vertex_ai", 10),
        ("projects/p/locations/us/publishers/anthropic/models/claude-sonnet-4-5@20250929", "", 10),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock", 6),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock", 5),
        ("bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", "", 5),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", 6),
        ("global.anthropic.claude-opus-4-6-v1", "aws.bedrock", 7),
        ("bedrock/us-east-1/anthropic.claude-v2:1", "aws.bedrock", 17), ("eu.amazon.nova-pro-v1:0", "aws.bedrock", 18),
        ("gemini-2.5-pro", "gcp.gemini", 9), ("models/gemini-2.5-pro", "gcp.gen_ai", 9), ("gemini-2.5-pro", "", 8),
        ("google/gemini-2.5-pro", "openrouter", 9),
        ("mistral-large-latest", "mistral_ai", 11), ("mistral-large-latest", "", 11), ("grok-4.3", "x_ai", 12),
        ("x-ai/grok-4.3", "openrouter", 12), ("llama-3.3-70b-versatile", "groq", 13),
        ("ft:gpt-4o-2024-08-06:company::id", "openai", 14), ("claude-3-5-haiku-latest", "anthropic", 15),
        ("deepseek/deepseek-v3", "novita", 16), ("free-model", "", 0),
    ])
    func aModelIsFoundInItsSpellings(model: String, provider: String, dollars: Double) throws {
        let price = try Self.book(inputs: Self.list).price(of: model, provider: provider)
        #expect(Self.isNear(price?.cost(of: Self.million), dollars))
    }

    @Test(arguments: [
        ("gpt-4-foo", ""), ("gpt-4o-audio-preview", "openai"), ("gpt-4o-audio-preview-2024-12-17", "openai"),
        ("gpt-4o-mini", ""), ("gpt", ""), ("gpt-4-0613", "openai"), ("gpt-4-32k", ""), ("gpt-4-1234567", ""),
        ("gpt-4-20241399", ""), ("gpt-4-2024-13-01", ""), ("gpt-4-19991231", ""), ("gpt-4@foo", ""),
        ("claude-sonnet-4", ""), ("claude-sonnet-4-6", "anthropic"), ("claude-sonnet-4-5-thinking", ""),
        // Somebody else's model under a maker's name.
        ("someone/gpt-4o", ""), ("meta/foo/gpt-4o", ""), ("ft:gpt-4o-2024-05-13:company::id", "openai"),
        ("ft:gpt-4o:company::id", "openai"), ("us.gpt-4o", "aws.bedrock"), ("mistral-large-2411", ""),
        ("deepseek-v3", ""), ("deepseek-v1:0", ""), ("deepseek-v1", ""), ("llama-3-8b", ""),
        ("llama-3.3-70b-versatile", ""), ("llama-3.3-70b-versatile", "together_ai"),
        ("free-model", "groq"), ("", "openai"), ("/", ""), ("-latest", ""), ("@", ""), ("-20241022", ""),
        ("models/", ""), (String(repeating: "a/", count: 128), ""), (String(repeating: "x", count: 300), ""),
    ])
    func anotherModelsPriceIsNeverTaken(model: String, provider: String) throws {
        #expect(try Self.book(inputs: Self.list).price(of: model, provider: provider) == nil)
    }

    @Test func aNameThatTwoMakersUseBelongsToNeither() throws {
        let book = try Self.book(inputs: ["mistral/twin": 1, "deepseek/twin": 2])
        #expect(book.price(of: "twin") == nil)
        #expect(Self.isNear(book.price(of: "twin", provider: "deepseek")?.cost(of: Self.million), 2))
    }

    @Test func aPriceOfNothingIsTheProvidersOwnOnly() throws {
        let book = try Self.book(inputs: ["gemma": 0], providers: ["gemma": "gemini"])
        #expect(book.price(of: "gemma", provider: "gcp.gemini")?.cost(of: Self.million) == 0)
        #expect(book.price(of: "gemma", provider: "aws.bedrock") == nil)
    }

    @Test func aFileIsLaidOverTheBuiltInTable() throws {
        let file = try Self.book(inputs: ["openai/gpt-4o": 99, "own": 1])
        let both = PriceBook.inForce(file: file)
        #expect(Self.isNear(both.price(of: "gpt-4o", provider: "openai")?.cost(of: Self.million), 99))
        #expect(Self.isNear(both.price(of: "gpt-4o")?.cost(of: Self.million), 99))
        #expect(both.price(of: "own") != nil)
        #expect(both.price(of: "o3") == PriceBook.builtIn.price(of: "o3"))
        // An entry replaces the other as a whole: the output's price is not left over from the table.
        #expect(both.price(of: "gpt-4o")?.cost(of: Self.usage { $0.visibleOutput = 1 }) == nil)
        #expect(PriceBook.inForce(file: file, isBuiltInUsed: false) == file)
        #expect(PriceBook.inForce(file: nil) == .builtIn)
        #expect(PriceBook.inForce(file: nil, isBuiltInUsed: false).count == 0)
    }

    @Test(arguments: [
        ("gpt-5.1", "openai", 1.25, 10.0, 0.125), ("claude-sonnet-4-5-20250929", "anthropic", 3, 15, 0.3),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "aws.bedrock", 1, 5, 0.1),
        ("gemini-2.5-flash", "gcp.vertex_ai", 0.3, 2.5, 0.03), ("grok-4.3", "x_ai", 1.25, 2.5, 0.2),
        ("mistral-large-2512", "mistral_ai", 0.5, 1.5, 0.05),
    ])
    func theBuiltInTableHasCurrentModels(
        model: String, provider: String, input: Double, output: Double, cacheRead: Double
    ) throws {
        let price = try #require(PriceBook.builtIn.price(of: model, provider: provider))
        let usages = [
            Self.usage { $0.uncachedInput = 1000 }, Self.usage { $0.visibleOutput = 1000 },
            Self.usage { $0.cacheRead = 1000 },
        ]
        for (usage, dollars) in zip(usages, [input, output, cacheRead]) {
            #expect(Self.isNear(price.cost(of: usage), dollars / 1000))
        }
    }

    @Test func theBuiltInTableIsWhole() throws {
        #expect(PriceBook.builtIn.count >= 40)
        #expect(PriceBook.builtIn.price(of: "text-embedding-3-small")?.mode == "embedding")
        #expect(PriceBook.builtIn.price(of: "gpt-4o-audio-preview", provider: "openai") == nil)
    }

    // MARK: what a call costs

    private static let priced = """
        {"m": {
            "input_cost_per_token": 2e-6, "output_cost_per_token": 10e-6, "cache_read_input_token_cost": 0.2e-6,
            "cache_creation_input_token_cost": 2.5e-6, "cache_creation_input_token_cost_above_1hr": 4e-6,
            "input_cost_per_audio_token": 32e-6, "output_cost_per_audio_token": 64e-6,
            "output_cost_per_reasoning_token": 20e-6, "mode": "chat", "litellm_provider": "openai",
            "deprecation_date": "2027-01-31"
        }, "bare": {"input_cost_per_token": 2e-6, "output_cost_per_token": 10e-6},
        "writes": {"input_cost_per_token": 2e-6, "cache_creation_input_token_cost": 2.5e-6},
        "embedding": {"input_cost_per_token": 1e-6, "output_cost_per_token": 0, "mode": "embedding"},
        "image": {"input_cost_per_token": 1e-6, "output_cost_per_token": 0, "output_cost_per_image": 0.04},
        "query": {"input_cost_per_token": 0, "input_cost_per_query": 0.002},
        "nothing": {"mode": "chat", "input_cost_per_token": null}}
        """

    private static let everyBucket = usage {
        $0.uncachedInput = 1
        $0.cacheRead = 10
        $0.cacheWrite = 100
        $0.cacheWriteHour = 1000
        $0.audioInput = 10_000
        $0.visibleOutput = 3
        $0.reasoning = 30
        $0.audioOutput = 300
    }

    @Test func eachBucketHasItsPrice() throws {
        let price = try #require(Self.book(Self.priced).price(of: "m"))
        // 2 + 2 + 250 + 4,000 + 320,000 of input, 30 + 600 + 19,200 of output.
        #expect(Self.isNear(price.cost(of: Self.everyBucket), 0.344084))
        #expect(price.mode == "chat")
        #expect(price.provider == "openai")
        #expect(price.deprecationDate == "2027-01-31")
        #expect(price.cost(of: TokenUsage()) == 0)
    }

    @Test(
        arguments: [
            ("bare", usage { $0.cacheRead = 1 }, 2), ("bare", usage { $0.reasoning = 1 }, 10),
            ("bare", usage { $0.audioInput = 1 }, 2), ("bare", usage { $0.audioOutput = 1 }, 10),
            ("bare", usage { $0.cacheWrite = 1 }, nil), ("bare", usage { $0.cacheWriteHour = 1 }, nil),
            ("writes", usage { $0.cacheWriteHour = 1 }, 2.5), ("writes", usage { $0.visibleOutput = 1 }, nil),
            ("embedding", usage { $0.uncachedInput = 1 }, 1), ("embedding", usage { $0.visibleOutput = 1 }, 0),
            ("image", usage { $0.uncachedInput = 1 }, 1), ("image", usage { $0.visibleOutput = 1 }, nil),
            ("query", usage { $0.uncachedInput = 1 }, nil), ("nothing", usage { $0.uncachedInput = 1 }, nil),
        ] as [(String, TokenUsage, Double?)])
    func whatHasNoPriceOfItsOwn(model: String, usage: TokenUsage, millionths: Double?) throws {
        let price = try #require(Self.book(Self.priced).price(of: model))
        #expect(Self.isNear(price.cost(of: usage).map { $0 * 1e6 }, millionths))
    }

    private static let tiers = """
        {"m": {
            "input_cost_per_token": 1e-6, "input_cost_per_token_above_128k_tokens": 2e-6,
            "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_flex": 0.5e-6,
            "input_cost_per_token_priority": 3e-6, "input_cost_per_token_priority_above_200k_tokens": 8e-6,
            "input_cost_per_token_above_200k_tokens_batches": 2.5e-6,
            "output_cost_per_token": 10e-6, "output_cost_per_token_above_200k_tokens": 15e-6,
            "output_cost_per_token_batches": 5e-6, "output_cost_per_token_priority": 20e-6,
            "output_cost_per_reasoning_token": 10e-6, "cache_read_input_token_cost": 0.1e-6,
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 7e-6
        }, "xai/m": {
            "litellm_provider": "xai", "input_cost_per_token": 1e-6, "input_cost_per_token_above_200k_tokens": 2e-6
        }, "steps": {
            "input_cost_per_token": 9e-6, "output_cost_per_token": 3e-6, "tiered_pricing": [
                {"range": [0, 32000.0], "input_cost_per_token": 1e-6, "other": {}},
                {"input_cost_per_token": 2e-6, "range": [32000, 128000]}]
        }}
        """

    @Test(
        arguments: [
            ("m", .standard, usage { $0.uncachedInput = 128_000 }, 128_000),
            ("m", .standard, usage { $0.uncachedInput = 128_001 }, 256_002),
            ("m", .standard, usage { $0.uncachedInput = 200_000 }, 400_000),
            ("m", .standard, usage { $0.uncachedInput = 200_001 }, 800_004),
            // All input counts for the step, and the output's price goes with it.
            ("m", .standard, usage { ($0.uncachedInput, $0.cacheRead, $0.visibleOutput) = (1, 200_000, 2) }, 20_034),
            // A price without a step stays what it is.
            ("m", .standard, usage { ($0.audioInput, $0.reasoning) = (200_001, 1) }, 800_014),
            ("m", .standard, usage { $0.cacheWriteHour = 200_001 }, 1_400_007),
            ("m", .standard, usage { $0.cacheWriteHour = 1 }, nil),
            ("m", .flex, usage { $0.uncachedInput = 1000 }, 500),
            ("m", .batch, usage { $0.visibleOutput = 1000 }, 5000),
            // What is not stated is no discount.
            ("m", .batch, usage { $0.uncachedInput = 1000 }, 1000), ("m", .flex, usage { $0.visibleOutput = 1 }, 10),
            ("m", .flex, usage { $0.uncachedInput = 150_000 }, 300_000),
            ("m", .batch, usage { $0.uncachedInput = 300_000 }, 750_000),
            ("m", .priority, usage { $0.uncachedInput = 1000 }, 3000),
            ("m", .priority, usage { $0.uncachedInput = 300_000 }, 2_400_000),
            // A surcharge that is not stated is unknown, for the step or at all.
            ("m", .priority, usage { $0.uncachedInput = 150_000 }, nil),
            ("m", .priority, usage { $0.cacheRead = 1 }, nil),
            ("xai/m", .priority, usage { $0.uncachedInput = 1 }, nil),
            // Reasoning that costs what output costs does so in each tier.
            ("m", .priority, usage { $0.reasoning = 1 }, 20), ("m", .batch, usage { $0.reasoning = 1 }, 5),
            ("xai/m", .standard, usage { $0.uncachedInput = 199_999 }, 199_999),
            ("xai/m", .standard, usage { $0.uncachedInput = 200_000 }, 400_000),
            ("steps", .standard, usage { ($0.uncachedInput, $0.visibleOutput) = (32_000, 1) }, 32_003),
            ("steps", .standard, usage { ($0.uncachedInput, $0.visibleOutput) = (32_001, 1) }, 64_005),
            ("steps", .standard, usage { $0.uncachedInput = 500_000 }, 1_000_000),
        ] as [(String, ServiceTier, TokenUsage, Double?)])
    func stepsAndTiersHaveTheirPrices(model: String, tier: ServiceTier, usage: TokenUsage, millionths: Double?) throws {
        let price = try #require(Self.book(Self.tiers).price(of: model))
        #expect(Self.isNear(price.cost(of: usage, tier: tier).map { $0 * 1e6 }, millionths))
    }

    // MARK: broken lists

    private static let usdExpected = "expected a number of US dollars for one token from 0 to 0.1"

    @Test(arguments: [
        ("[]", "prices: expected an object at byte 0"), ("", "prices: expected an object at byte 0"),
        ("{} x", "prices: expected the end of the text at byte 3"),
        (#"{"m": 1}"#, "prices: model 'm': expected an object"),
        (#"{"": {}}"#, "prices: model '': expected an id of 1 to 256 bytes"),
        (#"{"m": {"input_cost_per_token": "2e-6"}}"#, #"m': input_cost_per_token: "2e-6", \#(usdExpected)"#),
        (#"{"m": {"input_cost_per_token": -1e-6}}"#, "m': input_cost_per_token: -1e-6, \(usdExpected)"),
        (#"{"m": {"output_cost_per_token_flex": NaN}}"#, "m': output_cost_per_token_flex: NaN, \(usdExpected)"),
        (#"{"m": {"output_cost_per_token": 1e999}}"#, "m': output_cost_per_token: 1e999, \(usdExpected)"),
        // A price for a million tokens.
        (#"{"m": {"input_cost_per_token": 2.5, "x": 1}}"#, "m': input_cost_per_token: 2.5, \(usdExpected)"),
        (#"{"m": {"cache_read_input_token_cost": []}}"#, "m': cache_read_input_token_cost: [, \(usdExpected)"),
        (#"{"m": {"cache_read_input_token_cost": true}}"#, "m': cache_read_input_token_cost: true, \(usdExpected)"),
        (#"{"m": {"mode": 1}}"#, "m': mode: 1, expected a string"),
        (#"{"m": {"tiered_pricing": 1}}"#, "m': tiered_pricing: 1, expected an array"),
        (#"{"m": {"tiered_pricing": [1]}}"#, "m': tiered_pricing: 1, expected objects"),
        (
            #"{"m": {"tiered_pricing": [{"input_cost_per_token": 1e-6}]}}"#,
            "m': tiered_pricing: no range, expected one in each object"
        ),
        (
            #"{"m": {"tiered_pricing": [{"range": [-1, 2]}]}}"#,
            "m': tiered_pricing: range: -1, expected an array of two numbers of tokens"
        ),
        (
            #"{"m": {"tiered_pricing": [{"range": [1]}]}}"#,
            "m': tiered_pricing: range: 1 numbers, expected an array of two numbers of tokens"
        ),
        (#"{"m": {"price_periods": {}}}"#, "m': price_periods: {, expected an array"),
        (#"{"m": {"price_periods": [1]}}"#, "m': price_periods: 1, expected objects"),
        (
            #"{"m": {"price_periods": [{"input_cost_per_token": 1e-6}]}}"#,
            "m': price_periods: no from, expected \(fromExpected) in each object"
        ),
        (
            #"{"m": {"price_periods": [{"from": "2026-02-30"}]}}"#,
            "m': price_periods: from: \"2026-02-30\", expected \(fromExpected)"
        ),
        (
            #"{"m": {"price_periods": [{"from": 20261201}]}}"#,
            "m': price_periods: from: 20261201, expected \(fromExpected)"
        ),
        (
            #"{"m": {"price_periods": [{"from": "2026-12-01", "input_cost_per_token": 3}]}}"#,
            "m': input_cost_per_token: 3, expected a number of US dollars for one token from 0 to 0.1"
        ),
        (
            #"{"m": {"price_periods": [{"from": "2026-12-01"}, {"from": "2026-12-01T01:00:00+01:00"}]}}"#,
            "m': price_periods: two from one time, expected each from another"
        ),
    ])
    func aBrokenListIsRefusedWithItsPlace(json: String, error: String) throws {
        let thrown = try #require(throws: PriceBookError.self) { try Self.book(json) }
        #expect(thrown.description.hasSuffix(error), "\(thrown)")
        #expect(thrown.description.hasPrefix("prices: "))
    }

    // MARK: periods

    private static let fromExpected =
        "a date such as 2026-12-01, in UTC, or a time such as 2026-12-01T00:00:00+01:00"

    private static let periods = """
        {"m": {"litellm_provider": "xai", "input_cost_per_token": 1e-6, "price_periods": [
           {"from": "2026-12-01", "input_cost_per_token": 2e-6, "input_cost_per_token_above_128k_tokens": 5e-6},
           {"output_cost_per_token": 7e-6, "from": "2027-01-01T00:00:00+01:00"},
           {"from": "2026-07-01", "input_cost_per_token": 0}]},
         "later": {"price_periods": [{"from": "2026-12-01", "input_cost_per_token": 3e-6}]},
         "none": {"input_cost_per_token": 4e-6, "price_periods": null}}
        """

    @Test(
        arguments: [
            ("2026-06-30T23:59:59.999999999Z", "m", 1), ("2026-07-01T00:00:00Z", "m", 0),
            ("2026-11-30T23:59:59.999999999Z", "m", 0), ("2026-12-01T00:00:00Z", "m", 5),
            ("2026-12-31T22:59:59.999999999Z", "m", 5), ("2026-12-31T23:00:00Z", "m", nil),
            ("2030-01-01T00:00:00Z", "m", nil), ("1970-01-01T00:00:00Z", "m", 1),
            ("2026-11-30T23:59:59Z", "later", nil), ("2026-12-01T00:00:00Z", "later", 3),
            ("2026-12-01T00:00:00Z", "none", 4),
        ] as [(String, String, Double?)])
    func aCallHasThePriceOfTheTimeAtWhichItBegan(_ text: String, _ model: String, _ dollars: Double?) throws {
        let time = try #require(TimeText.parseRFC3339(text))
        let price = try #require(try Self.book(Self.periods).price(of: model))
        #expect(Self.isNear(price.cost(of: Self.million, at: time), dollars))
        // What a period does not state is not taken over from before.
        let output = price.cost(of: Self.usage { $0.visibleOutput = 1_000_000 }, at: time)
        #expect(Self.isNear(output, model == "m" && dollars == nil ? 7 : nil))
    }

    @Test func aFreePeriodMakesNoModelFree() throws {
        let book = try Self.book(Self.periods)
        #expect(try #require(book.price(of: "m")).isEmpty == false && book.price(of: "later")?.isEmpty == false)
        #expect(book.price(of: "m", provider: "openai") != nil)
        #expect(book.price(of: "none")?.price(at: 0) == book.price(of: "none"))
    }

    @Test func whatIsNoPriceIsIgnored() throws {
        let book = try Self.book(
            """
            {"sample_spec": {"input_cost_per_token": "text"}, "fallback_generalizations": [{}],
             "m": {"input_cost_per_token": 1e-6, "input_cost_per_token_above_foo": "x", "input_cost_per_tokens": [],
                   "input_cost_per_token_ultrafast": 9, "tiered_pricing": [{"max_results_range": [0, 9]}],
                   "supports": {"a": [1, null]}, "input_cost_per_second": "x",
                   "input_cost_per_token_flex_flex": 5, "input_cost_per_token_above_k_tokens": 5,
                   "input_cost_per_token_above_9999999999k_tokens": 5}}
            """)
        #expect(book.count == 1)
        #expect(Self.isNear(book.price(of: "m")?.cost(of: Self.million), 1))
        #expect(book.price(of: "sample_spec") == nil)
    }

    @Test func theLastOfTwoEntriesWins() throws {
        let book = try Self.book(
            """
            {"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
             "M": {"input_cost_per_token": 2e-6, "input_cost_per_token": 3e-6}}
            """)
        #expect(book.count == 1)
        #expect(Self.isNear(book.price(of: "m")?.cost(of: Self.million), 3))
        #expect(book.price(of: "m")?.cost(of: Self.usage { $0.visibleOutput = 1 }) == nil)
    }

    @Test func aListCutAtAnyByteIsRefused() throws {
        for list in [Self.priced, Self.tiers, Self.periods] {
            let bytes = Array(list.utf8)
            for count in 0..<bytes.count {
                #expect(throws: PriceBookError.self) { try PriceBook(json: Array(bytes[..<count])) }
            }
        }
    }

    @Test func aListWithAnyByteChangedIsReadOrRefused() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("PriceBookTests seed \(seed)")
        var state = seed
        let bytes = Array(Self.tiers.utf8)
        for index in bytes.indices {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var changed = bytes
            changed[index] = UInt8(truncatingIfNeeded: state >> 33)
            guard let book = try? PriceBook(json: changed) else { continue }
            for model in ["m", "xai/m", "steps"] {
                let cost = book.price(of: model)?.cost(of: Self.million)
                #expect(cost.map { $0 >= 0 && $0 <= 100_000 } ?? true)
            }
        }
    }

    @Test func limitsRefuseAListThatIsTooLarge() throws {
        let models = { (count: Int) in "{" + (0..<count).map { #""\#($0)":{}"# }.joined(separator: ",") + "}" }
        #expect(try Self.book(models(PriceBook.modelsMax)).count == PriceBook.modelsMax)
        #expect(throws: PriceBookError.tooManyModels) { try Self.book(models(PriceBook.modelsMax + 1)) }

        let prices = (1...PriceBook.ratesMax + 1).map { #""input_cost_per_token_above_\#($0)_tokens": 0"# }
        #expect(throws: PriceBookError.tooManyPrices(model: "m")) {
            try Self.book(#"{"m": {"# + prices.joined(separator: ",") + "}}")
        }
        let bytes = [UInt8](repeating: UInt8(ascii: " "), count: PriceBook.bytesMax + 1)
        #expect(throws: PriceBookError.tooLarge(bytes: bytes.count)) { try PriceBook(json: bytes) }
        let id = String(repeating: "x", count: PriceBook.modelBytesMax + 1)
        #expect(throws: PriceBookError.self) { try Self.book(#"{"\#(id)": {}}"#) }
        let nested = String(repeating: "[", count: 100_000)
        #expect(throws: PriceBookError.self) { try Self.book(#"{"m": {"x": \#(nested)"#) }
    }

    // MARK: which cost counts

    @Test(
        arguments: [
            (.computedFirst, 1, 2, million, CallCost(usd: 1, source: .computed, otherUSD: 2)),
            (.reportedFirst, 1, 2, million, CallCost(usd: 2, source: .reported, otherUSD: 1)),
            (.computedFirst, nil, 2, million, CallCost(usd: 2, source: .reported)),
            (.reportedFirst, 1, nil, million, CallCost(usd: 1, source: .computed)),
            (.reportedFirst, 1, 0, million, CallCost(usd: 1, source: .computed)),
            (.computedFirst, nil, 0, million, CallCost(usd: 0, source: .unknown)),
            (.computedFirst, nil, 0, nil, CallCost(usd: 0, source: .reported)),
            (.reportedFirst, nil, -1, million, CallCost(usd: 0, source: .unknown)),
            (.reportedFirst, nil, .nan, million, CallCost(usd: 0, source: .unknown)),
            (.reportedFirst, 1, .infinity, million, CallCost(usd: 1, source: .computed)),
            (.computedFirst, nil, nil, million, CallCost(usd: 0, source: .unknown)),
            (.computedFirst, 0, 5, million, CallCost(usd: 0, source: .computed, otherUSD: 5)),
        ] as [(CostPolicy, Double?, Double?, TokenUsage?, CallCost)])
    func thePolicySaysWhichCostCounts(
        policy: CostPolicy, computed: Double?, reported: Double?, usage: TokenUsage?, cost: CallCost
    ) {
        #expect(policy.cost(computed: computed, reported: reported, usage: usage) == cost)
    }

    @Test func aCallOfAnUnknownModelHasAnUnknownCost() throws {
        let book = try Self.book(inputs: ["m": 3])
        let policy = CostPolicy.computedFirst
        let known = policy.cost(of: Self.million, model: "m", provider: "", reported: nil, prices: book)
        #expect(known.source == .computed)
        #expect(Self.isNear(known.usd, 3))
        let unknown = policy.cost(of: Self.million, model: "m-2", provider: "", reported: nil, prices: book)
        #expect(unknown == CallCost(usd: 0, source: .unknown))
        let silent = policy.cost(of: nil, model: "m", provider: "", reported: 0.5, prices: book)
        #expect(silent == CallCost(usd: 0.5, source: .reported))
    }
}
