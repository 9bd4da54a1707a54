import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Skein
import Tracing

/// A service as its users write it, in a process of its own, for the tests of its shutdown: tracing stands first in the
/// service group, Hummingbird second. It writes its port as the first line of its output and ends with SIGTERM.
@main
enum InteropService {
    static func main() async throws {
        let telemetry = try SkeinTracing.bootstrap(serviceName: "interop-service")
        var logger = Logger(label: "interop-service")
        logger.logLevel = .warning

        let router = Router()
        router.add(middleware: TracingMiddleware())
        router.get("work") { _, _ in
            withSpan("work") { _ in HTTPResponse.Status.ok }
        }
        router.get("hold") { _, _ in Self.heldResponse() }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                FileHandle.standardOutput.write(Data("\(channel.localAddress?.port ?? 0)\n".utf8))
            },
            logger: logger)

        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [telemetry, application], gracefulShutdownSignals: [.sigterm], logger: logger)
        ).run()
    }

    /// A response that has begun and goes on until the shutdown has begun too.
    private static func heldResponse() -> Response {
        // The body is written when the middleware has returned, so the context of the request goes along by hand.
        let context = ServiceContext.current ?? .topLevel
        return Response(
            status: .ok,
            body: ResponseBody { writer in
                try await writer.write(ByteBuffer(string: "held, "))
                try await gracefulShutdown()
                try await withSpan("last words", context: context) { _ in
                    try await writer.write(ByteBuffer(string: "finished"))
                }
                try await writer.finish(nil)
            })
    }
}
