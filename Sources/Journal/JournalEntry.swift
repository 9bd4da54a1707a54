import OTLP
import TraceStorage

/// What is to be appended as one record.
package struct JournalRequest: Sendable {
    /// Its `bytes` are what is written, so rejected spans must have been left out of them before.
    package let batch: SpanBatch
    /// When the request was taken, in unix nanoseconds.
    package let receivedAt: UInt64
    package let tenant: TenantID
    /// The receiver's name, for example `otlp_http`; at most ``RecordFormat/receiverBytesMax`` bytes.
    package let receiver: String
    /// Of the body as it came, which may differ from the batch's bytes.
    package let digest: RequestDigest

    package init(
        batch: SpanBatch, receivedAt: UInt64, tenant: TenantID = .default, receiver: String, digest: RequestDigest
    ) {
        self.batch = batch
        self.receivedAt = receivedAt
        self.tenant = tenant
        self.receiver = receiver
        self.digest = digest
    }
}

/// What became of an append.
package enum AppendResult: Hashable, Sendable {
    case appended(JournalPosition)
    /// A request with this digest was appended in the last minutes and is where this says; nothing was written.
    case duplicate(JournalPosition)

    package var position: JournalPosition {
        switch self {
        case .appended(let position), .duplicate(let position): position
        }
    }
}

/// A record as a reader gets it.
package struct JournalEntry: Sendable {
    package let stored: StoredBatch
    package let receiver: String
    package let digest: RequestDigest

    package var position: JournalPosition { stored.position }
    package var batch: SpanBatch { stored.batch }

    init(_ request: JournalRequest, position: JournalPosition) {
        stored = StoredBatch(
            batch: request.batch, position: position, receivedAt: request.receivedAt, tenant: request.tenant)
        receiver = request.receiver
        digest = request.digest
    }

    init(_ header: RecordHeader, batch: SpanBatch) {
        stored = StoredBatch(
            batch: batch, position: header.position, receivedAt: header.receivedAt, tenant: header.tenant)
        receiver = header.receiver
        digest = header.digest
    }
}

extension SpanBatch {
    /// About how many bytes of memory the batch holds on to.
    var memoryBytes: Int {
        bytes.count + spans.count * MemoryLayout<SpanRow>.stride
            + attributes.count * MemoryLayout<AttributeRow>.stride
            + events.count * MemoryLayout<EventRow>.stride + links.count * MemoryLayout<LinkRow>.stride
            + resources.count * MemoryLayout<ResourceRow>.stride + scopes.count * MemoryLayout<ScopeRow>.stride
    }
}
