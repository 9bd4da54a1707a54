import Glibc

/// What one row of the report says.
package struct Measurement: Sendable {
    package let name: String
    /// What figures are divided by.
    package let unit: String
    /// CPU nanoseconds a unit, of the fastest repetition.
    package let nanoseconds: Double
    /// How much more the slowest repetition took, as a share of the fastest.
    package let spread: Double
    /// Calls of malloc and its kin a unit.
    package let allocations: Double
    /// Bytes a unit that came out of it: of the encoding, of the file. Nil where nothing does.
    package var bytes: Double?
    /// The row that this one is compared with.
    package var baseline: String?
    /// CPU nanoseconds a unit that it is meant to stay within, and allocations; nil where there is no budget. Reported,
    /// not enforced: time depends on the machine.
    package var budget: (nanoseconds: Double, allocations: Double?)?

    package init(
        name: String, unit: String, nanoseconds: Double, spread: Double, allocations: Double, bytes: Double? = nil,
        baseline: String? = nil
    ) {
        self.name = name
        self.unit = unit
        self.nanoseconds = nanoseconds
        self.spread = spread
        self.allocations = allocations
        self.bytes = bytes
        self.baseline = baseline
    }
}

/// Whose CPU time counts.
package enum CPUClock {
    case thread, process

    /// Nanoseconds.
    package func now() -> UInt64 {
        var time = timespec()
        clock_gettime(self == .thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

/// Repeats work and keeps the best time.
package struct Meter: Sendable {
    /// Best of so many: enough to find a quiet moment on a busy machine.
    package var repetitions = 5

    package init() {}

    /// Runs `body` once to count allocations, which warms caches too, and then `repetitions` times for the time.
    ///
    /// - Parameters:
    ///   - units: how many units one run of `body` works on.
    ///   - prepare: runs before each, uncounted; `cleanUp` after each.
    package func measure<Input>(
        _ name: String, unit: String = "span", units: Int, clock: CPUClock = .thread, baseline: String? = nil,
        prepare: () throws -> Input, body: (Input) throws -> Void, cleanUp: (Input) throws -> Void = { _ in }
    ) throws -> Measurement {
        let input = try prepare()
        let counted = try AllocationCounter.count { try body(input) }
        try cleanUp(input)
        var times: [UInt64] = []
        for _ in 0..<max(1, repetitions) {
            let input = try prepare()
            let start = clock.now()
            try body(input)
            times.append(clock.now() &- start)
            try cleanUp(input)
        }
        let best = Double(times.min() ?? 0)
        let worst = Double(times.max() ?? 0)
        return Measurement(
            name: name, unit: unit, nanoseconds: best / Double(units), spread: best > 0 ? worst / best - 1 : 0,
            allocations: Double(counted.allocations) / Double(units), bytes: nil, baseline: baseline)
    }

    package func measure(
        _ name: String, unit: String = "span", units: Int, clock: CPUClock = .thread, baseline: String? = nil,
        _ body: () throws -> Void
    ) throws -> Measurement {
        try measure(
            name, unit: unit, units: units, clock: clock, baseline: baseline, prepare: {}, body: { try body() })
    }
}
