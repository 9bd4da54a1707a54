import ArgumentParser
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Skein

/// Where a service listens.
struct ListenOptions: ParsableArguments {
    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port = 0
}

/// Serves HTTP until SIGTERM or SIGINT, answers what is under way, and sends the last spans.
///
/// - Parameter telemetry: nil serves without spans.
func serve(
    _ name: String, _ options: ListenOptions, _ telemetry: SkeinTracing?,
    routes: (Router<BasicRequestContext>) -> Void
) async throws {
    let router = Router()
    if telemetry != nil { router.add(middleware: ServerSpans()) }
    routes(router)
    var logger = Logger(label: name)
    logger.logLevel = .notice
    let server = Application(
        router: router,
        configuration: ApplicationConfiguration(
            address: .hostname(options.host, port: options.port), serverName: name),
        onServerRunning: { channel in
            let port = channel.localAddress?.port ?? options.port
            FileHandle.standardError.write(Data("listening \(name) \(options.host):\(port)\n".utf8))
        }, logger: logger)
    // The group shuts down in reverse order: tracing stands first, so that it sees the last span of the server.
    let services: [any Service] = if let telemetry { [telemetry, server] } else { [server] }
    var group = ServiceGroupConfiguration(
        services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    group.maximumGracefulShutdownDuration = .seconds(15)
    try await ServiceGroup(configuration: group).run()
}
