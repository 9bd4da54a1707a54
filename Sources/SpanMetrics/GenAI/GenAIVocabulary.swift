import OTLP

/// The names under which libraries send the facts that ``GenAISpan`` has.
///
/// Names of one fact stand in the order in which they count: where a span has several, the first wins. Sources:
/// OpenTelemetry's GenAI conventions (old and new), OpenInference, Traceloop's OpenLLMetry, Pydantic AI, Langfuse and
/// MLflow, as their libraries sent them in 2026.
enum GenAIFact: Int, CaseIterable, Sendable {
    // What kind of work it is, each vocabulary with values of its own.
    case operation, openInferenceKind, traceloopKind, traceloopRequest, langfuseType, mlflowType
    // Whom it asked.
    case requestModel, responseModel, provider, responseID
    // Tokens.
    case input, output, total, cacheRead, cacheWrite, cacheWriteHour, reasoning, audioInput, audioOutput
    case langfuseUsage, mlflowUsage
    // An agent's sum.
    case aggregatedInput, aggregatedOutput
    // Money and time.
    case cost, promptCost, completionCost, langfuseCost, responseTier, requestTier, timeToFirstChunk, timeToFirstToken
    case completionStart
    // Who worked.
    case agent, agentID, tool, entity, conversation, errorType, finishReasons, singleFinishReason, attempts

    var names: [String] {
        switch self {
        case .operation: ["gen_ai.operation.name"]
        case .openInferenceKind: ["openinference.span.kind"]
        case .traceloopKind: ["traceloop.span.kind"]
        case .traceloopRequest: ["llm.request.type"]
        case .langfuseType: ["langfuse.observation.type"]
        case .mlflowType: ["mlflow.spanType"]
        case .requestModel:
            [
                "gen_ai.request.model", "llm.model_name", "embedding.model_name", "langfuse.observation.model.name",
                "mlflow.llm.model", "llm.request.model", "model_name",
            ]
        case .responseModel: ["gen_ai.response.model", "llm.response.model"]
        case .provider: ["gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "mlflow.llm.provider"]
        case .responseID: ["gen_ai.response.id", "llm.response.id"]
        case .input:
            [
                "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt",
                "llm.usage.prompt_tokens",
            ]
        case .output:
            [
                "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion",
                "llm.usage.completion_tokens",
            ]
        case .total: ["gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"]
        case .cacheRead:
            [
                "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
                "gen_ai.usage.details.cache_read_tokens", "llm.token_count.prompt_details.cache_read",
            ]
        case .cacheWrite:
            [
                "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens",
                "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_write_input_tokens",
                "gen_ai.usage.details.cache_write_tokens", "llm.token_count.prompt_details.cache_write",
            ]
        case .cacheWriteHour: ["gen_ai.usage.cache_creation.ephemeral_1h_input_tokens"]
        case .reasoning:
            [
                "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
                "gen_ai.usage.details.reasoning_tokens", "llm.token_count.completion_details.reasoning",
            ]
        case .audioInput: ["gen_ai.usage.details.input_audio_tokens", "llm.token_count.prompt_details.audio"]
        case .audioOutput: ["gen_ai.usage.details.output_audio_tokens", "llm.token_count.completion_details.audio"]
        case .langfuseUsage: ["langfuse.observation.usage_details"]
        case .mlflowUsage: ["mlflow.chat.tokenUsage"]
        case .cost: ["operation.cost", "gen_ai.usage.cost", "llm.cost.total"]
        case .promptCost: ["llm.cost.prompt"]
        case .completionCost: ["llm.cost.completion"]
        case .responseTier:
            ["openai.response.service_tier", "gen_ai.openai.response.service_tier", "gen_ai.response.service_tier"]
        case .requestTier:
            ["openai.request.service_tier", "gen_ai.openai.request.service_tier", "gen_ai.request.service_tier"]
        case .aggregatedInput:
            ["gen_ai.aggregated_usage.input_tokens", "gen_ai.aggregated_usage.prompt_tokens"]
        case .aggregatedOutput:
            ["gen_ai.aggregated_usage.output_tokens", "gen_ai.aggregated_usage.completion_tokens"]
        case .agentID: ["gen_ai.agent.id"]
        case .langfuseCost: ["langfuse.observation.cost_details"]
        case .timeToFirstChunk: ["gen_ai.response.time_to_first_chunk"]
        case .timeToFirstToken: ["gen_ai.server.time_to_first_token"]
        case .completionStart: ["langfuse.observation.completion_start_time"]
        case .agent: ["gen_ai.agent.name", "agent.name", "agent_name", "graph.node.id"]
        case .tool: ["gen_ai.tool.name", "tool.name"]
        case .entity: ["traceloop.entity.name"]
        case .conversation:
            ["gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id"]
        case .errorType: ["error.type"]
        case .finishReasons: ["gen_ai.response.finish_reasons"]
        case .attempts: ["skein.retry.attempt_count"]
        case .singleFinishReason: ["llm.response.finish_reason", "llm.finish_reason"]
        }
    }
}
