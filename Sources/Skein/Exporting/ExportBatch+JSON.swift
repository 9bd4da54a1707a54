import OTLP

extension ExportBatch {
    /// A batch of a request that is complete already, such as one that comes back from disk.
    package init(request: [UInt8], recordCount: Int) {
        self.init(recordCount: recordCount, request: request)
    }

    /// The batch as OTLP/JSON, and how many spans are left out because they have no valid ids: a receiver would refuse
    /// them too.
    ///
    /// - Throws: when the batch is no readable request, which one of our own making always is.
    package func json() throws(WireError) -> (body: [UInt8], rejectedSpans: Int) {
        let batch = try SpanBatch(decoding: request, limits: .ownSpans)
        return (OTLPJSON.encode(batch), batch.rejectedSpans)
    }
}

extension OTLP.SpanLimits {
    /// For spans of our own making, which have limits already: as many attributes as they brought, which are fewer than
    /// a request has bytes.
    static let ownSpans = OTLP.SpanLimits(attributesMax: OTLP.SpanLimits.requestBytesMax)
}

extension ExportResult {
    /// The same with further spans that were not taken.
    func rejecting(_ leftOut: Int) -> ExportResult {
        guard leftOut > 0, case .success(let rejected, let message) = self else { return self }
        return .success(
            rejected: rejected + leftOut, message: message.isEmpty ? "spans without valid ids" : message)
    }
}
