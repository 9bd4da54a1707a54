import SemanticConventions
import Tracing

/// The span of a workflow.
public struct WorkflowSpan: OperationSpan {
    let recorder: AttributeRecorder

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }
}

/// Runs a workflow, which coordinates agents, in a span `invoke_workflow {name}`.
///
/// - Parameters:
///   - name: one of few distinct values.
///   - conversationID: the conversation, session or thread this is part of.
///   - tracer: nil means the process's tracer.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled workflow is marked
///   `skein.cancelled` and is no error.
public func withWorkflow<Result>(
    _ name: String, conversationID: String? = nil, tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ operation: (WorkflowSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        "\(GenAI.Operation.invokeWorkflow) \(name)", kind: .internal, tracer: tracer, isolation: isolation
    ) { recorder in
        recorder.set(GenAI.operationName, GenAI.Operation.invokeWorkflow)
        recorder.set(GenAI.workflowName, name)
        recorder.set(GenAI.conversationID, conversationID)
    } operation: { recorder in
        try await operation(WorkflowSpan(recorder: recorder))
    }
}
