import OTLP

/// What one receiver took, refused and noticed.
package final class IngestCounters: Sendable {
    /// How a receiver is called in metrics and in the journal.
    package let receiver: String
    package let transport: String

    let acceptedSpans: SelfMetrics.Counter
    let refusedSpans: SelfMetrics.Counter
    let acceptedBytes: SelfMetrics.Counter
    let duplicateRequests: SelfMetrics.Counter
    private let metrics: SelfMetrics
    private let rejectedSpans: [SpanRejectionReason: SelfMetrics.Counter]
    private let notedSpans: [SpanNote: SelfMetrics.Counter]
    private let refusedRequests: [RefusalReason: SelfMetrics.Counter]
    private let requests: SelfMetrics.Counter

    package init(receiver: String, transport: String, metrics: SelfMetrics) {
        self.receiver = receiver
        self.transport = transport
        self.metrics = metrics
        let labels: SelfMetrics.Labels = ["receiver": receiver, "transport": transport]
        acceptedSpans = metrics.counter(
            "otelcol_receiver_accepted_spans", "Spans taken and acknowledged.", labels)
        refusedSpans = metrics.counter(
            "otelcol_receiver_refused_spans", "Spans of requests that were decoded and then refused.", labels)
        acceptedBytes = metrics.counter(
            "skein_receiver_accepted_bytes", "Bytes of accepted requests, decompressed.", labels)
        duplicateRequests = metrics.counter(
            "skein_receiver_duplicate_requests",
            "Requests acknowledged again because the same bytes were taken in the last 10 minutes.", labels)
        requests = metrics.counter(
            "skein_receiver_requests", "Requests of any outcome; an empty one asks for nothing and is one too.", labels)
        rejectedSpans = Self.counters(
            metrics, "skein_receiver_rejected_spans", "Spans left out of an accepted request, by reason.", labels)
        notedSpans = Self.counters(
            metrics, "skein_receiver_noted_spans", "Spans that were kept although something about them is off.", labels)
        refusedRequests = Self.counters(
            metrics, "skein_receiver_refused_requests", "Requests refused as a whole, by reason.", labels)
    }

    private static func counters<Reason: CaseIterable & Hashable & RawRepresentable<String>>(
        _ metrics: SelfMetrics, _ name: String, _ help: String, _ labels: SelfMetrics.Labels
    ) -> [Reason: SelfMetrics.Counter] {
        Dictionary(
            uniqueKeysWithValues: Reason.allCases.map { reason in
                (reason, metrics.counter(name, help, labels.adding("reason", reason.rawValue)))
            })
    }

    /// Counts a request that has come to the ingest, or is answered without it.
    package func countRequest() { requests.add(1) }

    func count(_ reason: RefusalReason) { refusedRequests[reason]?.add(1) }

    /// Counts a request that its receiver refuses without asking the ingest.
    package func countRefusedRequest(_ reason: RefusalReason) {
        countRequest()
        count(reason)
    }

    func count(rejected: [SpanRejectionReason: Int]) {
        for (reason, spans) in rejected { rejectedSpans[reason]?.add(spans) }
    }

    func count(noted: [SpanNote: Int]) {
        for (note, spans) in noted { notedSpans[note]?.add(spans) }
    }
}

extension SelfMetrics.Labels {
    func adding(_ name: String, _ value: String) -> Self {
        Self(pairs + [Pair(name: name, value: value)])
    }
}

/// Why a request was refused as a whole.
package enum RefusalReason: String, CaseIterable, Sendable {
    case undecodable
    case corruptEncoding = "corrupt_encoding"
    /// The client went away in the middle of its body.
    case disconnected
    /// The body was not complete in time.
    case tooSlow = "too_slow"
    case tooLarge = "too_large"
    case wrongMethod = "wrong_method"
    case wrongContentType = "wrong_content_type"
    case unsupportedEncoding = "unsupported_encoding"
    case memoryLimit = "memory_limit"
    /// What all requests under way may hold in memory is used up.
    case buffersFull = "buffers_full"
    case journalBusy = "journal_busy"
    case journalFull = "journal_full"
    case diskFull = "disk_full"
    case ioError = "io_error"
    case shuttingDown = "shutting_down"
}
