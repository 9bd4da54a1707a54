import Foundation
import SkeinAgents

/// Asks an MCP server for a source to cite, over HTTP. The context goes along in `params._meta`.
struct CitationClient: Sendable {
    static let path = "/mcp"

    private let http: JSONClient

    init(_ address: HTTPAddress) {
        http = JSONClient(address)
    }

    /// Calls the tool in one span, which stands for the HTTP request too.
    ///
    /// - Throws: ``ToolFailure`` where the server or the tool says so, ``HTTPFailure`` where there is no answer.
    func cite(_ call: ToolCall) async throws -> String {
        var request = MCPRequest(
            method: MCPAttributes.Method.callTool, toolName: ResearchTool.getCitation.rawValue, requestID: call.id)
        request.networkTransport = "tcp"
        return try await withMCPRequest(request) { mcp in
            mcp.span.attributes[GenAI.toolCallID.name] = call.id
            mcp.recordArguments(call.function.arguments)
            let params = try json(
                CitationCall.Params(name: ResearchTool.getCitation.rawValue, arguments: ["query": call.function.query]))
            let body = try #"""
            {"jsonrpc":"2.0","id":\#(json(call.id)),"method":"tools/call",\#
            "params":\#(mcp.addingMetadata(toParams: params))}
            """#
            let answer = try await http.send(Self.path, Data(body.utf8), on: mcp.span)
            return try result(of: JSONDecoder().decode(CitationAnswer.self, from: answer), mcp)
        }
    }

    private func json(_ value: some Encodable) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }

    private func result(of answer: CitationAnswer, _ mcp: MCPSpan) throws -> String {
        if let error = answer.error {
            mcp.recordError(code: error.code, message: error.message)
            throw ToolFailure(errorType: "\(error.code)", reason: error.message)
        }
        let text = answer.result?.content.first?.text ?? ""
        guard answer.result?.isError != true else {
            mcp.recordToolError(text)
            throw ToolFailure(errorType: MCPAttributes.toolErrorType, reason: text)
        }
        return text
    }
}
