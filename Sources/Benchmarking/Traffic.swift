import AgentTraffic
package import OTLP

/// The bytes that everything is measured on: bodies of the committed generator, the same in every run.
package struct Traffic {
    package static let spansPerBody = 512
    /// One block of the store: 128 bodies of 512 spans, 34 MB.
    package static let bodiesCount = 128

    package let bodies: [[UInt8]]
    package let batches: [SpanBatch]
    package let spans: Int
    package let bytes: Int

    package init() throws {
        var traffic = AgentTraffic(seed: 1)
        bodies = (0..<Self.bodiesCount).map { _ in traffic.request(spans: Self.spansPerBody) }
        batches = try bodies.map { try SpanBatch(decoding: $0) }
        spans = batches.reduce(0) { $0 + $1.spans.count }
        bytes = bodies.reduce(0) { $0 + $1.count }
    }

    /// A clock that goes with the traffic: its last span's end, in unix nanoseconds.
    package var receivedAt: UInt64 { (batches.last?.spans.last?.endTime ?? 0) + 1_000_000_000 }
}
