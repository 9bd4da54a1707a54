#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A decoded trace request: tables of fixed-size rows that point into the request's own bytes.
///
/// The bytes are one serialized `ExportTraceServiceRequest` (or `TracesData`, which is the same on the wire). Rows come
/// in the order of the wire: the spans of a scope, the attributes of a span and so on are contiguous runs. Spans that
/// were rejected have no row. A batch never changes after it was made.
public final class SpanBatch: Sendable {
    @usableFromInline package let bytes: [UInt8]
    package let resources: [ResourceRow]
    package let scopes: [ScopeRow]
    package let spans: [SpanRow]
    package let attributes: [AttributeRow]
    package let events: [EventRow]
    package let links: [LinkRow]
    /// Spans that have no row, by reason.
    package let rejections: [SpanRejectionReason: Int]

    /// Indexes a request in one pass.
    ///
    /// - Throws: ``WireError`` when the bytes are no such message. A span that breaks a limit or has a wrong id is
    ///   left out and counted in ``rejections`` instead.
    /// - Complexity: O(bytes); about 300 ns for a span of 500 bytes with 11 attributes.
    package init(decoding bytes: [UInt8], limits: SpanLimits = SpanLimits()) throws(WireError) {
        guard bytes.count <= SpanLimits.requestBytesMax else { throw .tooLarge(bytes: bytes.count) }
        let tables = try SpanIndexer.index(bytes, limits: limits)
        self.bytes = bytes
        resources = tables.resources
        scopes = tables.scopes
        spans = tables.spans
        attributes = tables.attributes
        events = tables.events
        links = tables.links
        rejections = tables.rejections
    }

    package static let empty: SpanBatch = {
        do { return try SpanBatch(decoding: []) } catch { preconditionFailure("no bytes are an empty message") }
    }()

    package var rejectedSpans: Int { rejections.values.reduce(0, +) }

    package func scope(of span: SpanRow) -> ScopeRow { scopes[Int(span.scope)] }

    package func resource(of span: SpanRow) -> ResourceRow { resources[Int(scopes[Int(span.scope)].resource)] }

    // MARK: text

    /// The text of a slice; bytes that are no UTF-8 become U+FFFD.
    package func string(_ range: ByteRange) -> String {
        String(decoding: bytes[range.indices], as: UTF8.self)
    }

    @inlinable
    package func slice(_ range: ByteRange) -> ArraySlice<UInt8> { bytes[range.indices] }

    /// Whether a slice holds exactly these bytes.
    @inlinable @inline(__always)
    package func equals(_ range: ByteRange, _ text: StaticString) -> Bool {
        guard Int(range.count) == text.utf8CodeUnitCount else { return false }
        return bytes.withUnsafeBytes { buffer in
            memoryEqual(buffer.baseAddress, Int(range.offset), UnsafeRawPointer(text.utf8Start), Int(range.count))
        }
    }

    package func equals(_ range: ByteRange, _ text: [UInt8]) -> Bool {
        guard Int(range.count) == text.count else { return false }
        return bytes.withUnsafeBytes { buffer in
            text.withUnsafeBytes { memoryEqual(buffer.baseAddress, Int(range.offset), $0.baseAddress, text.count) }
        }
    }

    /// Whether two slices hold the same bytes.
    @inlinable @inline(__always)
    package func areEqual(_ a: ByteRange, _ b: ByteRange) -> Bool {
        guard a.count == b.count else { return false }
        return bytes.withUnsafeBytes { buffer in
            memoryEqual(
                buffer.baseAddress, Int(a.offset), buffer.baseAddress.map { $0 + Int(b.offset) }, Int(a.count))
        }
    }

    // MARK: attributes

    /// As ``ByteHash/shape(_:_:)`` of the process has it.
    package func shape(of rows: RowRange) -> UInt64 {
        bytes.withUnsafeBufferPointer { bytes in
            attributes.withUnsafeBufferPointer { attributes in
                // A batch without bytes has no attributes.
                guard let base = bytes.baseAddress else { return 0 }
                return ByteHash.ofProcess.shape(UnsafeBufferPointer(rebasing: attributes[rows.indices]), base)
            }
        }
    }

    /// The first attribute with this key in a run of attributes.
    package func attribute(_ key: StaticString, in rows: RowRange) -> AttributeRow? {
        for index in rows.indices where equals(attributes[index].key, key) { return attributes[index] }
        return nil
    }

    package func attribute(_ key: [UInt8], in rows: RowRange) -> AttributeRow? {
        for index in rows.indices where equals(attributes[index].key, key) { return attributes[index] }
        return nil
    }

    /// The text of a string attribute; nil when it is absent or of another type.
    package func stringAttribute(_ key: StaticString, in rows: RowRange) -> String? {
        guard let row = attribute(key, in: rows), row.kind == .string else { return nil }
        return string(row.slice)
    }

    /// `service.name` of a resource; nil when it is absent or no string.
    package func serviceName(of resource: ResourceRow) -> String? {
        stringAttribute("service.name", in: resource.attributes)
    }
}

/// Whether `count` bytes at `base + offset` equal those at `other`.
@inlinable @inline(__always)
func memoryEqual(_ base: UnsafeRawPointer?, _ offset: Int, _ other: UnsafeRawPointer?, _ count: Int) -> Bool {
    guard count > 0, let base, let other else { return count == 0 }
    return memcmp(base + offset, other, count) == 0
}
