import HTTPServing
import NIOCore
import Testing

/// Keep-alive and its abuse, with a clock of the test's own.
@Suite struct GRPCPeerWatchTests {
    private static func time(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    private static var limits: GRPCLimits {
        var limits = GRPCLimits()
        limits.minPingInterval = .seconds(5)
        limits.maxPingStrikes = 2
        limits.keepAliveInterval = .seconds(60)
        limits.keepAliveTimeout = .seconds(20)
        limits.maxWindowUpdates = 3
        limits.rateWindow = .seconds(1)
        return limits
    }

    private var watch = GRPCPeerWatch(limits, now: time(0))

    @Test mutating func pingsInGoodTimeAreWelcomeForEver() {
        for round in 0..<100 {
            let isWelcome = watch.mayPing(Self.time(Int64(round) * 5))
            #expect(isWelcome)
        }
    }

    @Test mutating func theThirdPingInAHurryIsOneTooMany() {
        let answers = (0..<4).map { _ in watch.mayPing(Self.time(1)) }
        #expect(answers == [true, true, true, false])
    }

    @Test mutating func pingsThatGoWithCallsAreNoNuisance() {
        for _ in 0..<100 {
            let isWelcome = watch.mayPing(Self.time(1))
            #expect(isWelcome)
            watch.callMoved()
        }
    }

    @Test mutating func aSilentClientIsAskedAndThenGivenUp() {
        let steps: [(Int64, GRPCPeerWatch.Care)] = [
            (60, .nothing), (61, .ping), (62, .nothing), (81, .nothing), (82, .close),
        ]
        for (second, expected) in steps {
            let care = watch.care(Self.time(second))
            #expect(care == expected, "at \(second) s")
        }
    }

    @Test mutating func anyFrameIsASignOfLife() {
        let first = watch.care(Self.time(61))
        watch.frameCame(Self.time(70))
        let steps: [(Int64, GRPCPeerWatch.Care)] = [(90, .nothing), (130, .nothing), (131, .ping)]
        #expect(first == .ping)
        for (second, expected) in steps {
            let care = watch.care(Self.time(second))
            #expect(care == expected, "at \(second) s")
        }
    }

    @Test mutating func windowUpdatesAreCountedByTheSecond() {
        let answers = (0..<4).map { _ in watch.mayUpdateWindow(Self.time(1)) }
        let later = watch.mayUpdateWindow(Self.time(3))
        #expect(answers == [true, true, true, false])
        #expect(later)
    }
}
