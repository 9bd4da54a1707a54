/// A clock that measures how long things take. Tests give one of their own.
public struct MonotonicClock: Sendable {
    /// The time since a moment that stays the same.
    public let now: @Sendable () -> Duration

    /// A clock that says what `now` says.
    public init(now: @escaping @Sendable () -> Duration) {
        self.now = now
    }

    /// A clock of the standard library or a like one.
    public init<Base: Clock<Duration>>(_ clock: Base) {
        let origin = clock.now
        self.init { origin.duration(to: clock.now) }
    }

    /// The system's clock, which also runs while the machine sleeps.
    public static let continuous = MonotonicClock(ContinuousClock())
}

extension Duration {
    /// The whole duration in seconds.
    var seconds: Double { self / .seconds(1) }
}
