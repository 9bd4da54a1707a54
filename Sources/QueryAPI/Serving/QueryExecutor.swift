import HTTPServing
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TraceStorage

/// Runs queries on threads of its own: a bounded number at a time and a bounded number waiting, each with a deadline,
/// each stopped when its client goes away. All methods may be called from any task.
package final class QueryExecutor: Sendable {
    private let threads: NIOThreadPool
    private let inFlightMax: Int
    private let timeout: Duration
    private let rowsMax: Int
    private let memoryMax: Int
    private let inFlight = Atomic<Int>(0)

    package init(configuration: QueryConfiguration = QueryConfiguration()) {
        let count = max(1, configuration.maxConcurrentQueries)
        threads = NIOThreadPool(numberOfThreads: count)
        inFlightMax = count + max(0, configuration.maxQueuedQueries)
        timeout = configuration.timeout
        rowsMax = configuration.maxRows
        memoryMax = configuration.memoryMaxBytes
        threads.start()
    }

    /// Ends the threads once what runs on them is done. Queries that come after it fail with 503.
    package func shutdown() async {
        try? await threads.shutdownGracefully()
    }

    /// Runs `body` on a thread that may block.
    ///
    /// - Parameter rowsMax: what the query's context allows a call of the store to hand out, where it is less than the
    ///   configuration allows.
    /// - Throws: ``APIError``: what `body` throws; ``StorageError`` as ``APIError/init(_:logger:)`` has it; 429 when
    ///   too many queries wait; 503 past the deadline.
    func run<Result: Sendable>(
        for request: QueryRequestContext, rowsMax: Int = .max,
        _ body: @escaping @Sendable (QueryContext) throws -> Result
    ) async throws -> Result {
        guard inFlight.wrappingAdd(1, ordering: .relaxed).newValue <= inFlightMax else {
            inFlight.wrappingSubtract(1, ordering: .relaxed)
            throw APIError(
                status: .tooManyRequests, code: "too_many_queries", message: "\(inFlightMax) queries run or wait",
                hint: "try again in a moment", retryAfterSeconds: 1)
        }
        defer { inFlight.wrappingSubtract(1, ordering: .relaxed) }
        let deadline = ContinuousClock.now + timeout
        let query = QueryContext(
            rowsMax: min(rowsMax, self.rowsMax), memoryMax: memoryMax, deadline: deadline)
        do {
            return try await withClientPresence(on: request.channel, onClose: { query.cancel() }) {
                try await withTaskCancellationHandler {
                    try await threads.runIfActive {
                        // It may have waited for its thread.
                        try query.check()
                        return try body(query)
                    }
                } onCancel: {
                    query.cancel()
                }
            }
        } catch let error as StorageError {
            if error == .cancelled, ContinuousClock.now >= deadline { throw timedOut }
            throw APIError(error, logger: request.logger)
        } catch is CancellationError {
            throw APIError(StorageError.cancelled, logger: request.logger)
        } catch is NIOThreadPoolError.ThreadPoolInactive {
            throw APIError.unavailable("the collector is shutting down")
        }
    }

    private var timedOut: APIError {
        .unavailable(
            "the query took longer than \(timeout)", code: "query_timeout",
            hint: "narrow the time range or the conditions, or raise query.timeout")
    }
}

extension APIError {
    /// What a store's error looks like to a client; details of files go to the log alone.
    init(_ error: StorageError, logger: Logger) {
        switch error {
        case .limitExceeded(let message):
            self.init(
                status: .contentTooLarge, code: "limit_exceeded", message: message,
                hint: "narrow the time range or the conditions")
        case .cancelled:
            self = .unavailable("the query was cancelled", code: "cancelled")
        case .io(let message), .full(let message), .corrupt(let message):
            logger.error("query failed", metadata: ["error": "\(message)"])
            self = .unavailable(
                "the store could not answer", code: "storage_failed", hint: "the collector's log has the reason")
        }
    }
}
