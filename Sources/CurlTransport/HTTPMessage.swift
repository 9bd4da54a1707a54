/// One header field. Names are compared without regard to case.
package struct HTTPHeader: Sendable, Equatable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A request as ``CurlTransport`` sends it.
package struct HTTPRequestMessage: Sendable {
    package var method: String
    /// An absolute `http` or `https` URL; other schemes are refused.
    package var url: String
    package var headers: [HTTPHeader]
    /// Kept alive until the transfer is done and read in place.
    package var body: [UInt8]
    /// When true the body is compressed at zlib level 1 by the caller's thread and `Content-Encoding` is added.
    package var compressesBody: Bool
    /// Time from start to the end of the response; nil means the transport's own limit.
    package var timeout: Duration?

    package init(
        method: String = "POST", url: String, headers: [HTTPHeader] = [], body: [UInt8] = [],
        compressesBody: Bool = false, timeout: Duration? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.compressesBody = compressesBody
        self.timeout = timeout
    }
}

/// A complete response.
package struct HTTPResponseMessage: Sendable {
    package var status: Int
    /// In the order of arrival; of the final response only, not of interim ones.
    package var headers: [HTTPHeader]
    package var body: [UInt8]

    package init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The value of the first header of that name in any case.
    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}
