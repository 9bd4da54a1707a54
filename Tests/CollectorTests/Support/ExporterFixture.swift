import Collector
import CurlTransport
import Journal
import OTLP
import TestSink
import TraceStorage

/// A journal and an exporter that reads it, with retries that do not keep a test waiting.
struct ExporterFixture {
    let directory: TestDirectory
    let journal: Journal
    let metrics = SelfMetrics()
    let exporter: OTLPHTTPExporter
    private let thread: Box<WorkerThread?> = Box(nil)

    init(
        url: String, directory: TestDirectory? = nil, _ change: (inout OTLPHTTPExporterConfiguration) -> Void = { _ in }
    ) throws {
        let directory = try directory ?? TestDirectory()
        self.directory = directory
        var configuration = JournalConfiguration(directory: directory.path + "/journal")
        configuration.durability = .os
        journal = try Journal.open(configuration)
        var exporting = OTLPHTTPExporterConfiguration(id: "otlp_http/test", tracesURL: url + "/v1/traces")
        exporting.retry.initialInterval = .milliseconds(1)
        exporting.retry.maxInterval = .milliseconds(5)
        exporting.timeout = .seconds(30)
        change(&exporting)
        let reader = try journal.reader(
            "exporter/otlp_http/test", policy: .maySkip(maxLagBytes: exporting.queue.bytesMax))
        exporter = try OTLPHTTPExporter(exporting, journal: journal, reader: reader, metrics: metrics, logger: quiet)
        try journal.start()
    }

    func append(_ bodies: [UInt8]...) async throws {
        for body in bodies {
            let request = JournalRequest(
                batch: try SpanBatch(decoding: body), receivedAt: ProcessStatistics.now(), receiver: "otlp_http",
                digest: RequestDigest(body: body, tenant: .default))
            _ = try await journal.append(request)
        }
    }

    func start() throws {
        thread.value = try WorkerThread("exporter") { [exporter] in exporter.run() }
    }

    /// Waits until the exporter has ended by itself or as told.
    func ended() async throws {
        guard let running = thread.value else { return }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            do {
                _ = try WorkerThread("join") {
                    _ = running.join(until: .distantFuture)
                    continuation.resume()
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Sends all that was appended and ends.
    func drain() async throws {
        try start()
        await journal.drain()
        try await ended()
        exporter.shutdown()
        await journal.shutdown()
    }

    var sent: Double { metrics.total("otelcol_exporter_sent_spans") }
    var retries: Double { metrics.total("skein_exporter_retries") }

    func failed(_ reason: ExportDropReason) -> Double {
        metrics.total("otelcol_exporter_send_failed_spans", ["reason": reason.rawValue])
    }
}

extension SinkServer.Request {
    /// The request as it was before its compression.
    func batch() throws -> SpanBatch {
        try SpanBatch(decoding: header("Content-Encoding") == "gzip" ? gunzip(body) ?? [] : body)
    }
}

extension SinkServer {
    /// How many spans each request had, in the order of arrival.
    func spanCounts() throws -> [Int] { try requests.map { try $0.batch().spans.count } }
}
