import HTTPServing

/// One way for requests to come in.
struct IngestCase: Sendable {
    enum Transport: String, Sendable { case http, grpc }

    let name: String
    let transport: Transport
    let encoding: ContentEncoding
    var limits = GRPCLimits()

    /// Spans of one body, what exporters send under load.
    static let spansPerBody = 512

    /// Bodies of one run: 262,144 spans, a fraction of a second of CPU.
    static let bodiesCount = 512

    /// Requests on their way at once, each on a connection of its own.
    static let connections = 4

    static let spans = spansPerBody * bodiesCount

    static let protocols = [
        IngestCase(name: "ingest over HTTP", transport: .http, encoding: .identity),
        IngestCase(name: "ingest over HTTP, gzip", transport: .http, encoding: .gzip),
        IngestCase(name: "ingest over gRPC", transport: .grpc, encoding: .identity),
        IngestCase(name: "ingest over gRPC, gzip", transport: .grpc, encoding: .gzip),
    ]

    /// The windows and frames of HTTP/2 between what a connection begins with and what the server offers.
    static let windows = [(64, 16), (64, 256), (256, 16), (1_024, 16), (1_024, 256), (4_096, 16), (4_096, 256)]
        .map { window, frame in
            var limits = GRPCLimits()
            limits.streamWindowBytes = window << 10
            limits.connectionWindowBytes = window << 12
            limits.maxFrameBytes = frame << 10
            return IngestCase(
                name: "gRPC, window \(window) KiB, frames \(frame) KiB", transport: .grpc, encoding: .identity,
                limits: limits)
        }
}
