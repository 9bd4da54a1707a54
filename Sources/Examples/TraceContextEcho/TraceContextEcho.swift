import ArgumentParser
import Foundation
import Hummingbird
import Skein

/// A service for conformance tests of trace context: a test sends a request with the headers it likes and looks at what
/// arrives where the service sends to.
///
/// `POST /test` takes a JSON list of `{"url": …, "arguments": …}` and posts each `arguments`, as JSON, to its `url`, one
/// after the other. The context of the incoming request goes along, as it does in any service that is traced with
/// Skein; `OTEL_PROPAGATORS` and `OTEL_TRACES_SAMPLER` hold here too. Spans are not exported.
@main
struct TraceContextEcho: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace-context-echo",
        abstract: "Pass trace context on: POST /test [{\"url\": …, \"arguments\": …}].")

    /// Bytes of a request; what a test sends is far smaller.
    private static let bodyBytesMax = 1 << 20

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port = 0

    func run() async throws {
        let telemetry = try SkeinTracing.bootstrap(serviceName: "trace-context-echo") { $0.exporters = [] }
        let router = Router()
        router.add(middleware: ServerSpans())
        router.post("test") { request, _ in
            let body = try await request.body.collect(upTo: Self.bodyBytesMax)
            for callback in try Callback.list(Data(body.readableBytesView)) { try await callback.post() }
            return HTTPResponse.Status.ok
        }
        var server = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), serverName: "trace-context-echo"),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? port
                FileHandle.standardError.write(Data("listening trace-context-echo \(host):\(port)\n".utf8))
            })
        server.logger.logLevel = .notice
        server.addServices(telemetry)
        try await server.runService()
    }
}
