/// A name under which a list may have the very same model.
///
/// Only what is known to be no part of the model's name is taken away: the provider in front, the region, maker and
/// version of a Bedrock id, the date of a snapshot. Everything else makes another model.
struct ModelSpelling: Hashable {
    /// In lower case.
    var name: String
    /// Whom the id names as provider.
    var provider: String?

    /// Levels of prefixes that are taken away, as in `openrouter/bedrock/us-east-1/…`.
    private static let prefixesMax = 4

    /// All spellings of an id in lower case, the id itself first, each at most once.
    static func all(of model: String, isProvider: (Substring) -> Bool) -> [ModelSpelling] {
        var spellings = [ModelSpelling(name: model)]
        while spellings.count <= prefixesMax, let next = spellings.last?.withoutPrefix(isProvider) {
            spellings.append(next)
        }
        for spelling in spellings { spellings += spelling.withoutBedrockParts() }
        spellings += spellings.compactMap { $0.undated() }
        var seen: Set<ModelSpelling> = []
        return spellings.filter { !$0.name.isEmpty && seen.insert($0).inserted }
    }

    private func renamed(_ name: some StringProtocol, provider: String? = nil) -> ModelSpelling {
        ModelSpelling(name: String(name), provider: provider ?? self.provider)
    }

    // MARK: what stands before the name

    private func withoutPrefix(_ isProvider: (Substring) -> Bool) -> ModelSpelling? {
        if name.hasPrefix("ft:") { return withoutFineTuning() }
        guard let slash = name.firstIndex(of: "/") else { return nil }
        let (head, rest) = (name[..<slash], name[name.index(after: slash)...])
        if head == "projects" || head == "publishers" {
            // Vertex AI: projects/…/publishers/google/models/gemini-2.5-pro
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count >= 4, parts[parts.count - 4] == "publishers", parts[parts.count - 2] == "models" else {
                return nil
            }
            return renamed(parts[parts.count - 1], provider: "vertex_ai")
        }
        if head.hasPrefix("arn:aws"), head.hasSuffix(":inference-profile") || head.hasSuffix(":foundation-model") {
            return renamed(rest, provider: "bedrock")
        }
        // Gemini's API writes models/gemini-2.5-pro.
        if head == "models" || Self.isAWSRegion(head) { return renamed(rest) }
        return isProvider(head) ? renamed(rest, provider: String(head)) : nil
    }

    /// `ft:gpt-4o-2024-08-06:company::id`: lists have what a model costs once it is tuned, `ft:gpt-4o-2024-08-06`.
    private func withoutFineTuning() -> ModelSpelling? {
        let parts = name.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        return parts.count == 3 ? renamed("ft:" + parts[1]) : nil
    }

    /// `us-east-1`, `us-gov-west-1`.
    private static func isAWSRegion(_ text: Substring) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3 || parts.count == 4, parts[0].utf8.count == 2, isDigits(parts[parts.count - 1], 1) else {
            return false
        }
        return parts.dropLast().allSatisfy { $0.allSatisfy { ("a"..."z").contains($0) } && !$0.isEmpty }
    }

    // MARK: Bedrock

    private static let bedrockRegions: Set<Substring> = [
        "us", "eu", "apac", "ap", "au", "jp", "ca", "sa", "me", "af", "us-gov", "global",
    ]
    private static let bedrockMakers: Set<Substring> = [
        "anthropic", "amazon", "meta", "mistral", "cohere", "ai21", "deepseek", "openai", "qwen", "writer", "stability",
        "moonshotai", "moonshot", "minimax", "google", "nvidia", "zai", "twelvelabs", "luma",
    ]

    /// `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, each part less as a spelling of its own.
    private func withoutBedrockParts() -> [ModelSpelling] {
        var result: [ModelSpelling] = []
        var rest = name[...]
        if let dot = rest.firstIndex(of: "."), Self.bedrockRegions.contains(rest[..<dot]) {
            rest = rest[rest.index(after: dot)...]
            result.append(renamed(rest))
        }
        guard let dot = rest.firstIndex(of: "."), Self.bedrockMakers.contains(rest[..<dot]) else { return [] }
        if let unversioned = Self.withoutVersion(rest) {
            rest = unversioned
            result.append(renamed(rest))
        }
        result.append(renamed(rest[rest.index(after: dot)...]))
        return result
    }

    /// `-v1`, `-v2:0`. Other models have a `-v3` in their name, so that a higher one without the part after the colon
    /// stays.
    private static func withoutVersion(_ name: Substring) -> Substring? {
        guard let dash = name.lastIndex(of: "-") else { return nil }
        let suffix = name[name.index(after: dash)...]
        if suffix == "v1" { return name[..<dash] }
        let parts = suffix.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
        guard suffix.first == "v", parts.count == 2, isDigits(parts[0]), isDigits(parts[1]) else { return nil }
        return name[..<dash]
    }

    // MARK: what stands behind the name

    /// Without `-20241022`, `-2024-11-20`, `@20241022`, `@default` or `-latest`; nil where there is none of them.
    private func undated() -> ModelSpelling? {
        for suffix in ["-latest", "@latest", "@default"] where name.hasSuffix(suffix) {
            return renamed(name.dropLast(suffix.count))
        }
        for length in [8, 10] where name.utf8.count > length + 1 {
            let suffix = name.suffix(length + 1)
            guard suffix.first == "-" || (suffix.first == "@" && length == 8) else { continue }
            if Self.isDate(suffix.dropFirst(), length: length) { return renamed(name.dropLast(length + 1)) }
        }
        return nil
    }

    /// `YYYYMMDD` or `YYYY-MM-DD` of this century.
    private static func isDate(_ text: Substring, length: Int) -> Bool {
        var parts = text.split(separator: "-", omittingEmptySubsequences: false)
        if length == 8, parts.count == 1 {
            parts = [text.prefix(4), text.dropFirst(4).prefix(2), text.dropFirst(6)]
        }
        guard parts.count == 3, isDigits(parts[0], 4), isDigits(parts[1], 2), isDigits(parts[2], 2),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return false }
        return (2000...2099).contains(year) && (1...12).contains(month) && (1...31).contains(day)
    }

    private static func isDigits(_ text: Substring, _ count: Int? = nil) -> Bool {
        !text.isEmpty && (count == nil || text.utf8.count == count)
            && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
