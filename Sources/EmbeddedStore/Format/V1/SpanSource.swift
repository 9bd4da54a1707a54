import OTLP

/// A batch's tables while their memory is held still.
struct SpanSource {
    let base: UnsafePointer<UInt8>
    let spans: UnsafeBufferPointer<SpanRow>
    let events: UnsafeBufferPointer<EventRow>
    let links: UnsafeBufferPointer<LinkRow>
    private let attributes: UnsafeBufferPointer<AttributeRow>

    /// Calls `body` with the tables; they are valid for the time of the call. Nil for a batch without bytes, which has
    /// no spans.
    static func with<Result>(_ batch: SpanBatch, _ body: (SpanSource) -> Result) -> Result? {
        batch.bytes.withUnsafeBufferPointer { bytes in
            batch.spans.withUnsafeBufferPointer { spans in
                batch.attributes.withUnsafeBufferPointer { attributes in
                    batch.events.withUnsafeBufferPointer { events in
                        batch.links.withUnsafeBufferPointer { links in
                            guard let base = bytes.baseAddress else { return nil }
                            return body(
                                SpanSource(
                                    base: base, spans: spans, events: events, links: links, attributes: attributes))
                        }
                    }
                }
            }
        }
    }

    @inline(__always)
    func attributes(_ rows: RowRange) -> UnsafeBufferPointer<AttributeRow> {
        guard let start = attributes.baseAddress else { return UnsafeBufferPointer(start: nil, count: 0) }
        return UnsafeBufferPointer(start: start + Int(rows.start), count: Int(rows.count))
    }
}

extension ColumnBuilder {
    @inline(__always)
    mutating func append(_ range: ByteRange, of source: SpanSource) {
        append(source.base + Int(range.offset), count: Int(range.count))
    }
}
