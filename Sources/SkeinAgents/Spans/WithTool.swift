import SemanticConventions
import Tracing

/// The span of a tool that is executed.
public struct ToolSpan: OperationSpan {
    let recorder: AttributeRecorder

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }

    /// Records what the tool was called with, JSON text, where ``ContentCapture`` is on; else it is not evaluated.
    public func recordArguments(_ json: @autoclosure () -> String) {
        recorder.record(.toolArguments, json)
    }

    /// Records what the tool answered, JSON text, where ``ContentCapture`` is on; else it is not evaluated.
    public func recordResult(_ json: @autoclosure () -> String) {
        recorder.record(.toolResult, json)
    }
}

/// Executes a tool in a span `execute_tool {name}`. Neither arguments nor result are recorded unless
/// ``ContentCapture`` is on and they are given to the span.
///
/// - Parameters:
///   - callID: the id by which the model asked for the tool.
///   - type: one of `GenAI.ToolType`.
///   - description: what the tool is for.
///   - tracer: nil means the process's tracer.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled tool is marked
///   `skein.cancelled` and is no error.
public func withTool<Result>(
    _ name: String, callID: String? = nil, type: String? = nil, description: String? = nil,
    tracer: (any Tracer)? = nil, isolation: isolated (any Actor)? = #isolation,
    _ operation: (ToolSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        "\(GenAI.Operation.executeTool) \(name)", kind: .internal, tracer: tracer, isolation: isolation
    ) { recorder in
        recorder.set(GenAI.operationName, GenAI.Operation.executeTool)
        recorder.set(GenAI.toolName, name)
        recorder.set(GenAI.toolCallID, callID)
        recorder.set(GenAI.toolType, type)
        recorder.set(GenAI.toolDescription, description)
    } operation: { recorder in
        try await operation(ToolSpan(recorder: recorder))
    }
}
