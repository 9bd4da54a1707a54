import CurlTransport

/// Sends batches to an OTLP/HTTP receiver, in protobuf or JSON.
///
/// It makes one attempt: an answer of 429, 502, 503 or 504 and a connection that fails end as retryable, with the time
/// the receiver asked for. Everything else is final.
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
        configuration.proxy = options.proxy
        transport = try CurlTransport(configuration)
        var headers = [
            HTTPHeader("Content-Type", options.encoding == .json ? "application/json" : "application/x-protobuf"),
            HTTPHeader("User-Agent", SkeinVersion.userAgent),
        ]
        headers += options.headers.map { HTTPHeader($0.name, $0.value) }
        if options.compression == .gzip { headers.append(HTTPHeader("Content-Encoding", "gzip")) }
        self.headers = headers
    }

    package func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
        var request = HTTPRequestMessage(url: options.endpoint, headers: headers, body: batch.request)
        var leftOut = 0
        do {
            if options.encoding == .json { (request.body, leftOut) = try batch.json() }
            if options.compression == .gzip { request.body = try gzip(request.body) }
        } catch {
            return .failure("\(error)")
        }
        return attempt(request, window).rejecting(leftOut)
    }

    package func shutdown() {
        transport.shutdown()
    }

    package func didFork() {
        // Without memory for that nothing can be sent; every attempt then fails when its time is over.
        _ = try? transport.abandonAfterFork()
    }

    private func attempt(_ request: HTTPRequestMessage, _ window: ExportWindow) -> ExportResult {
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
        case .success(let response): return OTLPAnswer.result(response)
        case .failure(let error): return OTLPAnswer.result(error, endpoint: options.endpointForDisplay)
        }
    }
}
