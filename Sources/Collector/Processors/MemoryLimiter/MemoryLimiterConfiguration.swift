/// `processors.memory_limiter`, with the keys of the OpenTelemetry Collector.
package struct MemoryLimiterConfiguration: Sendable, Equatable {
    /// How often the resident size is read.
    package var checkInterval = Duration.seconds(1)
    /// Bytes of resident memory that are too many. The collector is built to stay under 256 MiB, so that 1 GiB is
    /// reached only when something is wrong; past it memory is given back to the system as far as possible.
    package var limitBytes = 1 << 30
    /// Bytes below ``limitBytes`` at which requests are refused with a retryable answer.
    package var spikeBytes = (1 << 30) / 5

    package var softLimitBytes: Int { limitBytes - spikeBytes }

    /// The most that ``requestBytesMax(largestRequest:)`` is for the sake of memory: 128 MiB, half of what the collector
    /// is built to stay under.
    private static let requestBytesMax = 128 << 20

    /// Bytes that all requests under way may hold together, bodies as they came and decompressed: an eighth of
    /// ``limitBytes``, at most 128 MiB. Past it a request is refused with a retryable answer.
    ///
    /// - Parameter largestRequest: bytes of the largest request a receiver takes; two of them always fit, as one that is
    ///   alone must not be asked to come again for ever.
    package func requestBytesMax(largestRequest: Int) -> Int {
        max(min(limitBytes / 8, Self.requestBytesMax), 2 * largestRequest)
    }

    package init() {}

    package init(_ section: ConfigurationSection) {
        checkInterval = section.duration(
            "check_interval", default: checkInterval, in: .milliseconds(10) ... .seconds(60))
        let limit = section.integer("limit_mib", default: limitBytes >> 20, in: 64...(1 << 20))
        let spike = section.integer("spike_limit_mib", default: limit / 5, in: 0...(1 << 20))
        if spike >= limit {
            section.fail("spike_limit_mib", "\(spike) is not valid, expected less than limit_mib (\(limit))")
        }
        limitBytes = limit << 20
        spikeBytes = min(spike, limit - 1) << 20
        section.end()
    }
}
