import SkeinAgents

/// The tools of the researcher. Their work is made up; its duration and its failures depend on the seed.
enum ResearchTool: String, CaseIterable, Sendable {
    case webSearch = "web_search"
    case fetchDocument = "fetch_document"
    case lookUpFacts = "look_up_facts"

    /// How a model is told about it.
    var definition: ChatTool {
        ChatTool(function: .init(name: rawValue, description: purpose))
    }

    /// Does what a model asked for, in a span.
    ///
    /// - Throws: ``ToolFailure``.
    static func use(_ call: ToolCall, seed: Int) async throws -> String {
        let tool = ResearchTool(rawValue: call.function.name)
        return try await withTool(
            call.function.name, callID: call.id, type: tool?.type, description: tool?.purpose
        ) { span in
            guard let tool else { throw ToolFailure(errorType: "unknown_tool", reason: "there is no such tool") }
            var random = SeededRandom(seed, call.function.name, call.function.arguments)
            try await Task.sleep(for: random.duration(medianMilliseconds: tool.medianMilliseconds))
            guard !random.happens(tool.failureShare) else {
                throw ToolFailure(errorType: "timeout", reason: "the source did not answer in time")
            }
            let results = Int.random(in: 1...12, using: &random)
            span.span.attributes["research.results"] = results
            return "\(results) results"
        }
    }

    private var type: String { self == .lookUpFacts ? "datastore" : "function" }

    private var purpose: String {
        switch self {
        case .webSearch: "searches the web"
        case .fetchDocument: "reads one document"
        case .lookUpFacts: "looks facts up in the desk's own database"
        }
    }

    private var medianMilliseconds: Double {
        switch self {
        case .webSearch: 160
        case .fetchDocument: 220
        case .lookUpFacts: 15
        }
    }

    private var failureShare: Double { self == .fetchDocument ? 0.08 : 0.01 }
}

/// Why a tool has no result.
struct ToolFailure: ErrorTypeProviding, CustomStringConvertible {
    var errorType: String
    var reason: String

    var description: String { reason }
}
