import Foundation
import Hummingbird
import SkeinAgents

/// An MCP server with one tool: `get_citation`. Its spans are children of those that call it, as `params._meta` says.
struct CitationServer: Sendable {
    private static let failureShare = 0.05

    /// Answers a JSON-RPC request.
    ///
    /// - Throws: an answer of 400 to what is none.
    func answer(_ json: Data) async throws -> CitationAnswer {
        guard let call = try? JSONDecoder().decode(CitationCall.self, from: json) else {
            throw HTTPError(.badRequest, message: "expected a JSON-RPC request with id, method and params")
        }
        var request = MCPRequest(method: call.method, toolName: call.params.name, requestID: call.id)
        request.networkTransport = "tcp"
        return try await withMCPServerRequest(request, metadata: MCPMetadata.read(params: params(in: json))) { mcp in
            guard call.method == MCPAttributes.Method.callTool else {
                return refusal(of: call, -32_601, "there is no method \(call.method)", mcp)
            }
            guard call.params.name == ResearchTool.getCitation.rawValue, let query = call.params.arguments?["query"]
            else { return refusal(of: call, -32_602, "expected the tool get_citation and its query", mcp) }
            var random = SeededRandom(call.id, query)
            try await Task.sleep(for: random.duration(medianMilliseconds: 30))
            if random.happens(Self.failureShare) {
                mcp.recordToolError("no source was found")
                return CitationAnswer(id: call.id, result: .init(text: "no source was found", isError: true))
            }
            let text = "Report \(Int.random(in: 10...99, using: &random))"
            return CitationAnswer(id: call.id, result: .init(text: text))
        }
    }

    private func refusal(of call: CitationCall, _ code: Int, _ message: String, _ mcp: MCPSpan) -> CitationAnswer {
        mcp.recordError(code: code, message: message)
        return CitationAnswer(id: call.id, error: .init(code: code, message: message))
    }

    /// The JSON text of `params`, whose `_meta` may hold more than this server knows.
    private func params(in json: Data) -> String {
        let request = try? JSONSerialization.jsonObject(with: json) as? [String: Any]
        let params = request?["params"].flatMap { try? JSONSerialization.data(withJSONObject: $0) }
        return String(decoding: params ?? Data(), as: UTF8.self)
    }
}
