import OTLP

/// Making batches of spans that were accepted before.
package enum StoredSpans {
    /// Limits that no accepted span can break, whatever a receiver was configured to take.
    private static let limits = SpanLimits(attributesMax: Int(Int32.max))

    /// An unknown field of a request, which every reader passes over.
    private static let paddingField: UInt32 = 1000

    /// Indexes a request put together from accepted spans.
    ///
    /// A request that was taken apart can have more rows for each of its bytes than ``SpanLimits`` lets a client
    /// send; it is then padded with a field that readers pass over.
    package static func decode(_ bytes: [UInt8]) throws(WireError) -> SpanBatch {
        do throws(WireError) {
            return try SpanBatch(decoding: bytes, limits: limits)
        } catch {
            guard case .tooManyMessages = error else { throw error }
            var writer = WireWriter(bytes)
            writer.bytes(paddingField, repeatElement(UInt8(0), count: bytes.count * 32))
            return try SpanBatch(decoding: writer.takeBytes(), limits: limits)
        }
    }
}

extension SpanBatch {
    /// What a `ResourceSpans` says beside its spans: all of its fields but the scopes, as they were sent.
    package func header(of resource: ResourceRow) -> [UInt8] {
        fields(of: resource.envelope, except: Tag.ResourceSpans.scopeSpans)
    }

    /// What a `ScopeSpans` says beside its spans, as it was sent.
    package func header(of scope: ScopeRow) -> [UInt8] {
        guard let run = contiguousSpans(of: scope) else {
            return fields(of: scope.envelope, except: Tag.ScopeSpans.spans)
        }
        return Array(bytes[scope.envelope.indices.lowerBound..<run.lowerBound])
            + bytes[run.upperBound..<scope.envelope.indices.upperBound]
    }

    /// The bytes of a scope's spans, tags and lengths included, when nothing stands between them: known from the rows
    /// alone, without a look at the bytes of each span. Nil when something does, or the scope has no span.
    private func contiguousSpans(of scope: ScopeRow) -> Range<Int>? {
        // Spans that were rejected have no row and may stand anywhere.
        guard rejections.isEmpty else { return nil }
        return spans[scope.spans.indices].withUnsafeBufferPointer { spans in
            guard let first = spans.first else { return nil }
            let start = Int(first.raw.offset) - Self.fieldHeadBytes(first.raw.count)
            guard start >= Int(scope.envelope.offset), bytes[start] == UInt8(Tag.ScopeSpans.spans) else { return nil }
            var end = start
            for span in spans {
                guard Int(span.raw.offset) == end + Self.fieldHeadBytes(span.raw.count) else { return nil }
                end = Int(span.raw.offset) + Int(span.raw.count)
            }
            return start..<end
        }
    }

    /// Bytes of the tag and the length of a field of `count` bytes whose tag takes one byte.
    private static func fieldHeadBytes(_ count: UInt32) -> Int {
        1 + (32 - (count | 1).leadingZeroBitCount + 6) / 7
    }

    private func fields(of message: ByteRange, except left: UInt32) -> [UInt8] {
        var result: [UInt8] = []
        bytes.withUnsafeBytes { buffer in
            let content = UnsafeRawBufferPointer(rebasing: buffer[message.indices])
            var cursor = FieldCursor(content)
            var kept = 0
            while let field = cursor.next() {
                guard field.tag == left else { continue }
                if kept < field.start { result.append(contentsOf: content[kept..<field.start]) }
                kept = cursor.offset
            }
            result.append(contentsOf: content[kept...])
        }
        return result
    }
}

/// Walks the top level of a protobuf message; ends at the first byte that is none.
struct FieldCursor {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The next field's tag and the offset at which it starts; ``offset`` then stands behind its content.
    mutating func next() -> (tag: UInt32, start: Int)? {
        let start = offset
        guard offset < bytes.count, let tag = varint() else { return nil }
        switch UInt8(tag & 7) {
        case WireType.varint: guard varint() != nil else { return nil }
        case WireType.fixed64: offset += 8
        case WireType.fixed32: offset += 4
        case WireType.lengthDelimited:
            guard let count = varint(), count <= UInt64(bytes.count - offset) else { return nil }
            offset += Int(count)
        default: return nil
        }
        guard offset <= bytes.count else { return nil }
        return (UInt32(truncatingIfNeeded: tag), start)
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 64 {
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}
