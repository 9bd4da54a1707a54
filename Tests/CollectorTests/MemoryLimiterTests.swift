import Collector
import Testing

@Suite struct MemoryLimiterTests {
    private static let mebibyte = 1 << 20

    private func limiter(_ resident: Box<Int>) -> MemoryLimiter {
        var configuration = MemoryLimiterConfiguration()
        configuration.limitBytes = 100 * Self.mebibyte
        configuration.spikeBytes = 20 * Self.mebibyte
        return MemoryLimiter(configuration, residentBytes: { resident.value })
    }

    @Test func itRefusesAboveTheSoftLimitAndTakesAgainBelow() {
        let resident = Box(80 * Self.mebibyte)
        let limiter = limiter(resident)
        limiter.check()
        #expect(!limiter.isRefusing)
        resident.value += 1
        #expect(!limiter.isRefusing, "only a check decides")
        limiter.check()
        #expect(limiter.isRefusing)
        resident.value -= 1
        limiter.check()
        #expect(!limiter.isRefusing)
    }

    @Test func otherLimitsHoldAtOnce() {
        let resident = Box(80 * Self.mebibyte)
        let limiter = limiter(resident)
        limiter.check()
        #expect(!limiter.isRefusing)
        var configuration = MemoryLimiterConfiguration()
        configuration.limitBytes = 64 * Self.mebibyte
        configuration.spikeBytes = 0
        configuration.checkInterval = .seconds(7)
        limiter.use(configuration)
        #expect(limiter.isRefusing)
        #expect(limiter.checkInterval == .seconds(7))
    }

    /// In MiB: the limit, the largest request, what all may hold.
    private static let shares: [[Int]] = [[1_024, 20, 128], [8_192, 20, 128], [64, 4, 8], [64, 20, 40]]

    @Test(arguments: shares) func requestsMayHoldAShareOfTheMemory(_ share: [Int]) {
        var configuration = MemoryLimiterConfiguration()
        configuration.limitBytes = share[0] * Self.mebibyte
        let bytes = configuration.requestBytesMax(largestRequest: share[1] * Self.mebibyte)
        #expect(bytes == share[2] * Self.mebibyte)
    }

    @Test func thisProcessHoldsSomeMemoryAndTime() {
        #expect(ProcessStatistics.residentBytes() > Self.mebibyte)
        #expect(ProcessStatistics.cpuSeconds() > 0)
    }
}
