import Journal
import OTLP
import TraceStorage

/// The one way into the collector: decodes a request, applies the limits, appends it to the journal and only then says
/// that it was taken. Safe to call from any task.
package final class Ingest: Sendable {
    /// How a body is written.
    package enum Encoding: Sendable { case protobuf, json }

    /// A request that was taken, but for its rejected spans.
    package struct Acceptance: Sendable {
        package let acceptedSpans: Int
        package let rejections: [SpanRejectionReason: Int]

        package var rejectedSpans: Int { rejections.values.reduce(0, +) }

        /// What a partial success says; nil when every span was taken.
        package func message(_ limits: SpanLimits) -> String? {
            guard !rejections.isEmpty else { return nil }
            return rejections.sorted { $0.key.rawValue < $1.key.rawValue }
                .map { "\($0.value) rejected: \($0.key.message(limits))" }
                .joined(separator: "; ")
        }
    }

    /// A request that was not taken.
    package struct Refusal: Error, Sendable {
        package let reason: RefusalReason
        package let message: String
        /// How long the client should wait before it sends the request again; nil when that would be of no use.
        package let retryAfter: Duration?

        /// What requests under way hold in memory leaves no room for this one.
        static let buffersFull = Refusal(
            reason: .buffersFull, message: "the buffers for requests under way are full", retryAfter: retryDelay)
    }

    /// What a client is told to wait while the collector cannot take more: long enough for a group of writes or a
    /// retry of the disk, short enough that a client's queue does not overflow meanwhile.
    static let retryDelay = Duration.seconds(1)

    package let limits: SpanLimits
    private let journal: Journal
    private let memoryLimiter: MemoryLimiter
    private let now: @Sendable () -> UInt64
    private let recent = RecentRefusal()

    package init(
        journal: Journal, memoryLimiter: MemoryLimiter, limits: SpanLimits = SpanLimits(),
        now: @escaping @Sendable () -> UInt64 = { ProcessStatistics.now() }
    ) {
        self.journal = journal
        self.memoryLimiter = memoryLimiter
        self.limits = limits
        self.now = now
    }

    /// Why requests are refused now because of what is behind the receivers; nil when they are taken.
    package var currentRefusal: String? {
        memoryLimiter.isRefusing ? Self.atMemoryLimit.message : recent.reason(now: .now)
    }

    private static let atMemoryLimit = Refusal(
        reason: .memoryLimit, message: "the collector is at its memory limit", retryAfter: retryDelay)

    /// Why a request must not even be read now; nil when it may. Counts the request that it refuses.
    package func refusalBeforeReading(_ counters: IngestCounters) -> Refusal? {
        guard memoryLimiter.isRefusing else { return nil }
        counters.countRefusedRequest(.memoryLimit)
        return Self.atMemoryLimit
    }

    /// Takes one request. When it returns, its accepted spans are in the journal as durably as configured.
    package func accept(
        _ body: [UInt8], encoding: Encoding, from counters: IngestCounters
    ) async throws(Refusal) -> Acceptance {
        counters.countRequest()
        do throws(Refusal) {
            return try await take(body, encoding: encoding, from: counters)
        } catch {
            counters.count(error.reason)
            throw error
        }
    }

    private func take(
        _ body: [UInt8], encoding: Encoding, from counters: IngestCounters
    ) async throws(Refusal) -> Acceptance {
        if memoryLimiter.isRefusing { throw Self.atMemoryLimit }
        var batch = try decode(body, encoding: encoding)
        let acceptance = Acceptance(acceptedSpans: batch.spans.count, rejections: batch.rejections)
        if acceptance.rejectedSpans > 0 {
            // What is journaled must decide nothing anew when it is read again.
            batch = try decode(batch.encoded(), encoding: .protobuf)
        }
        guard !batch.spans.isEmpty else {
            counters.count(rejected: acceptance.rejections)
            return acceptance
        }
        let receivedAt = now()
        let request = JournalRequest(
            batch: batch, receivedAt: receivedAt, tenant: .default, receiver: counters.receiver,
            digest: RequestDigest(body: body, tenant: .default))
        do {
            switch try await journal.append(request) {
            case .appended:
                // Only here: a request that is refused or known comes, or came, again, and its spans count once.
                counters.acceptedSpans.add(batch.spans.count)
                counters.acceptedBytes.add(body.count)
                counters.count(rejected: acceptance.rejections)
                counters.count(noted: SpanNote.notes(on: batch, receivedAt: receivedAt))
            case .duplicate:
                counters.duplicateRequests.add(1)
            }
            recent.clear()
        } catch {
            counters.refusedSpans.add(batch.spans.count)
            if error.isRetryable { recent.note("\(error)", now: .now) }
            throw Self.refusal(error)
        }
        return acceptance
    }

    private func decode(_ body: [UInt8], encoding: Encoding) throws(Refusal) -> SpanBatch {
        var bytes = body
        if encoding == .json {
            do {
                bytes = try OTLPJSON.decode(body, limits: limits)
            } catch {
                throw Refusal(reason: .undecodable, message: "\(error)", retryAfter: nil)
            }
        }
        do {
            return try SpanBatch(decoding: bytes, limits: limits)
        } catch {
            throw Refusal(reason: .undecodable, message: "\(error)", retryAfter: nil)
        }
    }

    private static func refusal(_ error: JournalError) -> Refusal {
        let reason: RefusalReason =
            switch error {
            case .busy: .journalBusy
            case .full: .journalFull
            case .diskFull: .diskFull
            case .closed: .shuttingDown
            case .tooLarge: .tooLarge
            case .io, .inUse, .unsupportedVersion, .invalid: .ioError
            }
        return Refusal(reason: reason, message: "\(error)", retryAfter: error.isRetryable ? retryDelay : nil)
    }
}
