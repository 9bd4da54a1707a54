import OTLP
import SpanMetrics
import TraceStorage

extension GenAIConfiguration {
    /// `connectors.gen_ai` without its prices.
    init(_ section: ConfigurationSection) {
        self.init()
        isEnabled = section.boolean("enabled", default: isEnabled)
        waitNanoseconds = Self.nanoseconds(section, "wait", waitNanoseconds, in: .zero ... .seconds(3600))
        lateWaitNanoseconds = Self.nanoseconds(section, "late_wait", lateWaitNanoseconds, in: .zero ... .seconds(3600))
        if lateWaitNanoseconds < waitNanoseconds {
            section.fail("late_wait", "is shorter than wait, expected at least as long")
        }
        pendingSpansMax = section.integer("max_pending_spans", default: pendingSpansMax, in: 1_000...10_000_000)
        aggregationCardinalityLimit = section.integer(
            "aggregation_cardinality_limit", default: aggregationCardinalityLimit, in: 0...Int.max)
        readAttribution(section)
        readHistogramAttribution(section)
        let retention = section.section("retention")
        retentionNanoseconds = Self.nanoseconds(
            retention, "max_age", retentionNanoseconds, in: .seconds(86_400) ... .seconds(86_400 * 3650))
        retentionBytes = retention.integer("max_bytes", default: retentionBytes, in: (1 << 20)...Int.max)
        retention.end()
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
        var labels = GenAIConfiguration.ownLabels
        for entry in attribution {
            let label = PrometheusName.label(entry.name)
            if label.hasPrefix("__") {
                section.fail(
                    "attribution", "'\(entry.name)' would be a label of Prometheus's own, expected another name")
            } else if !taken.insert(entry.name).inserted || !labels.insert(label).inserted {
                section.fail("attribution", "'\(entry.name)' comes twice or is a key already, expected another name")
            }
        }
    }

    /// Each of the names of attribution at most once, so that there are no more of them either.
    private mutating func readHistogramAttribution(_ section: ConfigurationSection) {
        let key = "histogram_attribution"
        histogramAttribution = section.strings(key) ?? histogramAttribution
        let names = attribution.map(\.name)
        let expected = names.isEmpty ? "none, as attribution has none" : "one of " + names.joined(separator: ", ")
        var taken: Set<String> = []
        for name in histogramAttribution {
            if !names.contains(name) {
                section.fail(key, "'\(name)' is no key of attribution, expected \(expected)")
            } else if !taken.insert(name).inserted {
                section.fail(key, "'\(name)' comes twice, expected each key once")
            }
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
    /// `cost`: which cost is summed where a span has one and it can be computed, too; with the prices that were read.
    package var costs = CostModel()

    package init() {}

    package init(_ section: ConfigurationSection) {
        configuration = GenAIConfiguration(section)
        let policy = section.choice("cost", default: costs.policy, CostPolicy.allCases.map { ($0.rawValue, $0) })
        let prices = section.section("prices")
        pricesFile = prices.optionalString("file")
        usesBuiltInPrices = prices.boolean("builtin", default: true)
        var book: PriceBook?
        if let pricesFile {
            switch Self.read(pricesFile) {
            case .success(let read): book = read
            case .failure(let error): prices.fail("file", error.description)
            }
        }
        costs = CostModel(prices: .inForce(file: book, isBuiltInUsed: usesBuiltInPrices), policy: policy)
        prices.end()
        section.end()
    }

    private struct Failure: Error {
        let description: String
    }

    private static func read(_ path: String) -> Result<PriceBook, Failure> {
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try POSIXFileSystem().open(path, .read)
            defer { file.close() }
            bytes = try file.readBytes(at: 0, count: min(try file.size(), PriceBook.bytesMax + 1))
        } catch { return .failure(Failure(description: "\(error)")) }
        do throws(PriceBookError) { return .success(try PriceBook(json: bytes)) } catch {
            return .failure(Failure(description: "\(path): \(error)"))
        }
    }
}
