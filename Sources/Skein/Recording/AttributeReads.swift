import Tracing

/// What threads read of a span's attributes, until they assign them.
///
/// `updateAttributes` of swift-distributed-tracing reads the whole, changes it and assigns it. Compared with what the
/// thread read, the assignment says what it changed; the rest may be old by then.
struct AttributeReads {
    /// Threads that read without ever assigning may be more; the oldest is forgotten.
    private static let max = 8

    private var reads: [(thread: UInt, attributes: SpanAttributes)] = []

    mutating func note(_ attributes: SpanAttributes) {
        _ = take()
        if reads.count == Self.max { reads.removeFirst() }
        reads.append((ThreadStripe.identity, attributes))
    }

    /// The calling thread wrote: what it read is no longer what it compares with.
    @inline(__always)
    mutating func forget() {
        if !reads.isEmpty { _ = take() }
    }

    /// What the calling thread read last; nil when it did not, or assigned since.
    mutating func take() -> SpanAttributes? {
        guard !reads.isEmpty else { return nil }
        let thread = ThreadStripe.identity
        guard let index = reads.firstIndex(where: { $0.thread == thread }) else { return nil }
        return reads.remove(at: index).attributes
    }
}
