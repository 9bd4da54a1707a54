import ArgumentParser
import Collector
import Dispatch
import HTTPServing
import Logging
import QueryAPI

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Runs a collector until a signal ends it.
struct CollectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collector",
        abstract: "Receive, keep, forward and measure spans.",
        discussion: """
            Runs with no configuration at all. SIGTERM and SIGINT drain: spans that were taken go to the store, the \
            metrics and the forward targets within service.shutdown_timeout; a second signal ends at once.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let configuration = try options.read()
        let logger = StandardErrorLog.logger("skein", level: configuration.collector.telemetry.logLevel)
        for warning in configuration.warnings { logger.warning("\(warning)") }
        try warnAboutAddresses(configuration, logger)
        let stop = StopSignals()
        let collector: Collector
        do throws(Collector.StartError) {
            collector = try Collector(
                configuration.collector, logger: logger, announce: { Terminal.message($0) })
        } catch {
            throw CommandFailure.failed(error.description)
        }
        let query = QueryListener(configuration.query, collector: collector, logger: logger)
        do {
            try await collector.start()
            try await query.start()
        } catch {
            await query.shutdown()
            // What could not start has nothing to drain for.
            await collector.shutdown(timeout: .zero)
            throw CommandFailure.failed("\(error)")
        }
        Terminal.message("ready")
        await stop.wait()
        Terminal.message("draining")
        await query.shutdown()
        await collector.shutdown()
        Terminal.message("stopped")
    }

    /// Off loopback without authentication a receiver gets a warning and a query listener a refusal.
    private func warnAboutAddresses(_ configuration: SkeinConfiguration, _ logger: Logger) throws {
        let receiver = configuration.collector.receiver
        let open = [receiver.grpc?.endpoint, receiver.http?.endpoint].compactMap { $0 }.filter { !$0.isLoopback }
        if !open.isEmpty {
            logger.warning(
                "receivers listen off loopback without authentication",
                metadata: ["endpoints": "\(open.map(\.description).joined(separator: ", "))"])
        }
        if let refusal = configuration.query.refusal { throw CommandFailure.usage(refusal) }
    }
}

/// Waits for the first SIGTERM or SIGINT; the second ends the process at once.
private final class StopSignals: Sendable {
    // The sources are made once and only kept alive afterwards.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]
    private let stream: AsyncStream<Void>

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.stream = stream
        signal(SIGPIPE, SIG_IGN)
        let queue = DispatchQueue(label: "signals")
        let count = Counter()
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if count.next() > 1 { _exit(1) }
                continuation.yield()
            }
            source.resume()
            return source
        }
    }

    func wait() async {
        for await _ in stream { return }
    }

    /// Touched by the signal queue alone.
    private final class Counter: @unchecked Sendable {
        private var count = 0

        func next() -> Int {
            count += 1
            return count
        }
    }
}
