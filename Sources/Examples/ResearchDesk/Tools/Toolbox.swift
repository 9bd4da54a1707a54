import SkeinAgents

/// Uses tools as a model asks for it. Their work is made up; its duration and its failures depend on the seed.
struct Toolbox: Sendable {
    let library: Library
    let facts: FactCache
    /// The MCP server with the citations.
    let citations: CitationClient?

    /// What a model may choose from.
    var definitions: [ChatTool] {
        ResearchTool.allCases.filter { $0 != .getCitation || citations != nil }.map(\.definition)
    }

    /// Does what a model asked for, in a span.
    ///
    /// - Throws: ``ToolFailure`` and what else keeps a tool from its result.
    func use(_ call: ToolCall, seed: Int) async throws -> String {
        let tool = ResearchTool(rawValue: call.function.name)
        // The span of an MCP request to a tool is the tool's span too.
        if tool == .getCitation, let citations { return try await citations.cite(call) }
        return try await withTool(
            call.function.name, callID: call.id, type: tool?.type, description: tool?.purpose
        ) { span in
            span.recordArguments(call.function.arguments)
            return try await use(tool, query: call.function.query, seed: seed)
        }
    }

    private func use(_ tool: ResearchTool?, query: String, seed: Int) async throws -> String {
        switch tool {
        case .webSearch: return try await searchWeb(query, seed)
        case .fetchDocument: return try await library.documents(on: query, seed: seed)
        case .lookUpFacts: return try await facts.facts(on: query, seed: seed).joined(separator: " ")
        case .getCitation, nil: throw ToolFailure(errorType: "unknown_tool", reason: "there is no such tool")
        }
    }

    private func searchWeb(_ query: String, _ seed: Int) async throws -> String {
        var random = SeededRandom(seed, "web", query)
        try await Task.sleep(for: random.duration(medianMilliseconds: 160))
        return "\(Int.random(in: 1...12, using: &random)) results"
    }
}
