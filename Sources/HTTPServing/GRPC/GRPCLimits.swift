/// Limits of a gRPC server. Those of HTTP/2 itself are enforced by swift-nio-http2 and end the connection
/// with GOAWAY.
package struct GRPCLimits: Sendable {
    /// Bytes of one message, as sent and again after decompression: 4 MiB, the default of every gRPC server.
    /// Past it the call ends with RESOURCE_EXHAUSTED, without details, since a retry cannot help.
    package var maxMessageBytes = 4 << 20

    /// Bytes of unfinished and running requests, over all connections: 128 MiB, half of the memory budget.
    /// Past it a call that needs more ends with UNAVAILABLE, which clients retry.
    package var maxBufferedBytes = 128 << 20

    /// Calls at once on a connection: 256, more than any exporter has in flight. Past it streams are refused.
    package var maxConcurrentStreams = 256

    /// Bytes of a request's header list: 32 KiB, twice the usual 16. Past it the connection is closed.
    package var maxHeaderListBytes = 32 << 10

    /// Bytes of a DATA frame: 256 KiB, a batch of 512 spans in one frame. Past it the connection is closed.
    package var maxFrameBytes = 256 << 10

    /// Flow control window of a stream: 4 MiB, so that a usual message never waits for an update.
    package var streamWindowBytes = 4 << 20

    /// Flow control window of a connection: 16 MiB, four of the largest messages at once.
    package var connectionWindowBytes = 16 << 20

    /// Open connections: 1,024. Past it new ones are closed at once.
    package var maxConnections = 1_024

    /// How long a connection may have no call: 5 minutes, as long as clients keep idle channels. Past it the
    /// server says GOAWAY and closes.
    package var idleTimeout: Duration = .seconds(300)

    /// How long a request may bring no byte before it is complete: 60 s. Past it its stream is reset.
    package var readTimeout: Duration = .seconds(60)

    /// RST_STREAM frames a connection may send in `rateWindow`: 512, all streams cancelled twice over. Past it
    /// the connection is closed (rapid reset).
    package var maxResets = 512

    /// PING, SETTINGS and PRIORITY frames a connection may send in `rateWindow`: 2,000, since some clients
    /// measure their bandwidth with a PING a call. Past it the connection is closed.
    package var maxControlFrames = 2_000

    /// The window of the two rates above: 1 s, short because NIOHTTP2 keeps 8 bytes for each frame in it.
    package var rateWindow: Duration = .seconds(1)

    package init() {}
}
