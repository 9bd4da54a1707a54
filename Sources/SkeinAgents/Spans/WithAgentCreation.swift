import SemanticConventions
import Tracing

/// Creates an agent at its provider in a client span `create_agent {name}`.
///
/// - Parameters:
///   - systemInstructions: recorded where ``ContentCapture`` is on; else not evaluated.
///   - tracer: nil means the process's tracer.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled call is marked
///   `skein.cancelled` and is no error.
public func withAgentCreation<Result>(
    _ agent: AgentDescription, systemInstructions: @autoclosure () -> String? = nil, tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ operation: (AgentSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        "\(GenAI.Operation.createAgent) \(agent.name)", kind: .client, tracer: tracer, isolation: isolation
    ) { recorder in
        recorder.set(GenAI.operationName, GenAI.Operation.createAgent)
        agent.record(on: recorder)
        recorder.record(.systemInstructions) { systemInstructions().map(ChatMessage.instructionsJSON) }
    } operation: { recorder in
        try await operation(AgentSpan(recorder: recorder, name: agent.name))
    }
}
