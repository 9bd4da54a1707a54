import SkeinAgents

/// The tools of the researcher, as its model is told of them.
enum ResearchTool: String, CaseIterable, Sendable {
    case webSearch = "web_search"
    case fetchDocument = "fetch_document"
    case lookUpFacts = "look_up_facts"
    /// Served by an MCP server.
    case getCitation = "get_citation"

    var definition: ChatTool {
        ChatTool(function: .init(name: rawValue, description: purpose))
    }

    var type: String {
        switch self {
        case .webSearch: GenAI.ToolType.function
        case .fetchDocument, .lookUpFacts: GenAI.ToolType.datastore
        case .getCitation: GenAI.ToolType.extension
        }
    }

    var purpose: String {
        switch self {
        case .webSearch: "searches the web"
        case .fetchDocument: "reads documents from the desk's library"
        case .lookUpFacts: "looks facts up in the desk's own database"
        case .getCitation: "finds a source to cite"
        }
    }
}

/// Why a tool has no result.
struct ToolFailure: ErrorTypeProviding, CustomStringConvertible {
    var errorType: String
    var reason: String

    var description: String { reason }
}
