import OTLP

/// Puts encoded records into a request of OTLP.
protocol RecordFraming: Sendable {
    /// - Parameters:
    ///   - pieces: records as they stand in the queue, one after the other.
    ///   - count: how many records there are in all pieces.
    func batch(_ pieces: [UnsafeRawBufferPointer], count: Int) -> ExportBatch

    /// The same for a child of `fork`.
    func ofChildProcess() -> Self
}

extension Resource {
    /// The resource as field 1 of `ResourceSpans` or `ResourceLogs`.
    var field: [UInt8] {
        var writer = WireWriter()
        writer.message(1) { message in
            for (key, value) in attributes { message.attribute(1, key, value) }
        }
        return writer.takeBytes()
    }
}
