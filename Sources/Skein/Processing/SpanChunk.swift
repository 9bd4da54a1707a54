/// Finished spans, encoded one after the other. Not safe for concurrent use: it belongs to the queue or to the
/// exporting thread.
final class SpanChunk: @unchecked Sendable {
    // Unchecked because it is handed over under the queue's lock.

    /// 4 MiB: collectors take requests of 20 MiB and more; a chunk that reaches this is closed before its batch is full.
    static let bytesMax = 4 << 20
    /// 1 MiB: a chunk that grew larger is freed instead of kept for reuse.
    static let reusableBytesMax = 1 << 20
    /// Room for a batch of 512 spans of about 250 bytes; larger ones grow it once and it stays grown.
    private static let initialBytes = 128 << 10

    private var buffer = SpanBuffer(capacity: initialBytes)
    private(set) var spanCount = 0
    /// When the first span came in.
    private(set) var openedAt = ContinuousClock.now

    @inline(__always)
    func append(_ span: FinishedSpan) {
        if spanCount == 0 { openedAt = .now }
        spanCount += 1
        buffer.append(span.size) { span.write(to: &$0) }
    }

    var isFull: Bool { buffer.count >= Self.bytesMax }
    var isReusable: Bool { buffer.capacity <= Self.reusableBytesMax }

    func batch(_ framing: SpanFraming) -> ExportBatch {
        framing.batch(buffer.bytes, count: spanCount)
    }

    func removeAll() {
        buffer.removeAll()
        spanCount = 0
    }
}
