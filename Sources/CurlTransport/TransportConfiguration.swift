/// How a ``CurlTransport`` connects.
package struct TransportConfiguration: Sendable {
    /// Files in PEM form; nil means libcurl's default.
    package struct TLS: Sendable, Equatable {
        package var caFile: String?
        package var clientCertificateFile: String?
        package var clientKeyFile: String?
        /// Accepts any certificate. For tests and private networks only.
        package var isInsecure: Bool

        package init(
            caFile: String? = nil, clientCertificateFile: String? = nil, clientKeyFile: String? = nil,
            isInsecure: Bool = false
        ) {
            self.caFile = caFile
            self.clientCertificateFile = clientCertificateFile
            self.clientKeyFile = clientKeyFile
            self.isInsecure = isInsecure
        }
    }

    /// 5 s: a loopback or data-centre connection takes milliseconds; past it the request fails as timed out.
    package var connectTimeout: Duration = .seconds(5)
    /// 10 s, the default of OTLP exporters; past it the request fails as timed out.
    package var totalTimeout: Duration = .seconds(10)
    /// 4 MiB, what the OTLP specification recommends for responses; past it the transfer is aborted.
    package var responseBytesMax = 4 << 20
    /// Connections to one host; further requests wait for a free one. 8 covers concurrent exporters of one process.
    package var connectionsPerHostMax = 8
    package var tls = TLS()
    /// A proxy URL that wins over `http_proxy`, `https_proxy`, `all_proxy`; the empty string turns proxies off.
    package var proxy: String?

    package init() {}
}
