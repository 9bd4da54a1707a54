// A model call whose answer is shown while it is written. Its span has the time to the first chunk, the gaps between
// chunks, and the tokens, which the provider says at the end of the stream.
//
//     swift run StreamingCall
//     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 swift run StreamingCall

import Skein
import SkeinAgents

let telemetry = try SkeinTracing.bootstrap(serviceName: "streaming-call") { configuration in
    // Where the environment does not say where spans go, they are printed.
    if !configuration.isDestinationInEnvironment { configuration.exporters = [.console] }
}

/// Takes the place of an HTTP client: the bytes of a chat completion as server-sent events, a pause before each.
struct FakeStream: AsyncSequence, AsyncIteratorProtocol {
    private var events: ArraySlice<String>

    init() {
        let choices = ["Swifts", " sleep", " while", " they", " fly."].map { word in
            #"[{"index":0,"delta":{"content":"\#(word)"}}]"#
        }
        let end = [
            #"[{"index":0,"delta":{},"finish_reason":"stop"}]"#,
            #"[],"usage":{"prompt_tokens":18,"completion_tokens":6}"#,
        ]
        events =
            (choices + end).map { #"data: {"id":"chatcmpl-1","model":"gpt-5-mini","choices":\#($0)}"# } + [
                "data: [DONE]"
            ]
    }

    func makeAsyncIterator() -> FakeStream { self }

    mutating func next() async -> [UInt8]? {
        try? await Task.sleep(for: .milliseconds(20))
        return events.popFirst().map { Array("\($0)\n\n".utf8) }
    }
}

let request = ModelRequest(model: "gpt-5-mini", provider: GenAI.Provider.openAI)

func showWhole() async {
    let stream = await withStreamedModelCall(request, reading: .openAIChat) { _ in FakeStream() }
    var bytes = 0
    for await chunk in stream {
        bytes += chunk.count
        print("\(bytes) bytes")
    }
}

/// Who leaves the loop ends the span: it says `abandoned`, which is no error.
func showBeginning() async {
    let stream = await withStreamedModelCall(request, reading: .openAIChat) { _ in FakeStream() }
    for await chunk in stream {
        print("\(chunk.count) bytes are enough")
        break
    }
}

await showWhole()
await showBeginning()
await telemetry.shutdown()
