import ArgumentParser
import Foundation
import Hummingbird
import Skein

/// The service that the agents researcher and writer run in.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run the agents researcher and writer: POST /agents/{name}, and an MCP server: POST /mcp.")

    /// Bytes of an MCP request; what the researchers send is far smaller.
    private static let bodyBytesMax = 1 << 20
    /// What the cache of facts knows from the start, so that some of the first questions already find it.
    private static let knownTopics = ["cost", "known"]

    @OptionGroup var listen: ListenOptions

    @Option(help: "The address of the model server.")
    var models: HTTPAddress

    func run() async throws {
        let telemetry = try SkeinTracing.bootstrap(serviceName: "worker")
        let models = ModelClient(models)
        let researcher = Researcher(
            models: models, library: Library(), facts: FactCache(FactTable(), known: Self.knownTopics))
        let citations = CitationServer()
        let writer = Writer(models: models)
        try await serve("worker", listen, telemetry) { router in
            router.post("agents/researcher") { request, context in
                let assignment = try await request.decode(as: Assignment.self, context: context)
                return Contribution(text: try await researcher.research(assignment))
            }
            router.post("agents/writer") { request, context in
                let assignment = try await request.decode(as: Assignment.self, context: context)
                return try await writer.write(assignment)
            }
            router.post("mcp") { request, _ in
                let body = try await request.body.collect(upTo: Self.bodyBytesMax)
                return try await citations.answer(Data(body.readableBytesView))
            }
        }
    }
}
