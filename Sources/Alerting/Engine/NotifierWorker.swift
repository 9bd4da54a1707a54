import Dispatch
import Synchronization

/// Brings the notices of one notifier to it, one after the other, on a thread of its own.
final class NotifierWorker: Sendable {
    /// Notices that wait; past it the oldest go, counted. A notifier that is down gets one for each group and interval.
    static let queueMax = 100

    /// Counters of one notifier since the start.
    struct Counts: Sendable, Equatable {
        var sent: UInt64 = 0
        var retried: UInt64 = 0
        /// The notifier will never take it.
        var refused: UInt64 = 0
        /// It was tried for too long.
        var expired: UInt64 = 0
        /// Too many waited.
        var dropped: UInt64 = 0
    }

    private struct State {
        var queue: [QueuedNotice]
        var counts = Counts()
        var lastSuccess: UInt64?
        var lastError: (time: UInt64, message: String)?
    }

    let configuration: NotifierConfiguration
    private let sender: any NoticeSender
    private let now: @Sendable () -> UInt64
    private let onChange: @Sendable () -> Void
    private let onTrouble: @Sendable (_ notifier: String, _ message: String, _ isFinal: Bool) -> Void
    private let state: Mutex<State>
    private let wakeup = DispatchSemaphore(value: 0)
    private let isStopped = Atomic<Bool>(false)

    /// - Parameters:
    ///   - onChange: The queue is another now and should be saved.
    ///   - onTrouble: A notice was not taken.
    init(
        _ configuration: NotifierConfiguration, queue: [QueuedNotice], sender: any NoticeSender,
        now: @escaping @Sendable () -> UInt64, onChange: @escaping @Sendable () -> Void,
        onTrouble: @escaping @Sendable (String, String, Bool) -> Void
    ) {
        self.configuration = configuration
        self.sender = sender
        self.now = now
        self.onChange = onChange
        self.onTrouble = onTrouble
        state = Mutex(State(queue: Array(queue.suffix(Self.queueMax))))
    }

    var queue: [QueuedNotice] { state.withLock { $0.queue } }

    /// Adds a notice; ``wake()`` lets it go.
    func add(_ notice: Notice) {
        state.withLock { state in
            state.queue.append(QueuedNotice(notice))
            while state.queue.count > Self.queueMax {
                state.queue.removeFirst()
                state.counts.dropped += 1
            }
        }
    }

    func wake() { wakeup.signal() }

    func requestStop() {
        isStopped.store(true, ordering: .releasing)
        sender.shutdown()
        wakeup.signal()
    }

    func run() {
        while !isStopped.load(ordering: .acquiring) {
            guard let wait = step() else {
                wakeup.wait()
                continue
            }
            if wait > 0 { _ = wakeup.wait(timeout: .now() + .nanoseconds(Int(min(wait, UInt64(Self.pauseMax))))) }
        }
    }

    /// Nanoseconds after which the clock is looked at again, should it have been set.
    private static let pauseMax = 60_000_000_000

    /// Tries the oldest notice, if it is due. Nanoseconds until there is something to do; nil when there is nothing.
    func step() -> UInt64? {
        guard var queued = state.withLock({ $0.queue.first }) else { return nil }
        let begin = now()
        // A clock that was set back must not hold a notice for longer than its pause.
        let pause = queued.nextAttempt > begin ? queued.nextAttempt - begin : 0
        if pause > 0, pause <= configuration.retry.maxInterval * 2 + Self.retryAfterMax { return pause }
        let result = sender.send(queued.notice)
        guard !isStopped.load(ordering: .acquiring) || result == .delivered else { return nil }
        let end = now()
        queued.attempts += 1
        queued.firstAttempt = queued.firstAttempt ?? begin
        finish(queued, result, at: end)
        onChange()
        return 0
    }

    /// One hour: a longer wait is more likely a wrong clock than a wish.
    static let retryAfterMax = 3_600 * AlertClock.second

    private func finish(_ queued: QueuedNotice, _ result: DeliveryResult, at now: UInt64) {
        let retry = configuration.retry
        var trouble: (message: String, isFinal: Bool)?
        state.withLock { state in
            // It may have been dropped meanwhile for want of room.
            let isThere = state.queue.first?.notice.id == queued.notice.id
            switch result {
            case .delivered:
                state.counts.sent += 1
                state.lastSuccess = now
                if isThere { state.queue.removeFirst() }
            case .refused(let reason):
                state.counts.refused += 1
                state.lastError = (now, reason)
                if isThere { state.queue.removeFirst() }
                trouble = (reason, true)
            case .retryable(let reason, let retryAfter):
                state.lastError = (now, reason)
                let elapsed = now - min(now, queued.firstAttempt ?? now)
                guard elapsed < retry.maxElapsedTime else {
                    state.counts.expired += 1
                    if isThere { state.queue.removeFirst() }
                    trouble = (reason, true)
                    return
                }
                state.counts.retried += 1
                trouble = (reason, false)
                guard isThere else { return }
                var next = queued
                next.lastError = reason
                let asked = min(retryAfter ?? 0, Self.retryAfterMax)
                next.nextAttempt = now + max(asked, Self.pause(retry, attempts: queued.attempts))
                state.queue[0] = next
            }
        }
        if let trouble { onTrouble(configuration.id, trouble.message, trouble.isFinal) }
    }

    /// Doubles from attempt to attempt, a fifth of it left to chance, so that many collectors do not come back at once.
    private static func pause(_ retry: NotifierConfiguration.Retry, attempts: Int) -> UInt64 {
        let doubled = Double(retry.initialInterval) * Double(1 << min(attempts - 1, 30))
        return UInt64(min(doubled, Double(retry.maxInterval)) * Double.random(in: 0.9...1.1))
    }

    var report: AlertsReport.Notifier {
        state.withLock { state in
            AlertsReport.Notifier(
                id: configuration.id, kind: configuration.kind.name, queued: state.queue.count, sent: state.counts.sent,
                retried: state.counts.retried, refused: state.counts.refused, expired: state.counts.expired,
                dropped: state.counts.dropped, lastSuccess: state.lastSuccess, lastErrorAt: state.lastError?.time,
                lastError: state.lastError?.message)
        }
    }
}
