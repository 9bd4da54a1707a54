/// Where and how spans are sent by OTLP/HTTP.
public struct OTLPOptions: Sendable, Equatable {
    /// How request bodies are compressed.
    public enum Compression: String, Sendable {
        /// Not at all.
        case none
        /// gzip at level 1: about a fifth of the size, for about 3 µs of CPU a span.
        case gzip
    }

    /// In which form requests are written.
    public enum Encoding: String, Sendable {
        /// Binary protobuf: small and quick.
        case protobuf = "http/protobuf"
        /// JSON, for receivers that take nothing else: about three times the size, for some µs of CPU a span.
        case json = "http/json"
    }

    /// A header that goes with every request. Its value may be a secret and is never printed.
    public struct Header: Sendable, Equatable {
        /// The name of the header.
        public var name: String
        /// Its value.
        public var value: String

        /// A header of one line.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The whole URL that spans are posted to.
    public var endpoint = "http://localhost:4318/v1/traces"
    /// Sent with every request. One that the SDK sends too, such as `User-Agent`, replaces the SDK's.
    public var headers: [Header] = []
    /// Binary protobuf by default.
    public var encoding = Encoding.protobuf
    /// No compression by default, as the specification says.
    public var compression = Compression.none
    /// The longest one attempt may take.
    public var timeout: Duration = .seconds(10)
    /// A PEM file of the authorities that are trusted; nil means the system's.
    public var certificateFile: String?
    /// A PEM file with the client's certificate, for mutual TLS.
    public var clientCertificateFile: String?
    /// A PEM file with the client's private key, for mutual TLS.
    public var clientKeyFile: String?
    /// The URL of a proxy. Nil means what `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` say; empty means none.
    public var proxy: String?

    /// A collector on this machine, without compression.
    public init() {}
}

extension OTLPOptions.Header: CustomStringConvertible, CustomDebugStringConvertible {
    /// The name; the value may be a secret.
    public var description: String { "\(name): (not shown)" }
    /// The same.
    public var debugDescription: String { description }
}

extension OTLPOptions.Header {
    /// Whether name and value are what HTTP allows.
    var canBeSent: Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            && !value.utf8.contains { $0 == 0 || $0 == 0x0A || $0 == 0x0D }
    }
}

extension OTLPOptions {
    /// The endpoint for messages: without user and password.
    var endpointForDisplay: String { Self.removingUserInfo(endpoint) }

    /// A URL, or what was meant as one, without the part before `@`.
    static func removingUserInfo(_ url: String) -> String {
        var authority = url[...]
        var scheme = url[..<url.startIndex]
        if let separator = url.firstIndex(of: ":"), url[separator...].hasPrefix("://") {
            scheme = url[..<url.index(separator, offsetBy: 3)]
            authority = url[scheme.endIndex...]
        }
        let end = authority.firstIndex { "/?#".contains($0) } ?? authority.endIndex
        guard let at = authority[..<end].lastIndex(of: "@") else { return url }
        return String(scheme) + authority[authority.index(after: at)...]
    }
}
