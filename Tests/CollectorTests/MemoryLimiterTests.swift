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

    @Test func thisProcessHoldsSomeMemoryAndTime() {
        #expect(ProcessStatistics.residentBytes() > Self.mebibyte)
        #expect(ProcessStatistics.cpuSeconds() > 0)
    }
}
