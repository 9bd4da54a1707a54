import ArgumentParser
import CPlatform
import Collector
import HTTPServing
import Logging
import QueryAPI
import TraceStorage

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
            metrics and the forward targets within service.shutdown_timeout; a second signal ends at once. SIGHUP reads \
            the configuration again and changes exporters, processors, alerts and prices.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let configuration = try options.read()
        let logger = StandardErrorLog.logger("skein", level: configuration.collector.telemetry.logLevel)
        for warning in configuration.warnings { logger.warning("\(warning)") }
        try warnAboutAddresses(configuration, logger)
        let stop = try StopSignals()
        let reload = try ReloadSignals()
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
        let (file, directory, settings) = (options.file, options.dataDirectory, options.settings)
        let reloader = ConfigurationReloader(configuration, collector: collector, logger: logger) {
            () throws(CommandFailure) in
            try ConfigurationOptions.read(file: file, dataDirectory: directory, settings: settings)
        }
        do throws(WorkerThread.StartError) {
            try reload.forEach { reloader.reload() }
        } catch { logger.warning("SIGHUP does nothing", metadata: ["reason": "\(error)"]) }
        Terminal.message("ready")
        await stop.wait()
        Terminal.message("draining")
        async let queriesEnded: Void = query.shutdown()
        await collector.shutdown()
        await queriesEnded
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
///
/// The handler is C's and writes to a pipe: a dispatch source can miss a signal that the system gives to a thread that
/// does not expect it.
private struct StopSignals {
    private let descriptor: Int32

    init() throws(CommandFailure) {
        descriptor = skein_catch_stop_signals()
        guard descriptor >= 0 else { throw .failed("cannot catch signals: \(String(cString: strerror(errno)))") }
    }

    func wait() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let waiting = { @Sendable [descriptor] in
                var byte: UInt8 = 0
                while read(descriptor, &byte, 1) < 0, errno == EINTR {}
                continuation.resume()
            }
            // Without a thread to wait on, the collector ends at once instead of running on unstoppable.
            if (try? WorkerThread("signals", waiting)) == nil { continuation.resume() }
        }
    }
}

/// Calls something at each SIGHUP. One that comes before is not lost, and several may count as one.
private struct ReloadSignals {
    private let descriptor: Int32

    init() throws(CommandFailure) {
        descriptor = skein_catch_reload_signals()
        guard descriptor >= 0 else { throw .failed("cannot catch signals: \(String(cString: strerror(errno)))") }
    }

    /// Calls `body` on a thread of its own, which ends with the process.
    func forEach(_ body: @escaping @Sendable () -> Void) throws(WorkerThread.StartError) {
        _ = try WorkerThread("reload") { [descriptor] in
            var bytes = [UInt8](repeating: 0, count: 64)
            while true {
                let count = read(descriptor, &bytes, bytes.count)
                if count > 0 {
                    body()
                } else if count == 0 || errno != EINTR {
                    return
                }
            }
        }
    }
}
