#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// State under a lock on which threads can wait for a change.
///
/// For threads of our own and for the synchronous parts of the tracing API; tasks must not wait here.
/// Unchecked because `state` is touched only between `lock` and `unlock`.
final class Monitor<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    // The lock is what keeps accesses apart; the compiler need not check again.
    @exclusivity(unchecked) private var state: State

    init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        #if canImport(Darwin)
            pthread_cond_init(condition, nil)
        #else
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(condition, &attributes)
            pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    @inline(__always)
    func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Wakes all that wait.
    func notify() {
        pthread_cond_broadcast(condition)
    }

    /// Calls `body` until it returns a result, each time after a change or when the moment it asked for has come.
    func wait<Result>(_ body: (inout State) -> Wait<Result>) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            switch body(&state) {
            case .done(let result): return result
            case .again(nil): pthread_cond_wait(condition, mutex)
            case .again(let moment?): sleep(until: moment)
            }
        }
    }

    private func sleep(until moment: MonotonicTime) {
        #if canImport(Darwin)
            let left = MonotonicTime.now.duration(to: moment)
            // A day at most, and then once more: the sum with the time of day must not overflow.
            var interval = (MonotonicTime.distantPast + min(left, .seconds(86_400))).systemTime
            pthread_cond_timedwait_relative_np(condition, mutex, &interval)
        #else
            var deadline = moment.systemTime
            pthread_cond_timedwait(condition, mutex, &deadline)
        #endif
    }
}

/// What a waiting thread does next.
enum Wait<Result> {
    case done(Result)
    /// Look again after a change or, where it is given, at this moment.
    case again(MonotonicTime?)
}
