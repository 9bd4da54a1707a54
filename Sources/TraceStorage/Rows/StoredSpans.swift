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
        fields(of: scope.envelope, except: Tag.ScopeSpans.spans)
    }

    private func fields(of message: ByteRange, except left: UInt32) -> [UInt8] {
        var result: [UInt8] = []
        bytes.withUnsafeBytes { buffer in
            let content = UnsafeRawBufferPointer(rebasing: buffer[message.indices])
            var cursor = FieldCursor(content)
            var kept = 0
            while let field = cursor.next() {
                guard field.tag == left else { continue }
                result.append(contentsOf: content[kept..<field.start])
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
