import SemanticConventions

/// What is known about an MCP request or notification. What is nil is not recorded.
public struct MCPRequest: Sendable {
    /// The method: one of `MCPAttributes.Method`, or another name.
    public var method: String
    /// The tool that is called.
    public var toolName: String?
    /// The prompt that is asked for.
    public var promptName: String?
    /// The resource that is read or watched.
    public var resourceURI: String?
    /// The `id` of the JSON-RPC request as text; nil for a notification.
    public var requestID: String?
    /// The session.
    public var sessionID: String?
    /// The version of the protocol.
    public var protocolVersion: String?
    /// `pipe` for standard input and output, `tcp` or `quic` for HTTP.
    public var networkTransport: String?
    /// The name or address of the server.
    public var serverAddress: String?
    /// The port of the server.
    public var serverPort: Int?

    /// A request whose further properties are set afterwards.
    public init(
        method: String, toolName: String? = nil, promptName: String? = nil, resourceURI: String? = nil,
        requestID: String? = nil
    ) {
        self.method = method
        self.toolName = toolName
        self.promptName = promptName
        self.resourceURI = resourceURI
        self.requestID = requestID
    }

    /// A resource is not in the name: there are too many.
    var spanName: String {
        guard let target = toolName ?? promptName else { return method }
        return "\(method) \(target)"
    }

    func record(on recorder: AttributeRecorder) {
        recorder.set(MCPAttributes.methodName, method)
        recorder.set(GenAI.operationName, method == MCPAttributes.Method.callTool ? GenAI.Operation.executeTool : nil)
        recorder.set(GenAI.toolName, toolName)
        recorder.set(GenAI.promptName, promptName)
        recorder.set(MCPAttributes.resourceURI, resourceURI)
        recorder.set(MCPAttributes.jsonRPCRequestID, requestID)
        recorder.set(MCPAttributes.sessionID, sessionID)
        recorder.set(MCPAttributes.protocolVersion, protocolVersion)
        recorder.set(HTTPAttributes.networkTransport, networkTransport)
        recorder.set(HTTPAttributes.serverAddress, serverAddress)
        recorder.set(HTTPAttributes.serverPort, serverPort)
    }
}
