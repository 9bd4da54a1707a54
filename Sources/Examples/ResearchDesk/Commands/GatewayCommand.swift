import ArgumentParser
import Hummingbird
import Skein
import SkeinAgents
import Tracing

/// The service that users ask. Coordinator and planner live here; the other agents in the worker.
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway", abstract: "Answer questions: POST /ask {question, user, department, conversation}.")

    @OptionGroup var listen: ListenOptions

    @Option(help: "The address of the worker.")
    var worker: HTTPAddress

    @Option(help: "The address of the model server.")
    var models: HTTPAddress

    func run() async throws {
        let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway")
        let coordinator = Coordinator(
            planner: Planner(models: ModelClient(models)), worker: JSONClient(worker))
        let prompts = try WriterPrompt.experiment()
        try await serve("gateway", listen, telemetry) { router in
            router.post("ask") { request, context in
                let question = try await request.decode(as: Question.self, context: context)
                let text = try await withAttribution(Attribution(question)) {
                    try await withExperiment(prompts, unit: question.conversation) { variant in
                        try await coordinator.answer(question, WriterPrompt(rawValue: variant) ?? .brief)
                    }
                }
                let traceID = ServiceContext.current?.spanContext?.traceID.description
                return Reply(answer: text, traceID: traceID ?? "")
            }
        }
    }
}

/// What a user asks.
struct Question: Codable, Sendable {
    var question: String
    var user: String
    var department: String?
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

extension Attribution {
    /// Says to every service that works for this question whom it is for: it travels with the trace context.
    fileprivate init(_ question: Question) {
        self.init(
            user: question.user, department: question.department, application: "research-desk",
            conversation: question.conversation)
    }
}
