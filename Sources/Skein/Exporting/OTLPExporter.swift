import ContextBaggage
import CurlTransport

/// Sends batches to an OTLP/HTTP receiver in protobuf.
///
/// An answer of 429, 502, 503 or 504 and a connection that fails mean that the batch may be sent again. Everything else
/// is final.
package final class OTLPExporter: SpanExporter {
    private let options: OTLPOptions
    private let transport: CurlTransport
    private let headers: [HTTPHeader]

    /// - Throws: when libcurl cannot be initialized.
    package init(_ options: OTLPOptions) throws(TransportError) {
        self.options = options
        var configuration = TransportConfiguration()
        configuration.totalTimeout = options.timeout
        configuration.connectTimeout = min(options.timeout, configuration.connectTimeout)
        configuration.tls = TransportConfiguration.TLS(
            caFile: options.certificateFile, clientCertificateFile: options.clientCertificateFile,
            clientKeyFile: options.clientKeyFile)
        transport = try CurlTransport(configuration)
        var headers = [
            HTTPHeader("Content-Type", "application/x-protobuf"), HTTPHeader("User-Agent", SkeinVersion.userAgent),
        ]
        headers += options.headers.map { HTTPHeader($0.name, $0.value) }
        if options.compression == .gzip { headers.append(HTTPHeader("Content-Encoding", "gzip")) }
        self.headers = headers
    }

    package func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
        var request = HTTPRequestMessage(url: options.endpoint, headers: headers, body: batch.request)
        if options.compression == .gzip {
            do {
                request.body = try gzip(batch.request)
            } catch {
                return .failure(error.description)
            }
        }
        return send(request, window)
    }

    package func shutdown() {
        transport.shutdown()
    }

    private func send(_ request: HTTPRequestMessage, _ window: ExportWindow) -> ExportResult {
        let slot = ExportWindow.Slot<Result<HTTPResponseMessage, TransportError>>()
        let outcome: Result<HTTPResponseMessage, TransportError>
        do {
            let handle = try transport.start(request) { window.fill(slot, with: $0) }
            if let arrived = window.wait(for: slot) {
                outcome = arrived
            } else {
                handle.cancel()
                outcome = .failure(.timedOut("the export's time was over"))
            }
        } catch {
            outcome = .failure(error)
        }
        switch outcome {
        case .success(let response): return Self.result(response)
        case .failure(.timedOut(let message)), .failure(.connectionFailed(let message)):
            return .retryable("\(options.endpoint): \(message)")
        case .failure(let error): return .failure("\(options.endpoint): \(error)")
        }
    }

    /// OTLP/HTTP, "failures" and "throttling": which answers are final.
    private static func result(_ response: HTTPResponseMessage) -> ExportResult {
        switch response.status {
        case 200..<300: OTLPAnswer.success(response.body)
        case 429, 502, 503, 504:
            .retryable(reason(response), after: response.header("Retry-After").flatMap { RetryAfter.parse($0) })
        default: .failure(reason(response))
        }
    }

    private static func reason(_ response: HTTPResponseMessage) -> String {
        let message = OTLPAnswer.statusMessage(response)
        return message.isEmpty ? "status \(response.status)" : "status \(response.status): \(message)"
    }
}

/// What a receiver says in the body of its answer.
enum OTLPAnswer {
    /// Bytes of a text body that go into a log line.
    private static let textBytesMax = 200

    /// `ExportTraceServiceResponse`: an empty one is full success.
    static func success(_ body: [UInt8]) -> ExportResult {
        guard let partial = ProtobufFields(body).first(where: { $0.number == 1 }) else { return .success() }
        var rejected: Int64 = 0
        var message = ""
        for field in ProtobufFields(partial.content) {
            switch field.number {
            case 1: rejected = Int64(bitPattern: field.number64)
            case 2: message = String(decoding: field.content, as: UTF8.self)
            default: break
            }
        }
        return .success(rejectedSpans: Int(clamping: rejected), message: message)
    }

    /// The message of a `google.rpc.Status`, or the beginning of a text body.
    static func statusMessage(_ response: HTTPResponseMessage) -> String {
        if response.header("Content-Type")?.hasPrefix("application/x-protobuf") == true {
            let message = ProtobufFields(response.body).first { $0.number == 2 }
            return message.map { String(decoding: $0.content, as: UTF8.self) } ?? ""
        }
        let text = String(decoding: response.body.prefix(textBytesMax), as: UTF8.self)
        return String(text.trimmingOptionalWhitespace()).split(separator: "\n").first.map(String.init) ?? ""
    }
}
