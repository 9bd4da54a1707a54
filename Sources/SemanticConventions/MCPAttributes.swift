/// Attributes of Model Context Protocol clients and servers: OpenTelemetry GenAI conventions.
///
/// Version: May 2026, development stability.
public enum MCPAttributes {
    /// The method of the request or notification: one of ``Method``, or another name.
    public static let methodName = AttributeKey<String>("mcp.method.name")
    /// The resource that the request is about.
    public static let resourceURI = AttributeKey<String>("mcp.resource.uri")
    /// The session.
    public static let sessionID = AttributeKey<String>("mcp.session.id")
    /// The version of the protocol, a date.
    public static let protocolVersion = AttributeKey<String>("mcp.protocol.version")
    /// The `id` of the JSON-RPC request, as text.
    public static let jsonRPCRequestID = AttributeKey<String>("jsonrpc.request.id")
    /// The error code of the JSON-RPC response, as text.
    public static let rpcResponseStatusCode = AttributeKey<String>("rpc.response.status_code")

    /// The `error.type` of a tool that answered with `isError`.
    public static let toolErrorType = "tool_error"

    /// Values of ``methodName``.
    public enum Method {
        /// `initialize`.
        public static let initialize = "initialize"
        /// `ping`.
        public static let ping = "ping"
        /// `tools/list`.
        public static let listTools = "tools/list"
        /// `tools/call`.
        public static let callTool = "tools/call"
        /// `prompts/list`.
        public static let listPrompts = "prompts/list"
        /// `prompts/get`.
        public static let getPrompt = "prompts/get"
        /// `resources/list`.
        public static let listResources = "resources/list"
        /// `resources/read`.
        public static let readResource = "resources/read"
        /// `sampling/createMessage`.
        public static let createMessage = "sampling/createMessage"
    }
}
