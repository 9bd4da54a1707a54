import CurlTransport
import HTTPServing
import OTLP

/// Sends requests to one OTLP/HTTP target and says what its answers mean. Blocks; made for an exporter's own thread.
final class OTLPHTTPClient: Sendable {
    private let configuration: OTLPHTTPExporterConfiguration
    private let transport: CurlTransport
    private let headers: [HTTPHeader]

    private static let userAgent = "Skein/\(SkeinVersion.current)"

    init(_ configuration: OTLPHTTPExporterConfiguration) throws(TransportError) {
        self.configuration = configuration
        transport = try CurlTransport(timeout: configuration.timeout, tls: configuration.tls)
        var headers = [HTTPHeader("Content-Type", "application/x-protobuf"), HTTPHeader("User-Agent", Self.userAgent)]
        headers += configuration.headers.map { HTTPHeader($0.name, $0.value) }
        if configuration.compression == .gzip { headers.append(HTTPHeader("Content-Encoding", "gzip")) }
        self.headers = headers
    }

    /// A request that can be sent any number of times.
    ///
    /// - Parameter body: A serialized `ExportTraceServiceRequest`.
    func request(_ body: [UInt8]) -> HTTPRequestMessage {
        HTTPRequestMessage(
            url: configuration.tracesURL, headers: headers,
            body: configuration.compression == .gzip ? gzipCompress(body) : body, timeout: configuration.timeout)
    }

    /// Sends once and waits for the answer. What keeps a request from being answered may pass, so it is retryable.
    func send(_ request: HTTPRequestMessage) -> ExportVerdict {
        do throws(TransportError) {
            return Self.verdict(try transport.sendBlocking(request))
        } catch {
            return .retryable(reason: "\(error)", retryAfter: nil)
        }
    }

    /// Ends the request under way and every later one at once.
    func shutdown() { transport.shutdown() }

    private static func verdict(_ response: HTTPResponseMessage) -> ExportVerdict {
        let verdict = ExportVerdict.of(
            status: response.status,
            retryAfter: RetryAfterHeader.duration(response.header("Retry-After"), now: ProcessStatistics.now()))
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
}
