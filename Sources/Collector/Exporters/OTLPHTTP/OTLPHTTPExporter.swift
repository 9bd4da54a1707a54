import CurlTransport
import Dispatch
import HTTPServing
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
    private let transport: CurlTransport
    private let counters: ExporterCounters
    private let logger: Logger
    private let stop = StopSignal()
    private let warnings = Mutex(RateLimitedWarning())

    package init(
        _ configuration: OTLPHTTPExporterConfiguration, journal: Journal, reader: JournalReader, metrics: SelfMetrics,
        logger: Logger
    ) throws(TransportError) {
        self.configuration = configuration
        self.reader = reader
        var transport = TransportConfiguration()
        transport.totalTimeout = configuration.timeout
        transport.tls = .init(
            caFile: configuration.tls.caFile, clientCertificateFile: configuration.tls.certificateFile,
            clientKeyFile: configuration.tls.keyFile, isInsecure: configuration.tls.skipsVerification)
        self.transport = try CurlTransport(transport)
        counters = ExporterCounters(exporter: configuration.id, metrics: metrics)
        var logger = logger
        logger[metadataKey: "exporter"] = "\(configuration.id)"
        self.logger = logger
        metrics.observe(
            "otelcol_exporter_queue_size", "Bytes of journal that wait to be sent.", .gauge,
            {
                let lag = journal.metrics().readers.first { $0.name == reader.name }?.lagBytes ?? 0
                return [.init(Double(lag), ["exporter": configuration.id])]
            })
        metrics.observe(
            "otelcol_exporter_queue_capacity", "Bytes of journal that may wait before the oldest are skipped.", .gauge,
            { [.init(Double(configuration.queue.bytesMax), ["exporter": configuration.id])] })
    }

    /// Sends until ``requestStop()``; runs on a thread of its own.
    package func run() {
        var backoff = Backoff(configuration.retry, random: SystemRandomNumberGenerator())
        while !stop.isSet {
            let entries = nextEntries()
            guard let last = entries.last else {
                if reader.isFinished { return }
                continue
            }
            guard deliver(entries[...], &backoff) else { return }
            reader.commit(last.position)
        }
    }

    /// Ends ``run()`` after the attempt under way; what is not sent stays in the journal.
    package func requestStop() {
        stop.set()
        reader.interrupt()
    }

    package func shutdown() {
        transport.shutdown()
    }

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

    /// Requests are at most this large before compression: what a receiver with default limits takes with room.
    private static let bytesMax = 8 << 20
    /// Journal records of one request; a bound for targets that answer for each at length.
    private static let recordsMax = 4096

    /// Brings entries to the target; false when it was told to stop before that was done.
    private func deliver(_ entries: ArraySlice<JournalEntry>, _ backoff: inout Backoff) -> Bool {
        var start = entries.startIndex
        while start < entries.endIndex {
            var end = start
            var spans = 0
            repeat {
                spans += entries[end].batch.spans.count
                end += 1
            } while end < entries.endIndex
                && spans + entries[end].batch.spans.count <= configuration.queue.batchSpansMax
            guard send(entries[start..<end].map(\.batch)[...], &backoff) else { return false }
            start = end
        }
        return true
    }

    /// Sends batches as one request. A request that the target refuses for good is cut in two until what it does not
    /// take stands alone, so that one bad request does not take its neighbours along.
    private func send(_ batches: ArraySlice<SpanBatch>, _ backoff: inout Backoff) -> Bool {
        let spans = batches.reduce(0) { $0 + $1.spans.count }
        // Two serialized requests laid end to end are one request with the resources of both.
        let body = batches.count == 1 ? batches[batches.startIndex].bytes : batches.flatMap(\.bytes)
        backoff.reset()
        while true {
            switch attempt(body) {
            case .delivered(let rejected, let message):
                counters.sentSpans.add(spans - rejected)
                if rejected > 0 {
                    counters.count(spans: rejected, .rejectedByTarget)
                    warn("the target left out spans", ["spans": "\(rejected)", "message": "\(message)"])
                }
                return true
            case .retryable(let reason, let retryAfter):
                guard !stop.isSet else { return false }
                guard let wait = backoff.next(retryAfter: retryAfter) else {
                    counters.count(spans: spans, .retriesExhausted)
                    warn("gave up on spans", ["spans": "\(spans)", "reason": "\(reason)"])
                    return true
                }
                counters.retries.add(1)
                warn("will retry", ["reason": "\(reason)", "after": "\(GoDuration.text(wait))", "spans": "\(spans)"])
                if stop.wait(wait) { return false }
            case .refused(let status, let reason):
                return divide(batches, status: status, reason: reason, &backoff)
            }
        }
    }

    private func divide(
        _ batches: ArraySlice<SpanBatch>, status: Int, reason: String, _ backoff: inout Backoff
    ) -> Bool {
        if batches.count > 1 {
            let middle = batches.startIndex + batches.count / 2
            return send(batches[..<middle], &backoff) && send(batches[middle...], &backoff)
        }
        let batch = batches[batches.startIndex]
        if status == 413, batch.spans.count > 1, let halves = Self.halves(of: batch) {
            return send([halves.0], &backoff) && send([halves.1], &backoff)
        }
        counters.count(spans: batch.spans.count, .refusedByTarget)
        warn("the target refused spans for good", ["spans": "\(batch.spans.count)", "reason": "\(reason)"])
        return true
    }

    private static func halves(of batch: SpanBatch) -> (SpanBatch, SpanBatch)? {
        let middle = batch.spans[batch.spans.count / 2].raw.offset
        guard let first = try? SpanBatch(decoding: batch.encoded { $0.raw.offset < middle }),
            let second = try? SpanBatch(decoding: batch.encoded { $0.raw.offset >= middle })
        else { return nil }
        return (first, second)
    }

    /// One request, waited for on this thread.
    private func attempt(_ body: [UInt8]) -> ExportVerdict {
        var headers = [HTTPHeader("Content-Type", "application/x-protobuf"), HTTPHeader("User-Agent", Self.userAgent)]
        headers += configuration.headers.map { HTTPHeader($0.name, $0.value) }
        var payload = body
        if configuration.compression == .gzip {
            payload = gzipCompress(body)
            headers.append(HTTPHeader("Content-Encoding", "gzip"))
        }
        counters.sentBytes.add(payload.count)
        let request = HTTPRequestMessage(
            url: configuration.tracesURL, headers: headers, body: payload, timeout: configuration.timeout)
        let outcome = Mutex<Result<HTTPResponseMessage, TransportError>>(.failure(.shutDown))
        let done = DispatchSemaphore(value: 0)
        do throws(TransportError) {
            _ = try transport.start(request) { result in
                outcome.withLock { $0 = result }
                done.signal()
            }
            done.wait()
            return Self.verdict(try outcome.withLock { $0 }.get())
        } catch {
            return .retryable(reason: "\(error)", retryAfter: nil)
        }
    }

    private static let userAgent = "Skein/\(SkeinVersion.current)"

    private static func verdict(_ response: HTTPResponseMessage) -> ExportVerdict {
        let verdict = ExportVerdict.of(status: response.status, retryAfter: RetryAfter.duration(response))
        switch verdict {
        case .delivered:
            let answer = try? ExportResponse(decoding: response.body)
            return .delivered(
                rejectedSpans: Int(clamping: max(0, answer?.rejectedSpans ?? 0)), message: answer?.errorMessage ?? "")
        case .refused(let status, let reason):
            let message = (try? RPCStatus(decoding: response.body))?.message ?? ""
            return .refused(status: status, reason: message.isEmpty ? reason : "\(reason): \(message)")
        case .retryable: return verdict
        }
    }

    private func warn(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        guard let suppressed = warnings.withLock({ $0.allow("\(message)") }) else { return }
        var metadata = metadata
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning(message, metadata: metadata)
    }
}
