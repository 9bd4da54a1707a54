import OTLP
import TraceStorage

extension PriceBook {
    /// Reads a list in the format of LiteLLM's `model_prices_and_context_window.json`: an object of models, each with
    /// prices in US dollars for one token.
    ///
    /// An entry may have a field that LiteLLM's have not, `price_periods`: objects with prices as an entry's, and the
    /// time `from` which they hold instead of those beside the field, a date in UTC or RFC 3339.
    ///
    /// Fields that are none of ``ModelPrice`` are ignored, whatever they hold. Of two entries for the same id, or two
    /// fields of the same name, the last wins; ids differ by more than case.
    ///
    /// Takes time and memory in proportion to the text.
    package init(json: [UInt8]) throws(PriceBookError) {
        self.init()
        guard json.count <= Self.bytesMax else { throw .tooLarge(bytes: json.count) }
        var reader = JSONReader(json)
        do {
            try reader.enterObject()
            while let key = try reader.nextMember() {
                let id = String(decoding: try reader.unescaped(key), as: UTF8.self)
                // What the list says about itself.
                if id == "sample_spec" || id == "fallback_generalizations" {
                    try reader.skipValue()
                    continue
                }
                guard !id.isEmpty, id.utf8.count <= Self.modelBytesMax else {
                    let start = String(id.prefix(40)) + (id.isEmpty ? "" : "…")
                    throw PriceBookError.model(start, expected: "an id of 1 to \(Self.modelBytesMax) bytes")
                }
                var entry = PriceEntryReader(model: id)
                try entry.read(&reader)
                guard count < Self.modelsMax || contains(id: id) else { throw PriceBookError.tooManyModels }
                add(try entry.finished(), id: id)
            }
            try reader.finish()
        } catch let error as JSONError {
            throw .json(error)
        } catch let error as PriceBookError {
            throw error
        } catch {
            // Nothing else is thrown above.
            throw .json(reader.failure("\(error)"))
        }
    }
}

/// Reads what a list says about one model.
private struct PriceEntryReader {
    /// US dollars for one token. The dearest that LiteLLM lists is a tenth of it; prices for a thousand or a million
    /// tokens are mostly past it, and a list with one is refused.
    private static let usdMax = 0.1
    private static let priceExpected = "a number of US dollars for one token from 0 to \(usdMax)"

    let model: String
    private var price = ModelPrice()
    /// From `tiered_pricing`, which counts before the fields beside it.
    private var tiered: [PriceRate] = []
    /// Sides (`input`, `output`) that are sold by another unit too.
    private var isInputSoldOtherwise = false
    private var isOutputSoldOtherwise = false
    private var periods: [(start: UInt64, price: ModelPrice)] = []
    /// Of a period: when it begins, unix nanoseconds.
    private var start: UInt64?
    private let isPeriod: Bool

    init(model: String, isPeriod: Bool = false) {
        self.model = model
        self.isPeriod = isPeriod
    }

    mutating func read(_ reader: inout JSONReader) throws {
        guard try kind(&reader, "", expected: "an object") == .object else {
            throw PriceBookError.model(model, expected: "an object")
        }
        try reader.enterObject()
        while let key = try reader.nextMember() {
            let name = String(decoding: try reader.unescaped(key), as: UTF8.self)
            switch name {
            case "litellm_provider": price.provider = try text(&reader, name) ?? ""
            case "mode": price.mode = try text(&reader, name) ?? ""
            case "deprecation_date": price.deprecationDate = try text(&reader, name)
            case "tiered_pricing": try readSteps(&reader)
            case Self.periodsName where !isPeriod: try readPeriods(&reader)
            case "from" where isPeriod: start = try time(&reader)
            default:
                if let place = PriceRate.Place(field: name) {
                    try set(place, try usd(&reader, name))
                } else {
                    try readOther(&reader, name)
                }
            }
        }
    }

    /// The price once all of its fields were read.
    func finished() throws(PriceBookError) -> ModelPrice {
        var price = price
        for period in periods {
            guard price.add(period.price, from: period.start) else {
                throw .field(
                    model: model, name: Self.periodsName, found: "two from one time", expected: "each from another")
            }
        }
        if !tiered.isEmpty {
            let places = Set(tiered.map(\.place.bucket)).union([.input, .cacheRead, .cacheWrite, .cacheWriteHour])
            price.remove { $0.place.tier == .standard && places.contains($0.place.bucket) }
            for rate in tiered { price.set(rate) }
        }
        if isInputSoldOtherwise { price.remove { $0.place.bucket == .input && $0.usd == 0 } }
        if isOutputSoldOtherwise { price.remove { $0.place.bucket == .output && $0.usd == 0 } }
        return price
    }

    private mutating func set(_ place: PriceRate.Place, _ usd: Double?) throws(PriceBookError) {
        guard let usd else { return }
        guard price.rateCount < PriceBook.ratesMax else { throw .tooManyPrices(model: model) }
        price.set(PriceRate(place: place, usd: usd))
    }

    /// Prices by other units do not matter but for what they say about a token's price of 0.
    private mutating func readOther(_ reader: inout JSONReader, _ name: String) throws(JSONError) {
        let isInput = name.hasPrefix("input_cost_per_")
        guard isInput || name.hasPrefix("output_cost_per_"), try reader.kind() == .number else {
            return try reader.skipValue()
        }
        let range = try reader.number()
        guard let value = Double(String(decoding: reader.bytes[range], as: UTF8.self)), value > 0 else { return }
        if isInput { isInputSoldOtherwise = true } else { isOutputSoldOtherwise = true }
    }

    /// `[{"range": [0, 32000], "input_cost_per_token": …}, …]`: the price of a call by the range of its input, the end
    /// of a range belonging to it.
    private mutating func readSteps(_ reader: inout JSONReader) throws {
        let name = "tiered_pricing"
        tiered = []
        guard try enterArray(&reader, name) else { return }
        while try nextObject(&reader, name) { try readStep(&reader, name) }
    }

    private mutating func readStep(_ reader: inout JSONReader, _ name: String) throws {
        var above: Double?
        var rates: [PriceRate] = []
        try reader.enterObject()
        while let key = try reader.nextMember() {
            let field = String(decoding: try reader.unescaped(key), as: UTF8.self)
            if field == "range" {
                above = try start(&reader, "\(name): range")
            } else if let place = PriceRate.Place(field: field), place.above == 0 {
                guard let usd = try usd(&reader, "\(name): \(field)") else { continue }
                guard tiered.count + rates.count < PriceBook.ratesMax else {
                    throw PriceBookError.tooManyPrices(model: model)
                }
                rates.append(PriceRate(place: place, usd: usd))
            } else {
                try reader.skipValue()
            }
        }
        // Searches have steps by the number of results.
        guard !rates.isEmpty else { return }
        guard let above else {
            throw PriceBookError.field(model: model, name: name, found: "no range", expected: "one in each object")
        }
        for var rate in rates {
            rate.place.above = UInt64(above)
            tiered.append(rate)
        }
    }

    /// The first number of a range.
    private func start(_ reader: inout JSONReader, _ name: String) throws -> Double {
        let expected = "an array of two numbers of tokens"
        guard try kind(&reader, name, expected: expected) == .array else {
            throw broken(name, reader, expected: expected)
        }
        try reader.enterArray()
        var numbers: [Double] = []
        while try reader.nextElement() {
            guard try kind(&reader, name, expected: expected) == .number else {
                throw broken(name, reader, expected: expected)
            }
            let before = reader
            let text = String(decoding: reader.bytes[try reader.number()], as: UTF8.self)
            guard numbers.count < 2, let number = Double(text), (0...1e9).contains(number) else {
                throw broken(name, before, expected: expected)
            }
            numbers.append(number)
        }
        guard numbers.count == 2 else {
            throw PriceBookError.field(
                model: model, name: name, found: "\(numbers.count) numbers", expected: expected)
        }
        return numbers[0]
    }

    // MARK: periods

    private static let periodsName = "price_periods"

    /// `[{"from": "2026-12-01", "input_cost_per_token": …}, …]`, in any order.
    private mutating func readPeriods(_ reader: inout JSONReader) throws {
        let name = Self.periodsName
        periods = []
        guard try enterArray(&reader, name) else { return }
        while try nextObject(&reader, name) {
            guard periods.count < PriceBook.periodsMax else {
                throw PriceBookError.field(
                    model: model, name: name, found: "more", expected: "at most \(PriceBook.periodsMax) objects")
            }
            var period = PriceEntryReader(model: model, isPeriod: true)
            try period.read(&reader)
            guard let start = period.start else {
                throw PriceBookError.field(
                    model: model, name: name, found: "no from", expected: "\(Self.timeExpected) in each object")
            }
            periods.append((start, try period.finished()))
        }
    }

    private static let timeExpected = "a date such as 2026-12-01, in UTC, or a time such as 2026-12-01T00:00:00+01:00"

    private func time(_ reader: inout JSONReader) throws -> UInt64 {
        let name = "\(Self.periodsName): from"
        guard try kind(&reader, name, expected: Self.timeExpected) == .string else {
            throw broken(name, reader, expected: Self.timeExpected)
        }
        let before = reader
        let text = String(decoding: try reader.unescaped(try reader.string()), as: UTF8.self)
        guard let time = TimeText.parseRFC3339(text.utf8.count == 10 ? text + "T00:00:00Z" : text) else {
            throw broken(name, before, expected: Self.timeExpected)
        }
        return time
    }

    // MARK: values

    /// A price; nil for `null`, which states none.
    private func usd(_ reader: inout JSONReader, _ name: String) throws -> Double? {
        guard try kind(&reader, name, expected: Self.priceExpected) == .number else {
            try skipNull(&reader, name, expected: Self.priceExpected)
            return nil
        }
        let before = reader
        let text = String(decoding: reader.bytes[try reader.number()], as: UTF8.self)
        guard let usd = Double(text), (0...Self.usdMax).contains(usd) else {
            throw broken(name, before, expected: Self.priceExpected)
        }
        return usd
    }

    private func text(_ reader: inout JSONReader, _ name: String) throws -> String? {
        guard try kind(&reader, name, expected: "a string") == .string else {
            try skipNull(&reader, name, expected: "a string")
            return nil
        }
        return String(decoding: try reader.unescaped(try reader.string()), as: UTF8.self)
    }

    /// False for `null`, which stands for no elements.
    private func enterArray(_ reader: inout JSONReader, _ name: String) throws -> Bool {
        guard try kind(&reader, name, expected: "an array") == .array else {
            try skipNull(&reader, name, expected: "an array")
            return false
        }
        try reader.enterArray()
        return true
    }

    /// Whether another element follows; one that is no object is an error.
    private func nextObject(_ reader: inout JSONReader, _ name: String) throws -> Bool {
        guard try reader.nextElement() else { return false }
        guard try kind(&reader, name, expected: "objects") == .object else {
            throw broken(name, reader, expected: "objects")
        }
        return true
    }

    private func skipNull(_ reader: inout JSONReader, _ name: String, expected: String) throws {
        if try !reader.takeNull() { throw broken(name, reader, expected: expected) }
    }

    /// What the next value is. `NaN` and the like are a broken value of the field, not a broken text.
    private func kind(_ reader: inout JSONReader, _ name: String, expected: String) throws -> JSONReader.Kind {
        if let kind = try? reader.kind() { return kind }
        guard !reader.isAtEnd else { throw reader.failure("the text ends where a value was expected") }
        throw broken(name, reader, expected: expected)
    }

    /// The error for the value at which `reader` stands.
    private func broken(_ name: String, _ reader: JSONReader, expected: String) -> PriceBookError {
        let ends: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: "\n")]
        let found = reader.bytes[reader.offset...].prefix(40).prefix { !ends.contains($0) }
        return .field(model: model, name: name, found: String(decoding: found, as: UTF8.self), expected: expected)
    }
}
