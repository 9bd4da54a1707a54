/// Limits of a gRPC server. Those of HTTP/2 itself are enforced by swift-nio-http2 and end the connection
/// with GOAWAY.
package struct GRPCLimits: Sendable {
    /// Bytes of one message, as sent and again after decompression: 4 MiB, the default of every gRPC server.
    /// Past it the call ends with RESOURCE_EXHAUSTED, without details, since a retry cannot help.
    package var maxMessageBytes = 4 << 20

    /// CONTINUATION frames after a HEADERS frame: 4, more than the largest header list needs in frames of 16 KiB, the
    /// least that clients may be limited to. Past it the connection is closed (CONTINUATION flood).
    package var maxContinuationFrames = 4

    /// DATA frames without a byte, one after the other: 2, since some clients end a message with one. Past it the
    /// connection is closed.
    package var maxEmptyDataFrames = 2

    /// Calls at once on a connection: 256, more than any exporter has in flight. Past it streams are refused.
    package var maxConcurrentStreams = 256

    /// Bytes of a request's header list: 32 KiB, twice the usual 16. Past it the connection is closed.
    package var maxHeaderListBytes = 32 << 10

    /// Bytes of a DATA frame: 256 KiB, a batch of 512 spans in one frame. Past it the connection is closed.
    package var maxFrameBytes = 256 << 10

    /// Flow control window of a stream: 4 MiB, the largest message, so that none waits for an update. Past it a client
    /// that sends on breaks the protocol, and the connection is closed.
    package var streamWindowBytes = 4 << 20

    /// Flow control window of a connection: 16 MiB, four of the largest messages at once. Past it as for a stream.
    package var connectionWindowBytes = 16 << 20

    /// Open connections: 1,024. Past it new ones are closed at once.
    package var maxConnections = 1_024

    /// How long a connection may have no call: 5 minutes, as long as clients keep idle channels. Past it the
    /// server says GOAWAY and closes.
    package var idleTimeout: Duration = .seconds(300)

    /// How long a request may take from its first frame to its last, and an answer to be taken by a client that has
    /// closed its window: 60 s, six times what exporters wait. Past it the stream is reset.
    package var readTimeout: Duration = .seconds(60)

    /// RST_STREAM frames a connection may send in `rateWindow`: 512, all streams cancelled twice over. Past it
    /// the connection is closed (rapid reset).
    package var maxResets = 512

    /// Frames over the life of a connection that break the rules of one stream: 200, what a client that loses track of
    /// its streams may send before the answer reaches it. Past it the connection is closed.
    package var maxStreamErrors = 200

    /// PING, SETTINGS and PRIORITY frames a connection may send in `rateWindow`: 2,000, since some clients
    /// measure their bandwidth with a PING a call. Past it the connection is closed.
    package var maxControlFrames = 2_000

    /// WINDOW_UPDATE frames a connection may send in `rateWindow`: 10,000, two for each answer at 5,000 calls a second.
    /// Past it the connection is closed.
    package var maxWindowUpdates = 10_000

    /// Answers to SETTINGS and PING that a client has not read: 1,000. Past it the connection is closed, since it would
    /// be held in memory for a client that only writes.
    package var maxUnreadControlFrames = 1_000

    /// Time between two PINGs of a client without a call between them: 5 s, half of what clients of gRPC are allowed
    /// by default in Go. Sooner is a strike.
    package var minPingInterval: Duration = .seconds(5)

    /// Strikes: 2, as in other gRPC servers. Past it the connection is closed with ENHANCE_YOUR_CALM.
    package var maxPingStrikes = 2

    /// How long a client may be silent before it is asked with a PING whether it is there: 60 s.
    package var keepAliveInterval: Duration = .seconds(60)

    /// How long that question may go unanswered: 20 s, as in other gRPC servers. Past it the connection is closed.
    package var keepAliveTimeout: Duration = .seconds(20)

    /// The window of the three rates above: 1 s, short because NIOHTTP2 keeps 8 bytes for each frame in it.
    package var rateWindow: Duration = .seconds(1)

    package init() {}
}
