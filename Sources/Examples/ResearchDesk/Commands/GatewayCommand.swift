import ArgumentParser
import Hummingbird
import Skein
import Tracing

/// The service that users ask. Coordinator and planner live here; the other agents in the worker.
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway", abstract: "Answer questions: POST /ask {question, user, conversation}.")

    @OptionGroup var listen: ListenOptions

    @Option(help: "The address of the worker.")
    var worker: HTTPAddress

    @Option(help: "The address of the model server.")
    var models: HTTPAddress

    func run() async throws {
        let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway")
        let coordinator = Coordinator(
            planner: Planner(models: ModelClient(models)), worker: JSONClient(worker))
        try await serve("gateway", listen, telemetry) { router in
            router.post("ask") { request, context in
                let question = try await request.decode(as: Question.self, context: context)
                return try await withBaggage(of: question) {
                    let text = try await coordinator.answer(question)
                    let traceID = ServiceContext.current?.spanContext?.traceID.description
                    return Reply(answer: text, traceID: traceID ?? "")
                }
            }
        }
    }
}

/// What a user asks.
struct Question: Codable, Sendable {
    var question: String
    var user: String
    var conversation: String
    /// Makes the answers of the fake models repeatable.
    var seed: Int?
}

/// What a user gets.
struct Reply: ResponseCodable, Sendable {
    var answer: String
    /// The trace of the request, to be found in any viewer of traces.
    var traceID: String
}

/// Names user and conversation to every service that works for this question: baggage travels with the trace context.
private func withBaggage<Result>(of question: Question, _ operation: () async throws -> Result) async throws -> Result {
    var context = ServiceContext.current ?? .topLevel
    var baggage = context.baggage ?? Baggage()
    baggage[HTTPAttributes.userID.name] = question.user
    baggage[GenAI.conversationID.name] = question.conversation
    context.baggage = baggage
    return try await ServiceContext.$current.withValue(context, operation: operation)
}
