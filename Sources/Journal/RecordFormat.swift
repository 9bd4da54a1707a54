import CChecksum
import TraceStorage

/// The layout of a record, version 1; docs/formats/journal.md describes it in full.
package enum RecordFormat {
    /// Bytes before the tenant's name.
    static let fixedBytes = 52

    /// Bytes of a whole record. Receivers take at most 20 MiB by default; the number bounds what a damaged length can
    /// make a reader allocate. Larger requests are refused as ``JournalError/tooLarge(recordBytes:limitBytes:)``.
    package static let recordBytesMax = 64 << 20

    /// Bytes of a receiver's name: it is one of a few words of ours, the length is one byte.
    package static let receiverBytesMax = 64

    /// Records in the life of a journal: more than any will see, and far from where counting on would overflow. A
    /// larger position in a file or a cursor is damage.
    static let positionMax = JournalPosition(1 << 62)

    /// Bytes of the largest header.
    static let headerBytesMax = fixedBytes + TenantID.bytesMax + receiverBytesMax

    enum Offset {
        static let length = 0
        static let headerChecksum = 4
        static let position = 8
        static let receivedAt = 16
        static let digestLow = 24
        static let digestHigh = 32
        static let spanCount = 40
        static let bodyChecksum = 44
        static let tenantBytes = 48
        static let receiverBytes = 49
        static let flags = 50
    }
}

/// What is wrong with bytes that should be a record.
package enum RecordDefect: String, Error, Sendable, CaseIterable {
    /// The file ends inside the header.
    case shortHeader = "header cut short"
    /// The length is none that a record can have.
    case length = "impossible length"
    case headerChecksum = "header checksum does not match"
    /// The file ends inside the record.
    case shortBody = "body cut short"
    case bodyChecksum = "body checksum does not match"
    /// A position at or before one that came earlier, or that belongs to a later segment.
    case position = "position out of order"
    /// The body's checksum is right, yet it cannot be decoded.
    case undecodable = "body is no trace request"
    /// The first bytes of the file are no segment header.
    case segmentHeader = "segment header does not match"
}

/// Everything of a record but its body.
struct RecordHeader: Sendable {
    var position: JournalPosition
    var receivedAt: UInt64
    var digest: RequestDigest
    var spanCount: UInt32
    var bodyChecksum: UInt32
    var tenant: TenantID
    var receiver: String
    /// Offset of the body from the start of the record.
    var headerBytes: Int
    /// The whole record.
    var recordBytes: Int

    var bodyBytes: Int { recordBytes - headerBytes }

    init(_ request: JournalRequest, position: JournalPosition, bodyChecksum: UInt32) {
        self.position = position
        receivedAt = request.receivedAt
        digest = request.digest
        spanCount = UInt32(truncatingIfNeeded: request.batch.spans.count)
        self.bodyChecksum = bodyChecksum
        tenant = request.tenant
        receiver = request.receiver
        headerBytes = request.headerBytes
        recordBytes = request.recordBytes
    }

    /// Reads the header at the start of `bytes`, which may end anywhere. The body is not looked at.
    init(parsing bytes: borrowing RawSpan) throws(RecordDefect) {
        guard bytes.byteCount >= RecordFormat.fixedBytes else { throw .shortHeader }
        let length = Int(bytes.littleEndian(RecordFormat.Offset.length, as: UInt32.self))
        let tenantBytes = Int(bytes.littleEndian(RecordFormat.Offset.tenantBytes, as: UInt8.self))
        let receiverBytes = Int(bytes.littleEndian(RecordFormat.Offset.receiverBytes, as: UInt8.self))
        headerBytes = RecordFormat.fixedBytes + tenantBytes + receiverBytes
        guard length >= headerBytes, length <= RecordFormat.recordBytesMax, tenantBytes <= TenantID.bytesMax,
            receiverBytes <= RecordFormat.receiverBytesMax
        else { throw .length }
        guard bytes.byteCount >= headerBytes else { throw .shortHeader }
        let expected = bytes.littleEndian(RecordFormat.Offset.headerChecksum, as: UInt32.self)
        guard Self.checksum(bytes.extracting(first: headerBytes)) == expected else { throw .headerChecksum }
        recordBytes = length
        position = JournalPosition(bytes.littleEndian(RecordFormat.Offset.position, as: UInt64.self))
        receivedAt = bytes.littleEndian(RecordFormat.Offset.receivedAt, as: UInt64.self)
        digest = RequestDigest(
            high: bytes.littleEndian(RecordFormat.Offset.digestHigh, as: UInt64.self),
            low: bytes.littleEndian(RecordFormat.Offset.digestLow, as: UInt64.self))
        spanCount = bytes.littleEndian(RecordFormat.Offset.spanCount, as: UInt32.self)
        bodyChecksum = bytes.littleEndian(RecordFormat.Offset.bodyChecksum, as: UInt32.self)
        let tenantEnd = RecordFormat.fixedBytes + tenantBytes
        guard let tenant = TenantID(bytes.text(RecordFormat.fixedBytes..<tenantEnd)) else { throw .length }
        self.tenant = tenant
        receiver = bytes.text(tenantEnd..<headerBytes)
    }

    func encode(into bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.appendLittleEndian(UInt32(truncatingIfNeeded: recordBytes))
        bytes.appendLittleEndian(UInt32(0))
        bytes.appendLittleEndian(position.rawValue)
        bytes.appendLittleEndian(receivedAt)
        bytes.appendLittleEndian(digest.low)
        bytes.appendLittleEndian(digest.high)
        bytes.appendLittleEndian(spanCount)
        bytes.appendLittleEndian(bodyChecksum)
        bytes.append(UInt8(truncatingIfNeeded: tenant.name.utf8.count))
        bytes.append(UInt8(truncatingIfNeeded: receiver.utf8.count))
        bytes.appendLittleEndian(UInt16(0))
        bytes.append(contentsOf: tenant.name.utf8)
        bytes.append(contentsOf: receiver.utf8)
        let checksum = Self.checksum(bytes.span.bytes.extracting(start..<bytes.count))
        withUnsafeBytes(of: checksum.littleEndian) { value in
            let field = start + RecordFormat.Offset.headerChecksum
            bytes.replaceSubrange(field..<field + 4, with: value)
        }
    }

    /// Of a header's bytes but for the checksum's own four.
    private static func checksum(_ header: borrowing RawSpan) -> UInt32 {
        let length = header.extracting(first: RecordFormat.Offset.headerChecksum).crc32c()
        return header.extracting(RecordFormat.Offset.position..<header.byteCount).crc32c(after: length)
    }
}

extension JournalRequest {
    var headerBytes: Int { RecordFormat.fixedBytes + tenant.name.utf8.count + receiver.utf8.count }
    var recordBytes: Int { headerBytes + batch.bytes.count }
}

extension RawSpan {
    /// A number at an offset that the caller has checked; traps past the end.
    @inline(__always)
    func littleEndian<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Number.Type) -> Number {
        Number(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }

    func text(_ range: Range<Int>) -> String {
        extracting(range).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    func crc32c(after checksum: UInt32 = 0) -> UInt32 {
        withUnsafeBytes { skein_crc32c(checksum, $0.baseAddress, $0.count) }
    }
}

extension [UInt8] {
    mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
