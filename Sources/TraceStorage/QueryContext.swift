import Synchronization

/// The limits of one query, and the way to stop it. Safe to use from any thread.
package final class QueryContext: Sendable {
    /// Rows that a query may hand out; more is ``StorageError/limitExceeded(message:)``.
    package let rowsMax: Int
    /// A reading of `ContinuousClock` after which the query stops with ``StorageError/cancelled``.
    package let deadline: ContinuousClock.Instant?
    private let isCancelled = Atomic<Bool>(false)

    package init(rowsMax: Int = .max, deadline: ContinuousClock.Instant? = nil) {
        self.rowsMax = rowsMax
        self.deadline = deadline
    }

    package func cancel() {
        isCancelled.store(true, ordering: .relaxed)
    }

    /// Called by stores between blocks and pages.
    package func check() throws(StorageError) {
        if isCancelled.load(ordering: .relaxed) { throw .cancelled }
        if let deadline, ContinuousClock.now >= deadline { throw .cancelled }
    }
}
