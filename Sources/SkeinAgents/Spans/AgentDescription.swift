import SemanticConventions

/// What is known about an agent when it is invoked.
public struct AgentDescription: Sendable {
    /// The agent as people know it.
    public var name: String
    /// Its id at its provider.
    public var id: String?
    /// What it is for.
    public var purpose: String?
    /// Its version.
    public var version: String?
    /// Who runs it or serves its model: one of `GenAI.Provider`, or another name.
    public var provider: String?
    /// The model it asks, where it asks only one.
    public var model: String?

    /// An agent with a name.
    public init(
        name: String, id: String? = nil, purpose: String? = nil, version: String? = nil, provider: String? = nil,
        model: String? = nil
    ) {
        self.name = name
        self.id = id
        self.purpose = purpose
        self.version = version
        self.provider = provider
        self.model = model
    }
}

extension AgentDescription {
    func record(on recorder: AttributeRecorder) {
        recorder.set(GenAI.providerName, provider)
        recorder.set(GenAI.agentName, name)
        recorder.set(GenAI.agentID, id)
        recorder.set(GenAI.agentDescription, purpose)
        recorder.set(GenAI.agentVersion, version)
        recorder.set(GenAI.requestModel, model)
    }
}
