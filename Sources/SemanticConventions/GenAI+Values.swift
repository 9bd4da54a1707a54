/// Well-known values of the GenAI conventions; of the same version as the attributes.
extension GenAI {
    /// Values of ``operationName``.
    public enum Operation {
        /// `chat`.
        public static let chat = "chat"
        /// `generate_content`.
        public static let generateContent = "generate_content"
        /// `text_completion`.
        public static let textCompletion = "text_completion"
        /// `embeddings`.
        public static let embeddings = "embeddings"
        /// `retrieval`.
        public static let retrieval = "retrieval"
        /// `create_agent`.
        public static let createAgent = "create_agent"
        /// `invoke_agent`.
        public static let invokeAgent = "invoke_agent"
        /// `invoke_workflow`.
        public static let invokeWorkflow = "invoke_workflow"
        /// `execute_tool`.
        public static let executeTool = "execute_tool"
        /// `create_memory`.
        public static let createMemory = "create_memory"
        /// `update_memory`.
        public static let updateMemory = "update_memory"
        /// `upsert_memory`.
        public static let upsertMemory = "upsert_memory"
        /// `search_memory`.
        public static let searchMemory = "search_memory"
        /// `delete_memory`.
        public static let deleteMemory = "delete_memory"
    }

    /// Values of ``providerName``.
    public enum Provider {
        /// `openai`.
        public static let openAI = "openai"
        /// `anthropic`.
        public static let anthropic = "anthropic"
        /// `gcp.gen_ai`.
        public static let gcpGenAI = "gcp.gen_ai"
        /// `gcp.vertex_ai`.
        public static let gcpVertexAI = "gcp.vertex_ai"
        /// `gcp.gemini`.
        public static let gcpGemini = "gcp.gemini"
        /// `azure.ai.inference`.
        public static let azureAIInference = "azure.ai.inference"
        /// `azure.ai.openai`.
        public static let azureOpenAI = "azure.ai.openai"
        /// `aws.bedrock`.
        public static let awsBedrock = "aws.bedrock"
        /// `cohere`.
        public static let cohere = "cohere"
        /// `ibm.watsonx.ai`.
        public static let ibmWatsonxAI = "ibm.watsonx.ai"
        /// `perplexity`.
        public static let perplexity = "perplexity"
        /// `x_ai`.
        public static let xAI = "x_ai"
        /// `deepseek`.
        public static let deepSeek = "deepseek"
        /// `groq`.
        public static let groq = "groq"
        /// `mistral_ai`.
        public static let mistralAI = "mistral_ai"
        /// `moonshot_ai`.
        public static let moonshotAI = "moonshot_ai"
    }

    /// Values of ``outputType``.
    public enum OutputType {
        /// `text`.
        public static let text = "text"
        /// `json`.
        public static let json = "json"
        /// `image`.
        public static let image = "image"
        /// `speech`.
        public static let speech = "speech"
    }

    /// Values of ``toolType``.
    public enum ToolType {
        /// `function`: the client executes it.
        public static let function = "function"
        /// `extension`: the agent executes it and calls other systems.
        public static let `extension` = "extension"
        /// `datastore`: it reads data.
        public static let datastore = "datastore"
    }
}
