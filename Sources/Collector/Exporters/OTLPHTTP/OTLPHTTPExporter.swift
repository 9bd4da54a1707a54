import CurlTransport
import Journal
import Logging
import OTLP
import Synchronization
import TraceStorage

/// Sends what is in the journal to one OTLP/HTTP target, in order, and remembers how far it came.
///
/// The sending queue is the exporter's cursor in the journal, so a target that is down costs no memory and a restart
/// loses nothing: a request is passed only after the target has taken it or refused it for good. The same spans may
/// reach the target twice when the collector dies between the two.
package final class OTLPHTTPExporter: Sendable {
    private let configuration: OTLPHTTPExporterConfiguration
    private let reader: JournalReader
    private let client: OTLPHTTPClient
    private let counters: ExporterCounters
    private let logger: Logger
    private let stop = StopSignal()
    private let warnings = Mutex(RateLimitedWarning())

    /// - Parameters:
    ///   - journal: Is asked how far `reader` is, for the queue's metrics.
    ///   - reader: The exporter's own.
    package convenience init(
        _ configuration: OTLPHTTPExporterConfiguration, journal: Journal, reader: JournalReader, metrics: SelfMetrics,
        logger: Logger
    ) throws(TransportError) {
        self.init(
            configuration, client: try OTLPHTTPClient(configuration), journal: journal, reader: reader,
            metrics: metrics, logger: logger)
    }

    init(
        _ configuration: OTLPHTTPExporterConfiguration, client: OTLPHTTPClient, journal: Journal,
        reader: JournalReader, metrics: SelfMetrics, logger: Logger
    ) {
        self.configuration = configuration
        self.reader = reader
        self.client = client
        counters = ExporterCounters(exporter: configuration.id, metrics: metrics)
        var logger = logger
        logger[metadataKey: "exporter"] = "\(configuration.id)"
        self.logger = logger
        ExporterCounters.observeQueue(
            of: configuration.id, capacityBytes: configuration.queue.bytesMax, journal: journal, reader: reader.name,
            metrics: metrics)
    }

    /// Sends until the journal has ended or ``requestStop()``; runs on a thread of its own.
    package func run() {
        var backoff = Backoff(configuration.retry, random: SystemRandomNumberGenerator())
        while !stop.isSet {
            let entries = nextEntries()
            if entries.isEmpty {
                if reader.isFinished { return }
            } else if !deliver(entries[...], &backoff) {
                return
            }
        }
    }

    /// Ends ``run()`` when the target has answered what is under way; what it has not taken stays in the journal.
    package func requestEnd() {
        stop.set()
        reader.interrupt()
    }

    /// Ends ``run()`` at once, also when the target does not answer; what it has not taken stays in the journal.
    package func requestStop() {
        requestEnd()
        client.shutdown()
    }

    /// Gives the connections up, once ``run()`` has ended.
    package func shutdown() { client.shutdown() }

    // MARK: reading

    /// Requests are at most this large before compression: what a receiver with default limits takes with room.
    private static let bytesMax = 8 << 20
    /// Journal records of one request; a bound for targets that answer for each at length.
    private static let recordsMax = 4096

    /// Waits for spans, then a little longer for more of them to share a request with.
    private func nextEntries() -> [JournalEntry] {
        var entries = read(maxBytes: Self.bytesMax, wait: .seconds(1))
        let deadline = ContinuousClock.now + configuration.queue.flushTimeout
        var spans = entries.reduce(0) { $0 + $1.batch.spans.count }
        var bytes = entries.reduce(0) { $0 + $1.batch.bytes.count }
        while !entries.isEmpty, spans < configuration.queue.batchSpansMax, bytes < Self.bytesMax, !stop.isSet {
            let rest = deadline - ContinuousClock.now
            guard rest > .zero else { break }
            let more = read(maxBytes: Self.bytesMax - bytes, wait: rest)
            if more.isEmpty { break }
            entries += more
            spans += more.reduce(0) { $0 + $1.batch.spans.count }
            bytes += more.reduce(0) { $0 + $1.batch.bytes.count }
        }
        return entries
    }

    private func read(maxBytes: Int, wait: Duration) -> [JournalEntry] {
        do {
            return try reader.next(maxRecords: Self.recordsMax, maxBytes: maxBytes, wait: wait)
        } catch {
            warn("cannot read the journal, will try again", ["error": "\(error)"])
            _ = stop.wait(.milliseconds(500))
            return []
        }
    }

    // MARK: sending

    /// Brings entries to the target and passes each once it is there; false when told to stop before that was done.
    private func deliver(_ entries: ArraySlice<JournalEntry>, _ backoff: inout Backoff) -> Bool {
        var start = entries.startIndex
        while start < entries.endIndex {
            guard !stop.isSet else { return false }
            var end = start
            var spans = 0
            repeat {
                spans += entries[end].batch.spans.count
                end += 1
            } while end < entries.endIndex
                && spans + entries[end].batch.spans.count <= configuration.queue.batchSpansMax
            guard send(entries[start..<end].map(\.batch)[...], &backoff) else { return false }
            reader.commit(entries[end - 1].position)
            start = end
        }
        return true
    }

    /// Sends batches as one request, as often as it takes. A request that the target refuses for good is cut in two
    /// until what it does not take stands alone, so that one bad request does not take its neighbours along.
    private func send(_ batches: ArraySlice<SpanBatch>, _ backoff: inout Backoff) -> Bool {
        let spans = batches.reduce(0) { $0 + $1.spans.count }
        // Two serialized requests laid end to end are one request with the resources of both.
        let request = client.request(
            batches.count == 1 ? batches[batches.startIndex].bytes : batches.flatMap(\.bytes))
        let start = ContinuousClock.now
        backoff.reset()
        while true {
            counters.sentBytes.add(request.body.count)
            switch client.send(request) {
            case .delivered(let rejected, let message):
                countDelivered(spans, rejected: min(rejected, spans), message)
                return true
            case .refused(let status, let reason):
                return divide(batches, status: status, reason: reason, &backoff)
            case .retryable(let reason, let retryAfter):
                guard !stop.isSet else { return false }
                guard let wait = backoff.next(elapsed: .now - start, retryAfter: retryAfter) else {
                    counters.count(spans: spans, .retriesExhausted)
                    warn("gave up on spans", ["spans": "\(spans)", "reason": "\(reason)"])
                    return true
                }
                counters.retries.add(1)
                warn("will retry", ["reason": "\(reason)", "after": "\(GoDuration.text(wait))", "spans": "\(spans)"])
                if stop.wait(wait) { return false }
            }
        }
    }

    private func countDelivered(_ spans: Int, rejected: Int, _ message: String) {
        counters.sentSpans.add(spans - rejected)
        guard rejected > 0 else { return }
        counters.count(spans: rejected, .rejectedByTarget)
        warn("the target left out spans", ["spans": "\(rejected)", "message": "\(message)"])
    }

    private func divide(
        _ batches: ArraySlice<SpanBatch>, status: Int, reason: String, _ backoff: inout Backoff
    ) -> Bool {
        if batches.count > 1, ExportVerdict.dependsOnContent(status: status) {
            let middle = batches.startIndex + batches.count / 2
            return send(batches[..<middle], &backoff) && send(batches[middle...], &backoff)
        }
        let spans = batches.reduce(0) { $0 + $1.spans.count }
        if status == 413, batches.count == 1, spans > 1, let halves = Self.halves(of: batches[batches.startIndex]) {
            return send([halves.0], &backoff) && send([halves.1], &backoff)
        }
        counters.count(spans: spans, .refusedByTarget)
        warn("the target refused spans for good", ["spans": "\(spans)", "reason": "\(reason)"])
        return true
    }

    private static func halves(of batch: SpanBatch) -> (SpanBatch, SpanBatch)? {
        let middle = batch.spans[batch.spans.count / 2].raw.offset
        guard let first = try? SpanBatch(decoding: batch.encoded { $0.raw.offset < middle }),
            let second = try? SpanBatch(decoding: batch.encoded { $0.raw.offset >= middle })
        else { return nil }
        return (first, second)
    }

    private func warn(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        guard let suppressed = warnings.withLock({ $0.allow("\(message)") }) else { return }
        var metadata = metadata
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning(message, metadata: metadata)
    }
}
