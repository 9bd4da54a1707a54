#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What is known of the errors of HTTP clients.
///
/// Their types are not named, so that no client has to be linked: an error tells its domain, which is that of
/// Foundation or the name of its type, and its code.
enum ConnectionErrors {
    /// The class of an error of a client that is known here; nil for others.
    static func errorClass(of error: any Error) -> ErrorClass? {
        switch error._domain {
        case "NSURLErrorDomain": urlSession(error._code)
        case "NSPOSIXErrorDomain": system(error._code)
        case "FoundationEssentials.POSIXError": posixCode(error).flatMap { system(Int($0)) }
        // Sockets that broke, connections that could not be made and names that were not found.
        case "NIOCore.IOError", "NIOPosix.NIOConnectionError", "NIOCore.SocketAddressError": .network
        case "NIOCore.ChannelError": channel(String(describing: error))
        case "AsyncHTTPClient.HTTPClientError": asyncHTTPClient(String(describing: error))
        default: nil
        }
    }

    /// The codes of `URLError`, which `NSURLErrorDomain` fixes for good.
    private static func urlSession(_ code: Int) -> ErrorClass? {
        switch code {
        case -999: .cancelled
        // Timed out; host not found; cannot connect; connection lost; name not resolved; no network; the network may not
        // be used; the handshake of TLS broke.
        case -1001, -1003, -1004, -1005, -1006, -1009, -1018, -1019, -1020, -1200: .network
        // What came is no answer.
        case -1011, -1017: .unavailable
        // No credentials, and what a server says of a client's certificate.
        case -1012, -1013, -1205, -1206: .authentication
        // No URL, a scheme that is not known, redirections without end, a certificate of the server that is not trusted.
        case -1000, -1002, -1007, -1010, -1201, -1202, -1203, -1204: .invalid
        default: nil
        }
    }

    /// The error number of a `POSIXError`, which outside Apple's systems tells neither its domain nor its code.
    private static func posixCode(_ error: any Error) -> Int32? {
        let code = Mirror(reflecting: error).children.first { $0.label == "code" }
        return (code?.value as? any RawRepresentable)?.rawValue as? Int32
    }

    /// The error numbers of the system that connections end with.
    private static func system(_ code: Int) -> ErrorClass? {
        switch Int32(truncatingIfNeeded: code) {
        case ECONNREFUSED, ECONNRESET, ECONNABORTED, EPIPE, ETIMEDOUT, EHOSTUNREACH, EHOSTDOWN, ENETUNREACH, ENETDOWN,
            ENETRESET, ENOTCONN, EADDRNOTAVAIL:
            .network
        case ECANCELED: .cancelled
        default: nil
        }
    }

    /// Those of SwiftNIO's channel errors that speak of the connection and not of its use. They describe themselves in
    /// words, older ones by the names of their cases.
    private static func channel(_ description: String) -> ErrorClass? {
        [
            "Connect timeout", "Connect pending", "I/O on closed channel", "Already closed", "Input closed",
            "Output closed", "End of file", "connectTimeout", "connectPending", "ioOnClosedChannel", "alreadyClosed",
            "inputClosed", "outputClosed", "eof",
        ]
        .contains { description.hasPrefix($0) } ? .network : nil
    }

    /// AsyncHTTPClient describes its errors by their names.
    private static func asyncHTTPClient(_ description: String) -> ErrorClass? {
        let name = description.split(separator: "(")[0].split(separator: ".").last
        return switch name.map(String.init) {
        case "cancelled": .cancelled
        case "connectTimeout", "readTimeout", "writeTimeout", "deadlineExceeded", "remoteConnectionClosed",
            "getConnectionFromPoolTimeout", "tlsHandshakeTimeout", "httpProxyHandshakeTimeout", "socksHandshakeTimeout":
            .network
        case "proxyAuthenticationRequired": .authentication
        case "invalidURL", "emptyHost", "emptyScheme", "unsupportedScheme", "redirectLimitReached": .invalid
        default: nil
        }
    }
}
