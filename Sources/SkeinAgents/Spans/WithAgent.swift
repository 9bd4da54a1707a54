import SemanticConventions
import ServiceContextModule
import Tracing

/// The span of an agent at work.
public struct AgentSpan: ConversationSpan {
    let recorder: AttributeRecorder
    private let name: String

    init(recorder: AttributeRecorder, name: String) {
        self.recorder = recorder
        self.name = name
    }

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }

    /// Records what the agent used in all. Model calls below record their own; a collector does not add the two.
    public func recordUsage(_ usage: TokenUsage) {
        recorder.record(usage)
    }

    /// Records the agent's id at its provider, where that is known only afterwards.
    public func recordID(_ id: String) {
        recorder.set(GenAI.agentID, id)
    }

    /// What another agent is invoked with to say that this one handed work to it.
    public func handOff() -> AgentHandOff {
        AgentHandOff(context: span.context, agentName: name)
    }
}

/// Work handed from one agent to another. The agent that takes it gets a link to the one that gave it, wherever its
/// own span stands in the trace.
public struct AgentHandOff: Sendable {
    let context: ServiceContext
    let agentName: String
}

/// Runs an agent in a span `invoke_agent {name}`.
///
/// ```swift
/// try await withAgent(AgentDescription(name: "planner", provider: GenAI.Provider.openAI)) { agent in
///     try await plan()
/// }
/// ```
/// - Parameters:
///   - conversationID: the conversation, session or thread this is part of.
///   - kind: `.client` for an agent that runs elsewhere.
///   - handOff: from the agent that handed the work over.
///   - tracer: nil means the process's tracer.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled agent is marked
///   `skein.cancelled` and is no error.
public func withAgent<Result>(
    _ agent: AgentDescription, conversationID: String? = nil, kind: SpanKind = .internal,
    handedOffBy handOff: AgentHandOff? = nil, tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ operation: (AgentSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        "\(GenAI.Operation.invokeAgent) \(agent.name)", kind: kind, tracer: tracer, isolation: isolation
    ) { recorder in
        recorder.set(GenAI.operationName, GenAI.Operation.invokeAgent)
        agent.record(on: recorder)
        recorder.set(GenAI.conversationID, conversationID)
        if let handOff {
            let attributes: SpanAttributes = [GenAI.agentName.name: .string(handOff.agentName)]
            recorder.span.addLink(SpanLink(context: handOff.context, attributes: attributes))
        }
    } operation: { recorder in
        try await operation(AgentSpan(recorder: recorder, name: agent.name))
    }
}

/// Runs the agent of that name in a span `invoke_agent {name}`; see
/// ``withAgent(_:conversationID:kind:handedOffBy:tracer:isolation:_:)``.
public func withAgent<Result>(
    _ name: String, provider: String? = nil, conversationID: String? = nil, kind: SpanKind = .internal,
    handedOffBy handOff: AgentHandOff? = nil, tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ operation: (AgentSpan) async throws -> Result
) async rethrows -> Result {
    try await withAgent(
        AgentDescription(name: name, provider: provider), conversationID: conversationID, kind: kind,
        handedOffBy: handOff, tracer: tracer, isolation: isolation, operation)
}
