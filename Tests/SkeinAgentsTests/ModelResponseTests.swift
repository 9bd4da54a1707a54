import Skein
import SkeinAgents
import SkeinTesting
import Testing

@Suite struct ModelResponseTests {
    @Test(arguments: ProviderBodies.all)
    func bodiesAreReadInTheConventionsMeaning(_ example: ProviderBodies.Example) throws {
        let response = try ModelResponse(body: example.text, format: example.format)
        #expect(response == example.expected)
        #expect(try ModelResponse(body: Array(example.text.utf8)[...], format: example.format) == response)
    }

    @Test(arguments: ProviderBodies.all)
    func aTruncatedBodyIsAnErrorWithWhatWasRead(_ example: ProviderBodies.Example) throws {
        let bytes = Array(example.text.utf8)
        for length in 0..<bytes.count {
            let error = #expect(throws: ModelResponseError.self) {
                try ModelResponse(body: bytes[..<length], format: example.format)
            }
            let partial = try #require(error).partial
            #expect(partial.id == nil || partial.id == example.expected.id)
            #expect(partial.usage.inputTokens == nil || example.expected.usage.inputTokens != nil)
        }
    }

    @Test(arguments: ProviderBodies.all)
    func damagedBodiesNeverCrash(_ example: ProviderBodies.Example) {
        let bytes = Array(example.text.utf8)
        for index in bytes.indices {
            for damage: UInt8 in [0x00, 0x22, 0x5C, 0x7B, 0x7D, 0xFF] {
                var damaged = bytes
                damaged[index] = damage
                _ = try? ModelResponse(body: damaged, format: example.format)
            }
        }
    }

    @Test func aCallRecordsWhatWasReadAndAnErrorInIt() async throws {
        let answer = try ModelResponse(body: ProviderBodies.messages.text, format: .anthropicMessages)
        let failure = try ModelResponse(body: ProviderBodies.messagesError.text, format: .anthropicMessages)
        let spans = await spansOnBothTracers { tracer in
            await withModelCall(ModelRequest(model: "good", provider: "anthropic"), tracer: tracer) {
                $0.recordResponse(answer)
            }
            await withModelCall(ModelRequest(model: "bad", provider: "anthropic"), tracer: tracer) {
                $0.recordResponse(failure)
            }
        }
        #expect(
            try spans.only("chat good").attributes == [
                "gen_ai.operation.name": .string("chat"), "gen_ai.provider.name": .string("anthropic"),
                "gen_ai.request.model": .string("good"), "gen_ai.response.id": .string("msg_01XFDUDYJgAACzvnptvVoYEL"),
                "gen_ai.response.model": .string("claude-opus-4-5-20251101"),
                "gen_ai.response.finish_reasons": .array([.string("end_turn")]),
                "gen_ai.usage.input_tokens": .int(3_209), "gen_ai.usage.output_tokens": .int(393),
                "gen_ai.usage.cache_read.input_tokens": .int(3_000),
                "gen_ai.usage.cache_creation.input_tokens": .int(188),
            ])
        let bad = try spans.only("chat bad")
        #expect(bad.attributes["error.type"] == .string("overloaded_error"))
        #expect(bad.status == .error("overloaded_error: Overloaded") && bad.events.isEmpty)
    }

    @Test(arguments: ModelResponseFormat.allCases)
    func otherTypesThanExpectedArePassedOver(_ format: ModelResponseFormat) throws {
        let text = """
            {"id":7,"model":["x"],"choices":{"a":1},"usage":[1],"usageMetadata":"no","candidates":[3,null,{"index":-4}],
             "message":5,"delta":null,"response":"r","status":{},"error":null,"stop_reason":1,"responseId":false}
            """
        let response = try ModelResponse(body: text, format: format)
        #expect(response.id == nil && response.model == nil && response.finishReasons.isEmpty)
        #expect(response.usage == TokenUsage() && response.error == nil)
    }

    @Test(
        arguments: [
            ("-1", nil), ("1.5", nil), ("\"7\"", nil), ("null", nil), ("1e3", 1_000), ("12.0", 12), ("0", 0),
            ("9223372036854775807", Int.max), ("9223372036854775808", nil), ("1e400", nil),
        ] as [(String, Int?)])
    func countsAreWholeNumbersOfZeroAndAbove(_ number: String, _ expected: Int?) throws {
        let body = "{\"usage\":{\"prompt_tokens\":\(number)}}"
        #expect(try ModelResponse(body: body, format: .openAIChat).usage.inputTokens == expected)
    }

    @Test func sumsDoNotOverflow() throws {
        let body = "{\"usage\":{\"input_tokens\":9223372036854775807,\"cache_read_input_tokens\":5}}"
        #expect(try ModelResponse(body: body, format: .anthropicMessages).usage.inputTokens == .max)
    }

    @Test func deepBodiesAreRefused() {
        let deep = "{\"x\":" + String(repeating: "[", count: 100_000)
        let error = #expect(throws: ModelResponseError.self) { try ModelResponse(body: deep, format: .openAIChat) }
        #expect(error?.description.contains("nested deeper than 1024") == true)
    }

    @Test func endlessChoicesAndTextsAreBounded() throws {
        let choices = (0..<500).map { "{\"index\":\($0),\"finish_reason\":\"stop\"}" }.joined(separator: ",")
        let body =
            "{\"id\":\"\(String(repeating: "i", count: 5_000))\",\"choices\":[\(choices),"
            + "{\"index\":9000000000,\"finish_reason\":\"far\"}]}"
        let response = try ModelResponse(body: body, format: .openAIChat)
        #expect(response.finishReasons.count == 128)
        #expect(response.id?.utf8.count == 1_024)
    }
}
