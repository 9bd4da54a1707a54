import Synchronization

/// The limits of one query, and the way to stop it. Safe to use from any thread.
package final class QueryContext: Sendable {
    /// Rows that a query may hand out; more is ``StorageError/limitExceeded(message:)``.
    package let rowsMax: Int
    /// Bytes of memory that a query may take at one time for pages, decoded columns and answers; more is
    /// ``StorageError/limitExceeded(message:)``. What is cached for all queries is not counted.
    package let memoryMax: Int
    /// A reading of `ContinuousClock` after which the query stops with ``StorageError/cancelled``.
    package let deadline: ContinuousClock.Instant?
    private let isCancelled = Atomic<Bool>(false)
    private let memory = Atomic<Int>(0)

    package init(rowsMax: Int = .max, memoryMax: Int = .max, deadline: ContinuousClock.Instant? = nil) {
        self.rowsMax = rowsMax
        self.memoryMax = memoryMax
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

    /// Bytes that are counted at the moment.
    package var memoryBytes: Int { memory.load(ordering: .relaxed) }

    /// Counts memory that the query is about to take.
    ///
    /// - Throws: ``StorageError/limitExceeded(message:)``, with nothing counted, when it is more than is left.
    package func reserve(_ bytes: Int) throws(StorageError) {
        let (_, total) = memory.wrappingAdd(bytes, ordering: .relaxed)
        guard total > memoryMax else { return }
        memory.wrappingSubtract(bytes, ordering: .relaxed)
        throw .limitExceeded(
            message: "the query needs more than its \(memoryMax >> 20) MiB of memory (query.max_memory_mib); "
                + "narrow the time range or the conditions, or group by fewer values")
    }

    /// Takes back what was counted by ``reserve(_:)``.
    package func release(_ bytes: Int) {
        memory.wrappingSubtract(bytes, ordering: .relaxed)
    }
}
