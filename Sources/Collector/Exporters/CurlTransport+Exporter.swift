import CurlTransport

extension CurlTransport {
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
