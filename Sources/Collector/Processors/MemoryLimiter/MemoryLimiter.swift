import CPlatform
import Synchronization

/// Refuses spans while the process holds too much memory, and takes them again by itself.
package final class MemoryLimiter: Sendable {
    private let configuration: Mutex<MemoryLimiterConfiguration>
    private let residentBytes: @Sendable () -> Int
    private let refuses = Atomic<Bool>(false)

    /// - Parameter residentBytes: What the process holds now; the default reads `/proc/self/statm`.
    package init(
        _ configuration: MemoryLimiterConfiguration,
        residentBytes: @escaping @Sendable () -> Int = { ProcessStatistics.residentBytes() }
    ) {
        self.configuration = Mutex(configuration)
        self.residentBytes = residentBytes
    }

    package var isRefusing: Bool { refuses.load(ordering: .relaxed) }

    package var checkInterval: Duration { configuration.withLock(\.checkInterval) }

    /// Has other limits, and looks at once whether they are kept.
    package func use(_ new: MemoryLimiterConfiguration) {
        configuration.withLock { $0 = new }
        check()
    }

    /// Reads the resident size; called once every `check_interval`.
    ///
    /// Above the soft limit memory that the allocator holds for itself is given back first, so that a peak that is
    /// over does not keep the collector refusing.
    package func check() {
        let softLimitBytes = configuration.withLock(\.softLimitBytes)
        var resident = residentBytes()
        if resident > softLimitBytes {
            skein_release_free_memory()
            resident = residentBytes()
        }
        refuses.store(resident > softLimitBytes, ordering: .relaxed)
    }
}
