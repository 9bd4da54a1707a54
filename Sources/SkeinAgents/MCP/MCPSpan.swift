import SemanticConventions
import Tracing

/// The span of an MCP request, at its client or its server.
public struct MCPSpan: OperationSpan {
    let recorder: AttributeRecorder
    /// What the client puts into `params._meta`, so that the server's span becomes a child of this one. Empty at a
    /// server.
    public let metadata: [String: String]

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }

    /// `params` with ``metadata`` in its `_meta`.
    ///
    /// - Parameter params: the JSON text of `params`, an object; text that is none comes back as it is.
    public func addingMetadata(toParams params: String) -> String {
        metadata.isEmpty ? params : MCPMetadata.write(metadata, params: params) ?? params
    }

    /// Records that the answer is a JSON-RPC error.
    public func recordError(code: Int, message: String? = nil) {
        recorder.set(MCPAttributes.rpcResponseStatusCode, String(code))
        recorder.set(ErrorAttributes.errorType, String(code))
        span.setStatus(SpanStatus(code: .error, message: message))
    }

    /// Records that the tool answered with `isError`.
    public func recordToolError(_ message: String? = nil) {
        recorder.set(ErrorAttributes.errorType, MCPAttributes.toolErrorType)
        span.setStatus(SpanStatus(code: .error, message: message))
    }

    /// Records what the tool is called with, JSON text, where ``ContentCapture`` is on; else it is not evaluated.
    public func recordArguments(_ json: @autoclosure () -> String) {
        recorder.record(.toolArguments, json)
    }

    /// Records what the tool answered, JSON text, where ``ContentCapture`` is on; else it is not evaluated.
    public func recordResult(_ json: @autoclosure () -> String) {
        recorder.record(.toolResult, json)
    }
}
