import SkeinAgents
import Testing

@Suite struct ModelStreamReaderTests {
    private func response(_ pieces: [ArraySlice<UInt8>], _ format: ModelResponseFormat) -> (ModelResponse, Int) {
        var reader = ModelStreamReader(format)
        for piece in pieces { reader.append(piece) }
        reader.finish()
        return (reader.response, reader.unreadEvents)
    }

    @Test(arguments: ProviderStreams.all)
    func streamsAreReadHoweverTheirBytesAreCut(_ example: ProviderBodies.Example) {
        for text in [example.text, example.text.replacing("\n", with: "\r\n")] {
            let bytes = Array(text.utf8)
            for cut in 0...bytes.count {
                let (response, unread) = response([bytes[..<cut], bytes[cut...]], example.format)
                #expect(response == example.expected && unread == 0, "cut at \(cut)")
            }
            #expect(response(bytes.indices.map { bytes[$0...$0] }, example.format).0 == example.expected)
        }
    }

    @Test(arguments: ProviderStreams.all)
    func aStreamThatIsCutSaysWhatIsKnown(_ example: ProviderBodies.Example) {
        let bytes = Array(example.text.utf8)
        var wasIncomplete = false
        for length in 0..<bytes.count {
            let (response, unread) = response([bytes[..<length]], example.format)
            #expect(unread <= 1)
            #expect(response.id == nil || response.id == example.expected.id)
            wasIncomplete = wasIncomplete || !response.isComplete && response.id != nil
        }
        #expect(wasIncomplete)
    }

    @Test(arguments: ProviderBodies.all)
    func aBodyInPlaceOfEventsIsReadToo(_ example: ProviderBodies.Example) {
        let bytes = Array(example.text.utf8)
        #expect(response(bytes.indices.map { bytes[$0...$0] }, example.format).0 == example.expected)
    }

    @Test func finishingTwiceReadsOnce() {
        var reader = ModelStreamReader(.openAIChat)
        reader.append(ProviderBodies.chatError.text)
        reader.finish()
        reader.finish()
        #expect(reader.unreadEvents == 0 && reader.response == ProviderBodies.chatError.expected)
    }

    @Test func eventsThatAreNoJSONArePassedOverAndCounted() {
        let text = "data: {\"id\":\"a\"\n\ndata: nonsense\n\ndata: {\"model\":\"m\"}\n\n"
        let (response, unread) = response([Array(text.utf8)[...]], .openAIChat)
        #expect(response.id == "a" && response.model == "m" && unread == 2)
    }

    @Test func anErrorInTheMidstOfAStreamIsKept() {
        let anthropic = """
            event: message_start
            data: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":3,"output_tokens":1}}}

            event: error
            data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}


            """
        let (response, _) = response([Array(anthropic.utf8)[...]], .anthropicMessages)
        #expect(response.error == ModelAPIError(type: "overloaded_error", message: "Overloaded"))
        #expect(response.usage.inputTokens == 3 && !response.isComplete)
        let openAI = "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"x\"}\n\n"
        let error = self.response([Array(openAI.utf8)[...]], .openAIResponses).0.error
        #expect(error == ModelAPIError(code: "server_error", message: "x"))
    }
}

/// Event streams as providers send them.
enum ProviderStreams {
    static let all = [chat, responses, messages, gemini]

    static let chat = ProviderBodies.Example(
        "OpenAI chat", .openAIChat,
        """
        : OPENROUTER PROCESSING

        data: {"id":"","object":"chat.completion.chunk","model":"","choices":[],"prompt_filter_results":[]}

        data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5","choices":[{"index":0,"delta":{"role":"assistant","content":"🇫🇷"},"finish_reason":null}],"usage":null}

        data: {"id":"chatcmpl-1","model":"gpt-5","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

        data: {"id":"chatcmpl-1","model":"gpt-5","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":16},"completion_tokens_details":{"reasoning_tokens":2}}}

        data: [DONE]


        """
    ) {
        $0.id = "chatcmpl-1"
        $0.model = "gpt-5"
        $0.finishReasons = ["stop"]
        $0.usage = TokenUsage(inputTokens: 19, outputTokens: 10, cacheReadInputTokens: 16, reasoningOutputTokens: 2)
        $0.isComplete = true
    }

    static let responses = ProviderBodies.Example(
        "OpenAI responses", .openAIResponses,
        """
        event: response.created
        data: {"type":"response.created","response":{"id":"resp_1","status":"in_progress","model":"gpt-5.1","usage":null}}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","item_id":"msg_1","delta":"Hi","sequence_number":4}

        event: response.completed
        data: {"type":"response.completed","response":{"id":"resp_1","status":"completed","model":"gpt-5.1",
        data: "usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":0},"output_tokens":11,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":48}}}


        """
    ) {
        $0.id = "resp_1"
        $0.model = "gpt-5.1"
        $0.finishReasons = ["completed"]
        $0.usage = TokenUsage(inputTokens: 37, outputTokens: 11, cacheReadInputTokens: 0, reasoningOutputTokens: 0)
        $0.isComplete = true
    }

    static let messages = ProviderBodies.Example(
        "Anthropic messages", .anthropicMessages,
        """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":10,"cache_read_input_tokens":100,"output_tokens":1}}}

        event: ping
        data: {"type":"ping"}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}

        event: message_stop
        data: {"type":"message_stop"}


        """
    ) {
        $0.id = "msg_1"
        $0.model = "claude-sonnet-4-5"
        $0.finishReasons = ["end_turn"]
        $0.usage = TokenUsage(
            inputTokens: 135, outputTokens: 15, cacheReadInputTokens: 100, cacheCreationInputTokens: 10)
        $0.isComplete = true
    }

    static let gemini = ProviderBodies.Example(
        "Gemini", .geminiGenerateContent,
        """
        data: {"candidates":[{"content":{"parts":[{"text":"Par"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":8,"totalTokenCount":40,"thoughtsTokenCount":32},"modelVersion":"gemini-2.5-flash","responseId":"r1"}

        data: {"candidates":[{"content":{"parts":[{"text":"is"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":3,"totalTokenCount":55,"thoughtsTokenCount":44},"modelVersion":"gemini-2.5-flash","responseId":"r1"}


        """
    ) {
        $0.id = "r1"
        $0.model = "gemini-2.5-flash"
        $0.finishReasons = ["STOP"]
        $0.usage = TokenUsage(inputTokens: 8, outputTokens: 47, reasoningOutputTokens: 44)
        $0.isComplete = true
    }
}
