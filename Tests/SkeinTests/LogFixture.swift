import Logging
import Skein

/// Tracing whose log records go to an exporter of the test, and whose diagnostics are kept.
struct LogFixture {
    let tracing: SkeinTracing
    let exporter: GatedExporter
    let diagnostics = LogLines()

    init(
        _ exporter: GatedExporter = GatedExporter(), _ configure: (inout TracingConfiguration) -> Void = { _ in }
    ) throws {
        self.exporter = exporter
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = []
        configuration.logs.customExporters = [exporter]
        configuration.logs.level = .trace
        let diagnostics = diagnostics
        configuration.logger = Logger(label: "skein") { _ in diagnostics }
        // No test waits for it, and a busy machine must not run into it.
        configuration.logs.batch.exportTimeout = .seconds(600)
        configuration.shutdownTimeout = .seconds(600)
        configure(&configuration)
        tracing = try SkeinTracing(configuration)
    }

    /// A logger at its lowest level.
    func logger(_ label: String = "app", metadataProvider: Logger.MetadataProvider? = nil) -> Logger {
        Logger(label: label) { tracing.logHandler(label: $0, metadataProvider: metadataProvider) }
    }

    /// What has been exported, in order.
    var records: [LoggedRecord] { exporter.requests.flatMap { LoggedRecord.records(inRequest: $0) } }

    /// The one record of everything that `body` logs.
    static func record(
        metadataProvider: Logger.MetadataProvider? = nil,
        configure: (inout TracingConfiguration) -> Void = { _ in }, _ body: (inout Logger, SkeinTracer) -> Void
    ) async throws -> LoggedRecord {
        let fixture = try LogFixture(GatedExporter(), configure)
        var logger = fixture.logger(metadataProvider: metadataProvider)
        body(&logger, fixture.tracing.tracer)
        await fixture.tracing.shutdown()
        let records = fixture.records
        guard records.count == 1, let record = records.first else { throw WrongCount(count: records.count) }
        return record
    }

    struct WrongCount: Error {
        let count: Int
    }
}
