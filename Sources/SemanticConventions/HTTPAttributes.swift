/// Attributes of HTTP clients and servers, with the network ones that go with them.
///
/// Version: semantic conventions 1.40.
public enum HTTPAttributes {
    /// The method, in upper case.
    public static let httpRequestMethod = AttributeKey<String>("http.request.method")
    /// The route template that matched.
    public static let httpRoute = AttributeKey<String>("http.route")
    /// The status of the response.
    public static let httpResponseStatusCode = AttributeKey<Int>("http.response.status_code")
    /// Bytes of the request body as sent.
    public static let httpRequestBodySize = AttributeKey<Int>("http.request.body.size")
    /// Bytes of the response body as sent.
    public static let httpResponseBodySize = AttributeKey<Int>("http.response.body.size")
    /// Which retry of the request this is, from 1.
    public static let httpRequestResendCount = AttributeKey<Int>("http.request.resend_count")
    /// The absolute URL.
    public static let urlFull = AttributeKey<String>("url.full")
    /// `http` or `https`.
    public static let urlScheme = AttributeKey<String>("url.scheme")
    /// The path.
    public static let urlPath = AttributeKey<String>("url.path")
    /// The query without its question mark.
    public static let urlQuery = AttributeKey<String>("url.query")
    /// The name or address of the server.
    public static let serverAddress = AttributeKey<String>("server.address")
    /// The port of the server.
    public static let serverPort = AttributeKey<Int>("server.port")
    /// The address of the client.
    public static let clientAddress = AttributeKey<String>("client.address")
    /// The port of the client.
    public static let clientPort = AttributeKey<Int>("client.port")
    /// `http` and the like, in lower case.
    public static let networkProtocolName = AttributeKey<String>("network.protocol.name")
    /// `1.1`, `2` and the like.
    public static let networkProtocolVersion = AttributeKey<String>("network.protocol.version")
    /// `tcp`, `udp`, `unix` or `pipe`.
    public static let networkTransport = AttributeKey<String>("network.transport")
    /// The User-Agent header.
    public static let userAgentOriginal = AttributeKey<String>("user_agent.original")
    /// The user on whose behalf the work is done.
    public static let userID = AttributeKey<String>("user.id")
}
