import CurlTransport
import Glibc
import HTTPServing
import Logging
import OTLP
import SpanMetrics
import Synchronization

/// Pushes everything that is derived from spans to one target, again and again.
///
/// What is pushed is cumulative, so nothing waits: a push that was not taken by the time of the next one is given up, and
/// the next one says all that it would have said.
final class MetricsPusher: Sendable {
    private struct State {
        var sent = RemoteWriteWriter.Sent()
        /// When the last push was made, unix nanoseconds.
        var lastTime: UInt64 = 0
    }

    /// A request and how many data points or samples it has.
    private struct Part {
        let body: [UInt8]
        let points: Int
    }

    private let configuration: MetricsPushConfiguration
    private let interval: Duration
    private let exemplarsPerPointMax: Int
    private let source: DerivedMetrics
    private let transport: CurlTransport
    private let headers: [HTTPHeader]
    private let counters: MetricsPushCounters
    private let logger: Logger
    private let stop = StopSignal()
    private let pushesAtEnd = Atomic<Bool>(false)
    private let warnings = Mutex(RateLimitedWarning())
    private let state = Mutex(State())

    /// - Parameters:
    ///   - interval: From push to push.
    ///   - exemplarsPerPointMax: Of OTLP's data points.
    init(
        _ configuration: MetricsPushConfiguration, interval: Duration, exemplarsPerPointMax: Int,
        source: DerivedMetrics, transport: CurlTransport, metrics: SelfMetrics, logger: Logger
    ) {
        self.configuration = configuration
        self.interval = interval
        self.exemplarsPerPointMax = exemplarsPerPointMax
        self.source = source
        self.transport = transport
        headers = Self.headers(configuration)
        counters = MetricsPushCounters(exporter: configuration.id, metrics: metrics)
        var logger = logger
        logger[metadataKey: "exporter"] = "\(configuration.id)"
        self.logger = logger
    }

    /// Pushes until ``requestStop()``; runs on a thread of its own.
    func run() {
        var next = ContinuousClock.now + interval
        while !stop.wait(max(.zero, next - .now)) {
            next = max(next + interval, .now)
            push(until: next)
        }
        if pushesAtEnd.load(ordering: .acquiring) { pushLast() }
    }

    /// Ends ``run()`` with a last push, of which each request is attempted once.
    func requestEnd() {
        pushesAtEnd.store(true, ordering: .releasing)
        stop.set()
    }

    /// Ends ``run()``; a request that is under way is still answered.
    func requestStop() { stop.set() }

    /// Pushes what has come since the last push, once ``run()`` has ended: one attempt for each request.
    func pushLast() { push(until: .now) }

    /// Gives the connections up.
    func shutdown() { transport.shutdown() }

    // MARK: one push

    private func push(until deadline: ContinuousClock.Instant) {
        guard source.isReady else { return }
        let time = ProcessStatistics.now()
        let (before, lastTime) = state.withLock { ($0.sent, $0.lastTime) }
        var now = RemoteWriteWriter.Sent()
        let parts: [Part]
        switch configuration.encoding {
        case .otlp(let compression): parts = otlp(compression, time: time, exemplarsFrom: lastTime)
        case .remoteWrite(let settings):
            parts = remoteWrite(settings, time: time, exemplarsFrom: lastTime, before, &now)
        }
        var isWhole = true
        var backoff = Backoff(configuration.retry, random: SystemRandomNumberGenerator())
        for part in parts {
            backoff.reset()
            // A target that was away until the end of the time has none left for the rest.
            if !isWhole, .now >= deadline {
                counters.count(points: part.points, .retriesExhausted)
            } else if !send(part, until: deadline, &backoff) {
                isWhole = false
            }
        }
        state.withLock { state in
            state.lastTime = time
            // What was to be marked as ended may not have been: it is marked again.
            state.sent = isWhole ? now : now.adding(before)
        }
    }

    private func otlp(
        _ compression: OTLPHTTPExporterConfiguration.Compression, time: UInt64, exemplarsFrom: UInt64
    ) -> [Part] {
        var parts: [Part] = []
        withoutActuallyEscaping({ (request: OTLPMetricWriter.Request) in
            let body = compression == .gzip ? gzipCompress(request.body) : request.body
            parts.append(Part(body: body, points: request.dataPoints))
        }) { sink in
            var writer = OTLPMetricWriter(
                resource: Self.resource, startTime: source.startTime, time: time, exemplarsFrom: exemplarsFrom,
                exemplarsPerPointMax: exemplarsPerPointMax, sink: sink)
            source.write(to: &writer)
            writer.finish()
        }
        return parts
    }

    private func remoteWrite(
        _ settings: RemoteWriteConfiguration, time: UInt64, exemplarsFrom: UInt64, _ before: RemoteWriteWriter.Sent,
        _ now: inout RemoteWriteWriter.Sent
    ) -> [Part] {
        var parts: [Part] = []
        let named = Set(settings.externalLabels.map(\.name))
        let labels =
            settings.externalLabels.map { ($0.name, $0.value) }
            + [("job", Self.job), ("instance", Self.instance)].filter { !named.contains($0.0) }
        now = withoutActuallyEscaping({ (request: RemoteWriteWriter.Request) in
            parts.append(Part(body: SnappyBlock.compress(request.body), points: request.samples))
        }) { sink in
            var writer = RemoteWriteWriter(
                time: time, labels: labels, sendsMetadata: settings.sendsMetadata, exemplarsFrom: exemplarsFrom,
                requestBytesMax: settings.requestBytesMax, sink: sink)
            source.write(to: &writer)
            if settings.hasTargetInfo {
                writer.begin(MetricFamily("target_info", type: .gauge, help: "Who sends."))
                writer.sample(PrometheusLabels([("service_version", SkeinVersion.current)]), 1.0)
            }
            return writer.finish(after: before)
        }
        return parts
    }

    // MARK: who sends

    private static let job = "skein"

    /// The host's name: the same after a restart, so that series go on.
    private static let instance: String = {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }()

    private static let resource = [
        KeyValue("service.name", .string(job)), KeyValue("service.instance.id", .string(instance)),
        KeyValue("service.version", .string(SkeinVersion.current)),
    ]

    private static func headers(_ configuration: MetricsPushConfiguration) -> [HTTPHeader] {
        var headers = [
            HTTPHeader("Content-Type", "application/x-protobuf"),
            HTTPHeader("User-Agent", "Skein/\(SkeinVersion.current)"),
        ]
        switch configuration.encoding {
        case .otlp(.gzip): headers.append(HTTPHeader("Content-Encoding", "gzip"))
        case .otlp(.none): break
        case .remoteWrite:
            headers.append(HTTPHeader("Content-Encoding", "snappy"))
            headers.append(HTTPHeader("X-Prometheus-Remote-Write-Version", "0.1.0"))
        }
        return headers + configuration.headers.map { HTTPHeader($0.name, $0.value) }
    }

    // MARK: one request

    /// Sends a request as often as it takes until the deadline; false when the target has not taken it.
    private func send(_ part: Part, until deadline: ContinuousClock.Instant, _ backoff: inout Backoff) -> Bool {
        let request = HTTPRequestMessage(
            url: configuration.url, headers: headers, body: part.body, timeout: configuration.timeout)
        let start = ContinuousClock.now
        while true {
            counters.sentBytes.add(part.body.count)
            switch verdict(of: request) {
            case .delivered(let rejected, let message):
                let rejected = min(rejected, part.points)
                counters.sentPoints.add(part.points - rejected)
                if rejected > 0 {
                    counters.count(points: rejected, .rejectedByTarget)
                    warn("the target left out data points", ["points": "\(rejected)", "message": "\(message)"])
                }
                return true
            case .refused(_, let reason):
                counters.count(points: part.points, .refusedByTarget)
                warn("the target refused metrics for good", ["points": "\(part.points)", "reason": "\(reason)"])
                return false
            case .retryable(let reason, let retryAfter):
                let wait = backoff.next(elapsed: .now - start, retryAfter: retryAfter)
                guard let wait, .now + wait < deadline, !stop.isSet else {
                    counters.count(points: part.points, .retriesExhausted)
                    warn("gave up on a push", ["points": "\(part.points)", "reason": "\(reason)"])
                    return false
                }
                counters.retries.add(1)
                _ = stop.wait(wait)
            }
        }
    }

    private func verdict(of request: HTTPRequestMessage) -> ExportVerdict {
        let response: HTTPResponseMessage
        do throws(TransportError) { response = try transport.sendBlocking(request) } catch {
            return .retryable(reason: "\(error)", retryAfter: nil)
        }
        let retryAfter = RetryAfterHeader.duration(response.header("Retry-After"), now: ProcessStatistics.now())
        switch configuration.encoding {
        case .otlp:
            let verdict = ExportVerdict.of(status: response.status, retryAfter: retryAfter)
            guard case .delivered = verdict else { return verdict }
            // `ExportMetricsServiceResponse` has the shape of that for traces.
            let answer = try? ExportResponse(decoding: response.body)
            return .delivered(
                rejectedSpans: Int(clamping: max(0, answer?.rejectedSpans ?? 0)), message: answer?.errorMessage ?? "")
        case .remoteWrite:
            switch response.status {
            case 200..<300: return .delivered(rejectedSpans: 0, message: "")
            case 429, 500...599:
                return .retryable(reason: "status \(response.status)", retryAfter: retryAfter)
            default:
                let text = String(decoding: response.body.prefix(200), as: UTF8.self).prefix { $0 != "\n" }
                return .refused(status: response.status, reason: "status \(response.status): \(text)")
            }
        }
    }

    private func warn(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        guard let suppressed = warnings.withLock({ $0.allow("\(message)") }) else { return }
        var metadata = metadata
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning(message, metadata: metadata)
    }
}

/// What one target of derived metrics got and did not get.
struct MetricsPushCounters {
    private static let sentName = "otelcol_exporter_sent_metric_points"
    private static let failedName = "otelcol_exporter_send_failed_metric_points"
    /// All that is said of a target of metrics.
    static let names: Set = [sentName, failedName, ExporterCounters.sentBytesName, ExporterCounters.retriesName]

    let sentPoints: SelfMetrics.Counter
    let sentBytes: SelfMetrics.Counter
    let retries: SelfMetrics.Counter
    private let failedPoints: [ExportDropReason: SelfMetrics.Counter]

    init(exporter: String, metrics: SelfMetrics) {
        let labels: SelfMetrics.Labels = ["exporter": exporter]
        sentPoints = metrics.counter(Self.sentName, "Data points that the target has taken.", labels)
        sentBytes = metrics.counter(ExporterCounters.sentBytesName, ExporterCounters.sentBytesHelp, labels)
        retries = metrics.counter(ExporterCounters.retriesName, ExporterCounters.retriesHelp, labels)
        failedPoints = Dictionary(
            uniqueKeysWithValues: ExportDropReason.ofAttempts.map { reason in
                (
                    reason,
                    metrics.counter(
                        Self.failedName, "Data points that the target has not taken.",
                        labels.adding("reason", reason.rawValue))
                )
            })
    }

    func count(points: Int, _ reason: ExportDropReason) { failedPoints[reason]?.add(points) }
}
