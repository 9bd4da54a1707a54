import OTLP

/// Puts log records that are encoded already into an `ExportLogsServiceRequest`.
///
/// A record stands in the queue as a `ResourceLogs.scope_logs` field of its own: its instrumentation scope, then the
/// record. A request holds each scope once, with its records in their order.
struct LogFraming: RecordFraming {
    /// `ResourceLogs.scope_logs` and `ScopeLogs.log_records`: field 2 in both.
    static let tag: UInt8 = 0x12

    private let described: Resource
    private let resource: [UInt8]

    /// - Parameter resource: what all records have in common.
    init(resource: Resource) {
        described = resource
        self.resource = resource.field
    }

    func ofChildProcess() -> LogFraming {
        LogFraming(resource: described.ofChildProcess())
    }

    func batch(_ pieces: [UnsafeRawBufferPointer], count: Int) -> ExportBatch {
        let scopes = Self.scopes(pieces)
        let resourceLogs = scopes.reduce(resource.count) { $0 + fieldSize($1.size) }
        let request = [UInt8](unsafeUninitializedCapacity: fieldSize(resourceLogs)) { buffer, written in
            guard let base = buffer.baseAddress else { return }
            var cursor = WireCursor(base)
            cursor.byte(0x0A)
            cursor.varint(UInt64(resourceLogs))
            resource.withUnsafeBytes { cursor.raw($0) }
            for scope in scopes {
                cursor.byte(Self.tag)
                cursor.varint(UInt64(scope.size))
                cursor.raw(scope.field)
                for record in scope.records { cursor.raw(record) }
            }
            written = buffer.count
        }
        return ExportBatch(recordCount: count, request: request)
    }

    /// The records of one scope; both are fields, tags included.
    private struct Scope {
        let field: UnsafeRawBufferPointer
        var records: [UnsafeRawBufferPointer]
        /// Bytes of all of them.
        var size: Int
    }

    /// - Complexity: O(records · scopes); a batch bounds the first, and services have few of the second.
    private static func scopes(_ pieces: [UnsafeRawBufferPointer]) -> [Scope] {
        var scopes: [Scope] = []
        for piece in pieces {
            var rest = piece
            while let content = content(ofFirstField: rest), let scope = self.content(ofFirstField: content) {
                rest = tail(of: rest, after: content)
                let record = tail(of: content, after: scope)
                let field = UnsafeRawBufferPointer(rebasing: content[..<(content.count - record.count)])
                if let index = scopes.firstIndex(where: { $0.field.elementsEqual(field) }) {
                    scopes[index].records.append(record)
                    scopes[index].size += record.count
                } else {
                    scopes.append(Scope(field: field, records: [record], size: field.count + record.count))
                }
            }
        }
        return scopes
    }

    /// The content of the length-delimited field, with a tag of one byte, that `bytes` begins with; nil where there is
    /// none.
    private static func content(ofFirstField bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var length = 0
        var shift = 0
        var index = 1
        while index < bytes.count, shift < 63 {
            let byte = bytes[index]
            index += 1
            length |= Int(byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 {
                guard length <= bytes.count - index else { return nil }
                return UnsafeRawBufferPointer(rebasing: bytes[index..<(index + length)])
            }
        }
        return nil
    }

    /// What stands behind a part of `bytes`.
    private static func tail(
        of bytes: UnsafeRawBufferPointer, after part: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        guard let base = bytes.baseAddress, let start = part.baseAddress else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(rebasing: bytes[((start - base) + part.count)...])
    }
}
