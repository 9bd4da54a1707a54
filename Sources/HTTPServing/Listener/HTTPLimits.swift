/// Limits of an HTTP/1.1 listener.
package struct HTTPLimits: Sendable {
    /// Bytes of all header fields of a request: 64 KiB, well over what proxies and browsers send. Past it the
    /// connection gets 400 and is closed.
    package var maxHeaderBytes = 64 << 10

    /// Header fields of a request. Past it the connection gets 400 and is closed.
    package var maxHeaderFields = 256

    /// How long a connection may be silent between requests or inside one: 3 minutes, longer than the export
    /// interval of any SDK. Past it the connection is closed.
    package var idleTimeout: Duration = .seconds(180)

    /// Open connections: 1,024, since each may hold one body in memory. Past it new ones are closed at once.
    package var maxConnections = 1_024

    /// How long the rest of a refused body is read and thrown away, so that the client sees the answer
    /// instead of a reset. Past it the connection is closed.
    package var lingerTimeout: Duration = .seconds(2)

    /// Bytes a client may announce with `Expect: 100-continue` and still be asked for; the limit of the body
    /// itself belongs to whoever collects it.
    package var maxBodyBytes = BodyLimits.maxBodyBytes

    package init() {}
}
