import CPlatform
import Synchronization

/// Refuses spans while the process holds too much memory, and takes them again by itself.
package final class MemoryLimiter: Sendable {
    private let configuration: MemoryLimiterConfiguration
    private let residentBytes: @Sendable () -> Int
    private let refuses = Atomic<Bool>(false)

    /// - Parameter residentBytes: What the process holds now; the default reads `/proc/self/statm`.
    package init(
        _ configuration: MemoryLimiterConfiguration,
        residentBytes: @escaping @Sendable () -> Int = { ProcessStatistics.residentBytes() }
    ) {
        self.configuration = configuration
        self.residentBytes = residentBytes
    }

    package var isRefusing: Bool { refuses.load(ordering: .relaxed) }

    /// Reads the resident size; called once every `check_interval`.
    ///
    /// Above the soft limit memory that the allocator holds for itself is given back first, so that a peak that is
    /// over does not keep the collector refusing.
    package func check() {
        var resident = residentBytes()
        if resident > configuration.softLimitBytes {
            skein_release_free_memory()
            resident = residentBytes()
        }
        refuses.store(resident > configuration.softLimitBytes, ordering: .relaxed)
    }
}
