import Collector
import CurlTransport
import Testing

@Suite struct BackoffTests {
    /// SplitMix64.
    private struct Seeded: RandomNumberGenerator, Sendable {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private func configuration(_ change: (inout RetryConfiguration) -> Void = { _ in }) -> RetryConfiguration {
        var configuration = RetryConfiguration()
        configuration.initialInterval = .seconds(1)
        configuration.maxInterval = .seconds(10)
        configuration.multiplier = 2
        change(&configuration)
        return configuration
    }

    @Test func waitsGrowToTheirLimitWithoutSpread() {
        var backoff = Backoff(configuration { $0.randomizationFactor = 0 }, random: Seeded(state: 1))
        let waits = (0..<6).map { _ in backoff.next(elapsed: .zero, retryAfter: nil) }
        #expect(waits == [1, 2, 4, 8, 10, 10].map { Duration.seconds($0) })
        backoff.reset()
        let first = backoff.next(elapsed: .zero, retryAfter: nil)
        #expect(first == .seconds(1))
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func waitsAreSpreadAroundTheInterval(_ seed: UInt64) {
        var backoff = Backoff(configuration(), random: Seeded(state: seed))
        var again = Backoff(configuration(), random: Seeded(state: seed))
        for interval in [1.0, 2, 4, 8, 10, 10] {
            let wait = backoff.next(elapsed: .zero, retryAfter: nil) ?? .zero
            #expect(wait >= .seconds(interval * 0.5) && wait <= .seconds(interval * 1.5), "seed \(seed)")
            let repeated = again.next(elapsed: .zero, retryAfter: nil)
            #expect(wait == repeated)
        }
    }

    @Test func aFirstWaitIsNoLongerThanTheLongest() {
        let short = configuration {
            $0.maxInterval = .milliseconds(10)
            $0.randomizationFactor = 0
        }
        var backoff = Backoff(short, random: Seeded(state: 1))
        let wait = backoff.next(elapsed: .zero, retryAfter: nil)
        #expect(wait == .milliseconds(10))
    }

    @Test func whatTheTargetAsksForWinsWhereItIsLonger() {
        var backoff = Backoff(configuration { $0.randomizationFactor = 0 }, random: Seeded(state: 1))
        let waits = [Duration.seconds(30), .milliseconds(1)].map { backoff.next(elapsed: .zero, retryAfter: $0) }
        #expect(waits == [.seconds(30), .seconds(2)])
    }

    @Test func theElapsedTimeEndsIt() {
        let limited = configuration {
            $0.randomizationFactor = 0
            $0.maxElapsedTime = .seconds(5)
        }
        var backoff = Backoff(limited, random: Seeded(state: 1))
        let waits = (0..<2).map { _ in backoff.next(elapsed: .seconds(4), retryAfter: nil) }
        #expect(waits == [.seconds(1), nil])
    }

    @Test func disabledMeansNoSecondAttempt() {
        var backoff = Backoff(configuration { $0.isEnabled = false }, random: Seeded(state: 1))
        let wait = backoff.next(elapsed: .zero, retryAfter: .seconds(1))
        #expect(wait == nil)
    }

    @Test(arguments: [
        ("5", Duration.seconds(5)), ("Sun, 06 Nov 1994 08:49:37 GMT", .seconds(37)),
        ("Sunday, 06-Nov-94 08:49:01 GMT", .seconds(1)), ("999999999", .seconds(3600)),
    ])
    func retryAfterIsSecondsOrADate(_ header: String, _ expected: Duration) {
        // 1994-11-06T08:49:00Z
        #expect(RetryAfterHeader.duration(header, now: 784_111_740_000_000_000) == expected)
    }

    @Test(arguments: [nil, "", "0", "-3", "soon", "Sun, 06 Nov 1994 08:48:00 GMT"])
    func otherTextAsksForNothing(_ header: String?) {
        #expect(RetryAfterHeader.duration(header, now: 784_111_740_000_000_000) == nil)
    }

    @Test(arguments: [
        (200, "delivered"), (202, "delivered"), (429, "retryable"), (502, "retryable"), (503, "retryable"),
        (504, "retryable"), (301, "refused"), (400, "refused"), (401, "refused"), (413, "refused"), (500, "refused"),
    ])
    func everyStatusHasItsMeaning(_ status: Int, _ expected: String) {
        let meaning =
            switch ExportVerdict.of(status: status, retryAfter: nil) {
            case .delivered: "delivered"
            case .retryable: "retryable"
            case .refused: "refused"
            }
        #expect(meaning == expected)
    }
}
