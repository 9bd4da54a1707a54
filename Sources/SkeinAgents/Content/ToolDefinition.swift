import OTLP
import SemanticConventions

/// A tool that a model may ask for, for the attribute `gen_ai.tool.definitions`.
public struct ToolDefinition: Sendable, Equatable {
    /// The name the model uses.
    public var name: String
    /// One of `GenAI.ToolType`.
    public var type: String
    /// What it is for.
    public var description: String?
    /// The JSON schema of its arguments, as text.
    public var parameters: String?

    /// A tool as the model is told of it.
    public init(
        name: String, type: String = GenAI.ToolType.function, description: String? = nil, parameters: String? = nil
    ) {
        self.name = name
        self.type = type
        self.description = description
        self.parameters = parameters
    }

    static func json(_ tools: [ToolDefinition]) -> String {
        var json = JSONWriter()
        json.array { json in
            for tool in tools {
                json.object { json in
                    json.string("type", tool.type)
                    json.string("name", tool.name)
                    if let description = tool.description { json.string("description", description) }
                    if let parameters = tool.parameters {
                        json.key("parameters")
                        json.json(parameters)
                    }
                }
            }
        }
        return json.takeText()
    }
}
