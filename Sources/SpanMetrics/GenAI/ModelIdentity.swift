/// Whether two spans name the same model of the same provider, in whatever spelling.
enum ModelIdentity {
    /// Of the providers of ``PriceProvider`` those that sell models of one house: libraries disagree about which it is.
    private static let houses = ["azure": "openai", "gemini": "google"]
    /// Those that serve the models of any house, or stand between a service and any provider.
    private static let hosts: Set<String> = ["openrouter", "bedrock", "vertex_ai", "azure_ai"]

    static func isSameProvider(_ a: SpanNames, _ b: SpanNames) -> Bool {
        a.provider == b.provider || a.family == b.family || a.family.isEmpty || b.family.isEmpty
    }

    static func isSameModel(_ a: SpanNames, _ b: SpanNames) -> Bool {
        let isAsked = !a.requestModel.isEmpty
        let isAnswered = !a.responseModel.isEmpty
        let isOtherAsked = !b.requestModel.isEmpty
        let isOtherAnswered = !b.responseModel.isEmpty
        guard isAsked || isAnswered, isOtherAsked || isOtherAnswered else { return true }
        // Equal names have equal bare names.
        return isAsked && isOtherAsked && a.bareRequestModel == b.bareRequestModel
            || isAsked && isOtherAnswered && a.bareRequestModel == b.bareResponseModel
            || isAnswered && isOtherAsked && a.bareResponseModel == b.bareRequestModel
            || isAnswered && isOtherAnswered && a.bareResponseModel == b.bareResponseModel
    }

    /// What names of one provider have in common; empty for what serves the models of others, and so agrees with each.
    static func family(_ provider: String) -> String {
        guard let name = PriceProvider(provider).prefixes.first, !hosts.contains(name) else { return "" }
        return houses[name] ?? name
    }

    /// A model's id without what providers and their intermediaries put around it, the shortest of its spellings:
    /// `openai/gpt-4o-2024-11-20` is `gpt-4o`.
    static func bareName(_ model: String) -> String {
        guard model.utf8.count <= PriceBook.modelBytesMax else { return model }
        return ModelSpelling.all(of: model.lowercased(), isProvider: { _ in true }).last?.name ?? ""
    }
}
