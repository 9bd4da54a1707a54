import CurlTransport
import Dispatch
import Synchronization

extension CurlTransport {
    /// Sends one request and waits for its response on the caller's own thread.
    func sendBlocking(_ request: HTTPRequestMessage) throws(TransportError) -> HTTPResponseMessage {
        let outcome = Mutex<Result<HTTPResponseMessage, TransportError>>(.failure(.shutDown))
        let done = DispatchSemaphore(value: 0)
        _ = try start(request) { result in
            outcome.withLock { $0 = result }
            done.signal()
        }
        done.wait()
        return try outcome.withLock { $0 }.get()
    }

    /// A transport of an exporter.
    convenience init(timeout: Duration, tls: ClientTLSConfiguration) throws(TransportError) {
        var transport = TransportConfiguration()
        transport.totalTimeout = timeout
        transport.tls = .init(
            caFile: tls.caFile, clientCertificateFile: tls.certificateFile, clientKeyFile: tls.keyFile,
            isInsecure: tls.skipsVerification)
        try self.init(transport)
    }
}
