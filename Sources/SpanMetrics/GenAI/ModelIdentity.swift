/// Whether two spans name the same model of the same provider, in whatever spelling.
enum ModelIdentity {
    /// Names of the provider that stand for one family; libraries disagree about them.
    private static let families: [String: String] = [
        "azure": "openai", "az.ai.openai": "openai", "azure.ai.openai": "openai", "azure_openai": "openai",
        "azure.ai.inference": "azure", "az.ai.inference": "azure", "google": "google", "gemini": "google",
        "gcp.gemini": "google", "gcp.gen_ai": "google", "gcp.vertex_ai": "google", "vertex_ai": "google",
        "vertexai": "google", "google_genai": "google", "aws.bedrock": "bedrock", "aws": "bedrock",
        "amazon": "bedrock", "bedrock_converse": "bedrock", "mistral_ai": "mistral", "mistralai": "mistral",
        "x_ai": "xai", "azure_ai": "azure", "google_vertexai": "google", "google_ai_studio": "google",
        "aws_bedrock": "bedrock", "amazon_bedrock": "bedrock",
    ]
    /// What stands between a service and any provider, and so agrees with each.
    private static let intermediaries: Set = [
        "litellm", "litellm_proxy", "langchain", "openrouter", "llamaindex", "portkey", "",
    ]

    static func isSameProvider(_ a: GenAISpan, _ b: GenAISpan) -> Bool {
        a.provider == b.provider || a.family == b.family || a.family.isEmpty || b.family.isEmpty
    }

    static func isSameModel(_ a: GenAISpan, _ b: GenAISpan) -> Bool {
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

    /// What names of one provider have in common; empty for what agrees with every provider.
    static func family(_ provider: String) -> String {
        let name = provider.lowercased()
        return intermediaries.contains(name) ? "" : families[name, default: name]
    }

    /// A model's id without what providers and their intermediaries put around it: `openai/gpt-4o-2024-11-20` is
    /// `gpt-4o`.
    static func bareName(_ model: String) -> String {
        var name = model.lowercased()[...]
        if let slash = name.lastIndex(of: "/") { name = name[name.index(after: slash)...] }
        if let at = name.firstIndex(of: "@") { name = name[..<at] }
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        func isNumber(_ part: Substring, _ digits: Int) -> Bool {
            part.utf8.count == digits && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        if let last = parts.last, parts.count > 1, isNumber(last, 8) || last == "latest" {
            return parts.dropLast().joined(separator: "-")
        }
        if parts.count > 3, isNumber(parts[parts.count - 3], 4), isNumber(parts[parts.count - 2], 2),
            isNumber(parts[parts.count - 1], 2)
        {
            return parts.dropLast(3).joined(separator: "-")
        }
        return String(name)
    }
}
