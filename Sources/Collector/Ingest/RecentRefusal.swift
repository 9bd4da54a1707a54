import Synchronization

/// Remembers for a while why the journal last refused a request, so that health tells of it as long as it goes on.
///
/// Without traffic nobody would notice that a disk has room again; so a refusal is forgotten by itself.
final class RecentRefusal: Sendable {
    private let last = Mutex<(reason: String, at: ContinuousClock.Instant)?>(nil)
    /// Whether there is something to clear, so that the many requests that are taken need no lock.
    private let isNoted = Atomic<Bool>(false)

    /// How long a refusal counts without another one: a few times what a client is told to wait.
    static let memory = Duration.seconds(5)

    func note(_ reason: String, now: ContinuousClock.Instant) {
        last.withLock { $0 = (reason, now) }
        isNoted.store(true, ordering: .releasing)
    }

    /// A request was taken since.
    func clear() {
        guard isNoted.load(ordering: .acquiring) else { return }
        isNoted.store(false, ordering: .releasing)
        last.withLock { $0 = nil }
    }

    /// Nil when nothing was refused lately.
    func reason(now: ContinuousClock.Instant) -> String? {
        last.withLock { last in
            guard let last, now - last.at < Self.memory else { return nil }
            return last.reason
        }
    }
}
