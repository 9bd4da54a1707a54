/// A provider as spans name it, in the words of LiteLLM's list.
struct PriceProvider {
    /// What stands before the ids of its models: its own, then that of another service of the same company; empty where
    /// nobody in particular was named.
    let prefixes: [String]

    /// OpenTelemetry's names (`gen_ai.provider.name`, `gen_ai.system`) and what libraries send instead.
    private static let names: [String: [String]] = [
        "openai": ["openai"], "anthropic": ["anthropic"],
        "azure.ai.openai": ["azure", "azure_ai"], "az.ai.openai": ["azure", "azure_ai"],
        "azure": ["azure", "azure_ai"], "azure_openai": ["azure", "azure_ai"],
        "azure.ai.inference": ["azure_ai", "azure"], "az.ai.inference": ["azure_ai", "azure"],
        "azure_ai": ["azure_ai", "azure"],
        "aws.bedrock": ["bedrock"], "bedrock": ["bedrock"], "bedrock_converse": ["bedrock"], "aws": ["bedrock"],
        "amazon": ["bedrock"], "aws_bedrock": ["bedrock"],
        "gcp.vertex_ai": ["vertex_ai", "gemini"], "vertex_ai": ["vertex_ai", "gemini"],
        "vertexai": ["vertex_ai", "gemini"], "google_vertexai": ["vertex_ai", "gemini"],
        "gcp.gemini": ["gemini", "vertex_ai"], "gemini": ["gemini", "vertex_ai"],
        "google_genai": ["gemini", "vertex_ai"], "google_ai_studio": ["gemini", "vertex_ai"],
        "gcp.gen_ai": ["gemini", "vertex_ai"], "google": ["gemini", "vertex_ai"],
        "mistral_ai": ["mistral"], "mistral": ["mistral"], "mistralai": ["mistral"],
        "x_ai": ["xai"], "xai": ["xai"], "x-ai": ["xai"], "deepseek": ["deepseek"], "groq": ["groq"],
        "cohere": ["cohere"], "cohere_chat": ["cohere"], "perplexity": ["perplexity"],
        "ibm.watsonx.ai": ["watsonx"], "watsonx": ["watsonx"], "moonshot_ai": ["moonshot"],
        "moonshotai": ["moonshot"], "moonshot": ["moonshot"], "voyage": ["voyage"], "voyageai": ["voyage"],
        "together": ["together_ai"], "togetherai": ["together_ai"], "together_ai": ["together_ai"],
        "fireworks": ["fireworks_ai"], "fireworks_ai": ["fireworks_ai"], "nvidia": ["nvidia_nim"],
        "openrouter": ["openrouter"], "ollama": ["ollama"], "replicate": ["replicate"], "cerebras": ["cerebras"],
        "sambanova": ["sambanova"], "databricks": ["databricks"], "deepinfra": ["deepinfra"],
    ]
    /// What stands between a service and any provider.
    private static let intermediaries: Set = ["litellm", "litellm_proxy", "langchain", "llamaindex", "portkey", ""]

    /// Providers that make models and whose ids the list always has with a prefix.
    static let makers = ["gemini", "mistral", "xai", "deepseek", "cohere", "voyage", "moonshot", "perplexity"]

    init(_ name: String) {
        let name = name.lowercased()
        prefixes = Self.names[name] ?? (Self.intermediaries.contains(name) ? [] : [name])
    }

    static func isKnown(_ name: Substring) -> Bool {
        names[String(name)] != nil || intermediaries.contains(String(name))
    }

    /// The entry is this provider's; its kinds of models have names such as `vertex_ai-language-models`.
    func owns(_ price: ModelPrice) -> Bool {
        prefixes.first.map(price.provider.hasPrefix) ?? true
    }
}
