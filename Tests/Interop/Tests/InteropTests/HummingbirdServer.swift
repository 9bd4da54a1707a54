import Hummingbird
import ServiceLifecycle

/// Serves `router` on a free port of the loopback interface while `body` runs. Returns when every request has been
/// answered, so that its span has ended.
func withServer<Value: Sendable>(
    _ router: Router<BasicRequestContext>, _ body: (_ url: String) async throws -> Value
) async throws -> Value {
    let (ports, announcement) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
        router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { channel in announcement.yield(channel.localAddress?.port ?? 0) }, logger: quietLogger)
    let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(services: [application], logger: quietLogger))
    return try await withThrowingTaskGroup { tasks in
        tasks.addTask {
            defer { announcement.finish() }
            try await group.run()
        }
        guard let port = await ports.first(where: { _ in true }) else {
            try await tasks.waitForAll()
            throw ServerDidNotStart()
        }
        let value = try await body("http://127.0.0.1:\(port)")
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
        return value
    }
}

struct ServerDidNotStart: Error {}
