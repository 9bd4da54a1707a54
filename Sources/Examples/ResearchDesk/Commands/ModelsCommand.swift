import ArgumentParser
import HTTPTypes
import Hummingbird

/// A stand-in for the provider of the models. Like a real one it is not part of the trace.
struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "Pretend to be a model provider: POST /v1/chat/completions.")

    @OptionGroup var listen: ListenOptions

    @Option(help: "Another seed, other answers, latencies and failures.")
    var seed = 1

    func run() async throws {
        let model = FakeModel(seed: seed)
        try await serve("models", listen, nil) { router in
            router.post("v1/chat/completions") { request, context in
                let retry = HTTPField.Name(ModelClient.retryCountHeader).flatMap { request.headers[$0] }
                let chat = try await request.decode(as: ChatRequest.self, context: context)
                let outcome = model.outcome(of: chat, retry: retry.flatMap { Int($0) } ?? 0)
                if chat.stream == true, case .completion(let completion) = outcome.result {
                    return Response(try ChunkedAnswer(completion, latency: outcome.latency))
                }
                try await Task.sleep(for: outcome.latency)
                switch outcome.result {
                case .completion(let completion):
                    return try context.responseEncoder.encode(completion, from: request, context: context)
                case .rateLimited(let seconds):
                    return Response(status: .tooManyRequests, headers: [.retryAfter: "\(seconds)"])
                case .failed:
                    return Response(status: .internalServerError)
                }
            }
        }
    }
}

extension Response {
    /// Sends the events when their time comes.
    fileprivate init(_ answer: ChunkedAnswer) {
        let body = ResponseBody { writer in
            for (index, event) in answer.events.enumerated() {
                try await Task.sleep(for: index == 0 ? answer.firstPause : answer.pause)
                try await writer.write(ByteBuffer(string: event))
            }
            try await writer.finish(nil)
        }
        self.init(status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }
}
