import CurlTransport
import Journal
import Logging

/// What exporters are made of beside their configuration.
struct ExporterSources: Sendable {
    let journal: Journal
    let derived: DerivedMetrics
    /// From push to push of derived metrics.
    let pushInterval: Duration
    let exemplarsPerPointMax: Int
    let metrics: SelfMetrics
    let logger: Logger

    private static func policy(_ queue: SendingQueueConfiguration) -> ReaderPolicy {
        .maySkip(maxLagBytes: queue.bytesMax, maxLagAge: queue.ageMax)
    }

    /// The name of an exporter's place in the journal.
    static func readerName(_ id: String) -> String { "exporter/\(id)" }

    /// The place of an exporter that does not run yet.
    func reader(_ configuration: OTLPHTTPExporterConfiguration) throws(JournalError) -> JournalReader {
        try journal.reader(Self.readerName(configuration.id), policy: Self.policy(configuration.queue))
    }

    /// A place in the stead of that of an exporter that has ended.
    func reader(
        _ configuration: OTLPHTTPExporterConfiguration, insteadOf old: JournalReader?
    ) throws(JournalError) -> JournalReader {
        guard let old else { return try reader(configuration) }
        return try old.replaced(policy: Self.policy(configuration.queue))
    }

    func forwarder(
        _ configuration: OTLPHTTPExporterConfiguration, client: OTLPHTTPClient, reader: JournalReader,
        thread: ParkedThread
    ) -> RunningExporters.Forwarder {
        let exporter = OTLPHTTPExporter(
            configuration, client: client, journal: journal, reader: reader, metrics: metrics, logger: logger)
        return .init(configuration: configuration, reader: reader, exporter: exporter, thread: thread)
    }

    func pusher(
        _ configuration: MetricsPushConfiguration, transport: CurlTransport, thread: ParkedThread
    ) -> RunningExporters.Pusher {
        let pusher = MetricsPusher(
            configuration, interval: pushInterval, exemplarsPerPointMax: exemplarsPerPointMax, source: derived,
            transport: transport, metrics: metrics, logger: logger)
        return .init(configuration: configuration, pusher: pusher, thread: thread)
    }
}
