import OTLP

/// Puts spans that are encoded already into an `ExportTraceServiceRequest`, without touching them.
struct SpanFraming: RecordFraming {
    private let described: Resource
    private let resource: [UInt8]
    private let scope: [UInt8]

    /// - Parameters:
    ///   - resource: what all spans have in common.
    ///   - scopeName: the instrumentation scope, with its version.
    init(resource: Resource, scopeName: String, scopeVersion: String) {
        var writer = WireWriter()
        writer.message(1) { scope in
            scope.string(1, scopeName)
            scope.string(2, scopeVersion)
        }
        self.init(resource, scope: writer.takeBytes())
    }

    private init(_ described: Resource, scope: [UInt8]) {
        self.described = described
        resource = described.field
        self.scope = scope
    }

    /// The same for a child of `fork`.
    func ofChildProcess() -> SpanFraming {
        SpanFraming(described.ofChildProcess(), scope: scope)
    }

    /// - Parameters:
    ///   - pieces: `ScopeSpans.spans` fields, tags included.
    ///   - count: how many fields there are in all pieces.
    func batch(_ pieces: [UnsafeRawBufferPointer], count: Int) -> ExportBatch {
        let scopeSpans = scope.count + pieces.reduce(0) { $0 + $1.count }
        let resourceSpans = resource.count + fieldSize(scopeSpans)
        let request = [UInt8](unsafeUninitializedCapacity: fieldSize(resourceSpans)) { buffer, written in
            guard let base = buffer.baseAddress else { return }
            var cursor = WireCursor(base)
            cursor.byte(0x0A)
            cursor.varint(UInt64(resourceSpans))
            resource.withUnsafeBytes { cursor.raw($0) }
            cursor.byte(0x12)
            cursor.varint(UInt64(scopeSpans))
            scope.withUnsafeBytes { cursor.raw($0) }
            for piece in pieces { cursor.raw(piece) }
            written = buffer.count
        }
        return ExportBatch(recordCount: count, request: request)
    }
}
