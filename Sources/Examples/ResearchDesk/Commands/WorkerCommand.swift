import ArgumentParser
import Hummingbird
import Skein

/// The service that the agents researcher and writer run in.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Run the agents researcher and writer: POST /agents/{name}.")

    @OptionGroup var listen: ListenOptions

    @Option(help: "The address of the model server.")
    var models: HTTPAddress

    func run() async throws {
        let telemetry = try SkeinTracing.bootstrap(serviceName: "worker")
        let models = ModelClient(models)
        let researcher = Researcher(models: models)
        let writer = Writer(models: models)
        try await serve("worker", listen, telemetry) { router in
            router.post("agents/researcher") { request, context in
                let assignment = try await request.decode(as: Assignment.self, context: context)
                return Contribution(text: try await researcher.research(assignment))
            }
            router.post("agents/writer") { request, context in
                let assignment = try await request.decode(as: Assignment.self, context: context)
                return Contribution(text: try await writer.write(assignment))
            }
        }
    }
}
