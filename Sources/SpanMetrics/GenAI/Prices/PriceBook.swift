/// What models cost, now or by the time at which a call begins, by the ids of LiteLLM's list.
///
/// A book is immutable and shared freely. What a call costs is worked out once, when it is settled, and kept with it:
/// a book that comes later changes no past bill.
package struct PriceBook: Hashable, Sendable {
    /// Bytes of a list. LiteLLM's had 3.2 MB for 4,550 models in November 2026; a list past it is refused.
    package static let bytesMax = 32 << 20
    /// Models of a list, ten times LiteLLM's; a list with more is refused.
    package static let modelsMax = 50_000
    /// Prices of one model; LiteLLM's have up to about 60. Each price read is compared with those before it.
    package static let ratesMax = 500
    /// Periods of one model, each of which is a price of its own; a list with more is refused.
    package static let periodsMax = 100
    /// UTF-8 bytes of a model's id; LiteLLM's have up to 76. A list with a longer one is refused, and a call of such a
    /// model has no price.
    package static let modelBytesMax = 256

    /// By id in lower case.
    private var models: [String: ModelPrice] = [:]
    /// Providers of the entries: what may stand before a model's id.
    private var providers: Set<String> = []

    /// A book without prices.
    package init() {}

    package var count: Int { models.count }

    /// The built-in table with an operator's list laid over it, or either of them alone.
    package static func inForce(file: PriceBook?, isBuiltInUsed: Bool = true) -> PriceBook {
        let base = isBuiltInUsed ? builtIn : PriceBook()
        return file.map(base.merging) ?? base
    }

    /// This book with another laid over it: its entries replace those of the same id as a whole.
    package func merging(_ other: PriceBook) -> PriceBook {
        var result = self
        result.models.merge(other.models) { $1 }
        result.providers.formUnion(other.providers)
        return result
    }

    /// The price of exactly this model; nil where it is unknown.
    ///
    /// The id is looked up as it was sent, then in its other spellings (``ModelSpelling``), the nearest first. Of each
    /// spelling the entry of the span's provider comes first (`azure/gpt-4o`), then the one without a prefix, which is
    /// the price of the maker; a price of 0 is not taken over from another provider. An entry of which the id only
    /// begins like this one is another model.
    ///
    /// A miss costs some tens of look-ups: callers that see many calls keep the answer for a model and provider.
    ///
    /// - Parameter provider: What the span says, as in `gcp.vertex_ai`; may be empty.
    package func price(of model: String, provider: String = "") -> ModelPrice? {
        guard !model.isEmpty, model.utf8.count <= Self.modelBytesMax else { return nil }
        let asked = PriceProvider(provider)
        for spelling in ModelSpelling.all(of: model.lowercased(), isProvider: isProvider) {
            let named = spelling.provider.map { PriceProvider($0) } ?? asked
            if let price = entry(spelling.name, of: named.prefixes.isEmpty ? asked : named) { return price }
        }
        return nil
    }

    private func isProvider(_ name: Substring) -> Bool {
        PriceProvider.isKnown(name) || providers.contains(String(name))
    }

    private func entry(_ name: String, of provider: PriceProvider) -> ModelPrice? {
        for prefix in provider.prefixes {
            let price = models[Self.key(prefix + "/" + name)]
            if let price, prefix == provider.prefixes.first || !price.isFree { return price }
        }
        if let price = models[Self.key(name)], !price.isFree || provider.owns(price) { return price }
        guard provider.prefixes.isEmpty else { return nil }
        // Nobody said whose model it is: it is its maker's, if just one makes a model of this name.
        let made = PriceProvider.makers.compactMap { models[$0 + "/" + name] }
        return made.count == 1 ? made.first : nil
    }

    /// An entry without prices counts as one: it says that the list knows nothing about the model.
    mutating func add(_ price: ModelPrice, id: String) {
        models[Self.key(id.lowercased())] = price
        if !price.provider.isEmpty { providers.insert(price.provider.lowercased()) }
    }

    func contains(id: String) -> Bool {
        models[Self.key(id.lowercased())] != nil
    }

    /// LiteLLM writes models of OpenAI and Anthropic without a prefix; operators write them with and without.
    private static func key(_ id: String) -> String {
        for prefix in ["openai/", "anthropic/"] where id.hasPrefix(prefix) {
            return String(id.dropFirst(prefix.count))
        }
        return id
    }
}
