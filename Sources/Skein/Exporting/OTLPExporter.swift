import CurlTransport

/// Sends batches to an OTLP/HTTP receiver, in protobuf or JSON.
///
/// It makes one attempt: an answer of 429, 502, 503 or 504 and a connection that fails end as retryable, with the time
/// the receiver asked for. Everything else is final.
package final class OTLPExporter: SpanExporter {
    private let options: OTLPOptions
    private let records: RecordKind
    private let transport: CurlTransport
    private let headers: [HTTPHeader]

    /// For batches of spans.
    ///
    /// - Throws: when libcurl cannot be initialized.
    package convenience init(_ options: OTLPOptions) throws(TransportError) {
        try self.init(options, .span)
    }

    /// - Parameter records: what the batches hold.
    /// - Throws: when libcurl cannot be initialized.
    init(_ options: OTLPOptions, _ records: RecordKind) throws(TransportError) {
        self.options = options
        self.records = records
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
        if options.compression == .gzip { headers.append(HTTPHeader("Content-Encoding", "gzip")) }
        let names = Set(options.headers.map { $0.name.lowercased() })
        headers.removeAll { names.contains($0.name.lowercased()) }
        self.headers = headers + options.headers.map { HTTPHeader($0.name, $0.value) }
    }

    package func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
        var request = HTTPRequestMessage(url: options.endpoint, headers: headers, body: batch.request)
        var leftOut = 0
        do {
            switch (options.encoding, records) {
            case (.protobuf, _): break
            case (.json, .span): (request.body, leftOut) = try batch.json()
            case (.json, .logRecord): request.body = batch.logsJSON()
            }
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
        case .success(let response): return explained(OTLPAnswer.result(response), response.status)
        case .failure(let error): return OTLPAnswer.result(error, endpoint: options.endpointForDisplay)
        }
    }
    /// Many receivers of traces take no logs; whoever sends them there should know what to change.
    private func explained(_ result: ExportResult, _ status: Int) -> ExportResult {
        guard records == .logRecord, status == 404, case .failure(let reason) = result else { return result }
        return .failure(
            "\(options.endpointForDisplay) takes no logs (\(reason)); OTEL_EXPORTER_OTLP_LOGS_ENDPOINT names another "
                + "receiver, OTEL_LOGS_EXPORTER=none sends none")
    }
}
