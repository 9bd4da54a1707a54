import OTLP
import SpanMetrics
import TraceStorage

extension GenAIConfiguration {
    /// `connectors.gen_ai` without its prices.
    init(_ section: ConfigurationSection) {
        self.init()
        waitNanoseconds = Self.nanoseconds(section, "wait", waitNanoseconds, in: .zero ... .seconds(3600))
        lateWaitNanoseconds = Self.nanoseconds(section, "late_wait", lateWaitNanoseconds, in: .zero ... .seconds(3600))
        if lateWaitNanoseconds < waitNanoseconds {
            section.fail("late_wait", "is shorter than wait, expected at least as long")
        }
        pendingSpansMax = section.integer("max_pending_spans", default: pendingSpansMax, in: 1_000...10_000_000)
        aggregationCardinalityLimit = section.integer(
            "aggregation_cardinality_limit", default: aggregationCardinalityLimit, in: 0...Int.max)
        readAttribution(section)
    }

    private static func nanoseconds(
        _ section: ConfigurationSection, _ key: String, _ standard: UInt64, in range: ClosedRange<Duration>
    ) -> UInt64 {
        UInt64(section.duration(key, default: .nanoseconds(Int64(standard)), in: range).nanosecondsClamped)
    }

    private mutating func readAttribution(_ section: ConfigurationSection) {
        guard section.has("attribution") else { return }
        attribution = section.sections("attribution").map { item in
            let name = item.string("name", default: "")
            let attributes = item.strings("attributes") ?? []
            if name.isEmpty { item.fail("name", "is missing, expected a word such as user") }
            if attributes.isEmpty { item.fail("attributes", "is missing, expected a list of attributes' keys") }
            item.end()
            return Attribution(name: name, attributes: attributes)
        }
        guard attribution.count <= Self.attributionsMax else {
            section.fail("attribution", "has \(attribution.count) entries, expected at most \(Self.attributionsMax)")
            return
        }
        var taken: Set = ["model", "provider", "agent", "service", "operation", "conversation"]
        for entry in attribution where !taken.insert(entry.name).inserted {
            section.fail("attribution", "'\(entry.name)' comes twice or is a key already, expected another name")
        }
    }
}

/// `connectors.gen_ai`: what is derived from calls of models.
package struct GenAISettings: Sendable {
    package var configuration = GenAIConfiguration()
    /// `prices.file`: prices in LiteLLM's format, beside the built-in ones; nil for those alone.
    package var pricesFile: String?
    /// `prices.builtin`: whether models that the file does not have are priced by the built-in table.
    package var usesBuiltInPrices = true
    /// `cost`: which cost is summed where a span has one and it can be computed, too.
    package var costPolicy = CostPolicy.computedFirst

    package init() {}

    package init(_ section: ConfigurationSection) {
        configuration = GenAIConfiguration(section)
        costPolicy = section.choice(
            "cost", default: costPolicy, CostPolicy.allCases.map { ($0.rawValue, $0) })
        let prices = section.section("prices")
        pricesFile = prices.optionalString("file")
        usesBuiltInPrices = prices.boolean("builtin", default: true)
        prices.end()
        section.end()
    }

    /// Reads the file of prices.
    func costModel() throws(PricesFileError) -> CostModel {
        var book: PriceBook?
        if let pricesFile { book = try Self.read(pricesFile) }
        return CostModel(prices: .inForce(file: book, isBuiltInUsed: usesBuiltInPrices), policy: costPolicy)
    }

    private static func read(_ path: String) throws(PricesFileError) -> PriceBook {
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try POSIXFileSystem().open(path, .read)
            defer { file.close() }
            bytes = try file.readBytes(at: 0, count: min(try file.size(), PriceBook.bytesMax + 1))
        } catch { throw PricesFileError(description: "connectors.gen_ai.prices.file: \(error)") }
        do throws(PriceBookError) { return try PriceBook(json: bytes) } catch {
            throw PricesFileError(description: "connectors.gen_ai.prices.file: \(path): \(error)")
        }
    }
}

/// Why the prices cannot be used.
struct PricesFileError: Error, CustomStringConvertible {
    let description: String
}
