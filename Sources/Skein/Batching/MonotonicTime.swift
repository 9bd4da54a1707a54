#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A moment of a clock that never goes back, in nanoseconds. Goes on while the process is frozen.
///
/// `ContinuousClock.Instant` says the same, but every use of it goes through the runtime's tables, which costs more
/// than reading the clock.
struct MonotonicTime: Comparable, Sendable {
    private let nanoseconds: UInt64

    private init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// Before every other moment.
    static let distantPast = MonotonicTime(nanoseconds: 0)

    /// After every other moment.
    static let distantFuture = MonotonicTime(nanoseconds: .max)

    /// The moment of the call.
    static var now: MonotonicTime {
        #if canImport(Darwin)
            MonotonicTime(nanoseconds: clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW))
        #else
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return MonotonicTime(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
        #endif
    }

    static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// A moment later; the same one for a negative duration, and the last there is where the sum is beyond it.
    static func + (moment: MonotonicTime, duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return moment }
        let (whole, isOver) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isFar) = moment.nanoseconds.addingReportingOverflow(whole &+ UInt64(attoseconds / 1_000_000_000))
        return MonotonicTime(nanoseconds: isOver || isFar ? .max : sum)
    }

    /// How long it is until `later`; zero when that has passed.
    func duration(to later: MonotonicTime) -> Duration {
        .nanoseconds(Int64(clamping: later.nanoseconds - min(nanoseconds, later.nanoseconds)))
    }

    /// The moment as the system's conditions take it.
    var systemTime: timespec {
        timespec(tv_sec: Int(clamping: nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }
}
