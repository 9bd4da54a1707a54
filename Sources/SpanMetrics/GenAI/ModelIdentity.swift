/// Whether two spans name the same model of the same provider, in whatever spelling.
enum ModelIdentity {
    /// Names of the provider that stand for one family; libraries disagree about them.
    private static let families: [String: String] = [
        "azure": "openai", "az.ai.openai": "openai", "azure.ai.openai": "openai", "azure_openai": "openai",
        "azure.ai.inference": "azure", "az.ai.inference": "azure", "google": "google", "gemini": "google",
        "gcp.gemini": "google", "gcp.gen_ai": "google", "gcp.vertex_ai": "google", "vertex_ai": "google",
        "vertexai": "google", "google_genai": "google", "aws.bedrock": "bedrock", "aws": "bedrock",
        "amazon": "bedrock", "bedrock_converse": "bedrock", "mistral_ai": "mistral", "mistralai": "mistral",
        "x_ai": "xai",
    ]
    /// What stands between a service and any provider, and so agrees with each.
    private static let intermediaries: Set = ["litellm", "langchain", "openrouter", "llamaindex", "portkey", ""]

    static func isSameProvider(_ a: String, _ b: String) -> Bool {
        if a == b { return true }
        let (a, b) = (a.lowercased(), b.lowercased())
        if a == b || intermediaries.contains(a) || intermediaries.contains(b) { return true }
        return families[a, default: a] == families[b, default: b]
    }

    static func isSameModel(_ a: GenAISpan, _ b: GenAISpan) -> Bool {
        let names = [a.requestModel, a.responseModel].filter { !$0.isEmpty }
        let others = [b.requestModel, b.responseModel].filter { !$0.isEmpty }
        if names.isEmpty || others.isEmpty { return true }
        if names.contains(where: others.contains) { return true }
        let bare = Set(others.map(bareName))
        return names.contains { bare.contains(bareName($0)) }
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
