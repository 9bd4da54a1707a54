import SkeinAgents
import Testing

/// Bodies as providers send them.
enum ProviderBodies {
    struct Example: Sendable, CustomTestStringConvertible {
        let name: String
        let format: ModelResponseFormat
        let text: String
        let expected: ModelResponse

        var testDescription: String { name }

        init(
            _ name: String, _ format: ModelResponseFormat, _ text: String,
            expecting change: (inout ModelResponse) -> Void
        ) {
            self.name = name
            self.format = format
            self.text = text
            var response = ModelResponse()
            change(&response)
            expected = response
        }
    }

    static let all = [
        chat, chatOfTwo, chatReasoningBeside, deepSeek, chatError, responses, responsesIncomplete, responsesFailed,
        messages, messagesError, gemini, geminiBlocked, geminiArray, geminiError,
    ]

    static let chat = Example(
        "OpenAI chat", .openAIChat,
        """
        {
          "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", "object": "chat.completion", "created": 1741570283,
          "model": "gpt-5-2025-08-07",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "The \\"usage\\": {} of tea…",
            "refusal": null, "annotations": []}, "logprobs": null, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 1117, "completion_tokens": 346, "total_tokens": 1463,
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0,
              "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
          "service_tier": "default", "system_fingerprint": "fp_fc9f1d7035"
        }
        """
    ) {
        $0.id = "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG"
        $0.model = "gpt-5-2025-08-07"
        $0.finishReasons = ["stop"]
        $0.usage = TokenUsage(
            inputTokens: 1_117, outputTokens: 346, cacheReadInputTokens: 1_024, reasoningOutputTokens: 192)
        $0.isComplete = true
    }

    static let chatOfTwo = Example(
        "OpenAI chat, two answers out of order", .openAIChat,
        """
        {"id":"c2","model":"gpt-5","choices":[{"index":1,"message":{"content":null,"tool_calls":[{"id":"t"}]},
        "finish_reason":"tool_calls"},{"index":0,"message":{"content":"x"},"finish_reason":"length"}]}
        """
    ) {
        $0.id = "c2"
        $0.model = "gpt-5"
        $0.finishReasons = ["length", "tool_calls"]
        $0.isComplete = true
    }

    static let chatReasoningBeside = Example(
        "chat of a provider that counts reasoning beside the output", .openAIChat,
        """
        {"id":"x1","model":"grok-4","choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":32,
        "completion_tokens":9,"total_tokens":135,"completion_tokens_details":{"reasoning_tokens":94}}}
        """
    ) {
        $0.id = "x1"
        $0.model = "grok-4"
        $0.finishReasons = ["stop"]
        $0.usage = TokenUsage(inputTokens: 32, outputTokens: 103, reasoningOutputTokens: 94)
        $0.isComplete = true
    }

    static let deepSeek = Example(
        "DeepSeek chat", .openAIChat,
        """
        {"id":"d1","model":"deepseek-chat","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":8,
        "total_tokens":108,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36}}
        """
    ) {
        $0.id = "d1"
        $0.model = "deepseek-chat"
        $0.usage = TokenUsage(inputTokens: 100, outputTokens: 8, cacheReadInputTokens: 64)
        $0.isComplete = true
    }

    static let chatError = Example(
        "OpenAI error", .openAIChat,
        """
        {"error": {"message": "Rate limit reached for gpt-5 on tokens per min (TPM).", "type": "tokens",
          "param": null, "code": "rate_limit_exceeded"}}
        """
    ) {
        $0.error = ModelAPIError(
            type: "tokens", code: "rate_limit_exceeded",
            message: "Rate limit reached for gpt-5 on tokens per min (TPM).")
    }

    static let responses = Example(
        "OpenAI responses", .openAIResponses,
        """
        {"id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b", "object": "response", "status": "completed",
          "error": null, "incomplete_details": null, "instructions": null, "model": "gpt-5.1-2025-11-13",
          "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}],
          "text": {"format": {"type": "text"}}, "tools": [], "usage": {"input_tokens": 36,
            "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 87,
            "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 123}, "user": null, "metadata": {}}
        """
    ) {
        $0.id = "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b"
        $0.model = "gpt-5.1-2025-11-13"
        $0.finishReasons = ["completed"]
        $0.usage = TokenUsage(inputTokens: 36, outputTokens: 87, cacheReadInputTokens: 4, reasoningOutputTokens: 64)
        $0.isComplete = true
    }

    static let responsesIncomplete = Example(
        "OpenAI responses, incomplete", .openAIResponses,
        """
        {"id":"resp_2","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"model":"gpt-5.1",
        "usage":{"input_tokens":5,"output_tokens":16,"total_tokens":21}}
        """
    ) {
        $0.id = "resp_2"
        $0.model = "gpt-5.1"
        $0.finishReasons = ["max_output_tokens"]
        $0.usage = TokenUsage(inputTokens: 5, outputTokens: 16)
        $0.isComplete = true
    }

    static let responsesFailed = Example(
        "OpenAI responses, failed", .openAIResponses,
        """
        {"id":"resp_3","status":"failed","error":{"code":"server_error","message":"The model failed."},"usage":null}
        """
    ) {
        $0.id = "resp_3"
        $0.finishReasons = ["failed"]
        $0.error = ModelAPIError(code: "server_error", message: "The model failed.")
        $0.isComplete = true
    }

    static let messages = Example(
        "Anthropic messages", .anthropicMessages,
        """
        {"model":"claude-opus-4-5-20251101","id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant",
        "content":[{"type":"thinking","thinking":"…","signature":"s"},{"type":"text","text":"Hi!"}],
        "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":21,"cache_creation_input_tokens":188,
        "cache_read_input_tokens":3000,"cache_creation":{"ephemeral_5m_input_tokens":100,
        "ephemeral_1h_input_tokens":88},"output_tokens":393,"service_tier":"standard"}}
        """
    ) {
        $0.id = "msg_01XFDUDYJgAACzvnptvVoYEL"
        $0.model = "claude-opus-4-5-20251101"
        $0.finishReasons = ["end_turn"]
        $0.usage = TokenUsage(
            inputTokens: 3_209, outputTokens: 393, cacheReadInputTokens: 3_000, cacheCreationInputTokens: 188)
        $0.isComplete = true
    }

    static let messagesError = Example(
        "Anthropic error", .anthropicMessages,
        """
        {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_011"}
        """
    ) {
        $0.error = ModelAPIError(type: "overloaded_error", message: "Overloaded")
    }

    static let gemini = Example(
        "Gemini", .geminiGenerateContent,
        """
        {"candidates": [{"content": {"parts": [{"text": "Paris"}], "role": "model"}, "finishReason": "STOP",
          "avgLogprobs": -0.1}], "usageMetadata": {"promptTokenCount": 400, "candidatesTokenCount": 12,
          "totalTokenCount": 569, "cachedContentTokenCount": 300, "thoughtsTokenCount": 150,
          "toolUsePromptTokenCount": 7, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 400}]},
          "modelVersion": "gemini-2.5-pro", "responseId": "kQ5zaJ6"}
        """
    ) {
        $0.id = "kQ5zaJ6"
        $0.model = "gemini-2.5-pro"
        $0.finishReasons = ["STOP"]
        $0.usage = TokenUsage(
            inputTokens: 407, outputTokens: 162, cacheReadInputTokens: 300, reasoningOutputTokens: 150)
        $0.isComplete = true
    }

    static let geminiBlocked = Example(
        "Gemini, prompt refused", .geminiGenerateContent,
        """
        {"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9,
        "totalTokenCount":9},"modelVersion":"gemini-2.5-pro"}
        """
    ) {
        $0.model = "gemini-2.5-pro"
        $0.finishReasons = ["PROHIBITED_CONTENT"]
        $0.usage = TokenUsage(inputTokens: 9)
        $0.isComplete = true
    }

    static let geminiArray = Example(
        "Gemini, a stream as one array", .geminiGenerateContent,
        """
        [{"candidates":[{"content":{"parts":[{"text":"Par"}]},"index":0}],"usageMetadata":{"promptTokenCount":4,
        "candidatesTokenCount":1,"totalTokenCount":5},"modelVersion":"gemini-2.5-flash","responseId":"r"}
        ,
        {"candidates":[{"content":{"parts":[{"text":"is"}]},"finishReason":"MAX_TOKENS","index":0}],
        "usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"totalTokenCount":6}}]
        """
    ) {
        $0.id = "r"
        $0.model = "gemini-2.5-flash"
        $0.finishReasons = ["MAX_TOKENS"]
        $0.usage = TokenUsage(inputTokens: 4, outputTokens: 2)
        $0.isComplete = true
    }

    static let geminiError = Example(
        "Gemini error", .geminiGenerateContent,
        """
        {"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[]}}
        """
    ) {
        $0.error = ModelAPIError(type: "RESOURCE_EXHAUSTED", code: "429", message: "You exceeded your current quota.")
    }
}
