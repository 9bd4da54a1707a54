import OTLP
import Synchronization

/// Makes the ids of traces and spans. Called for every span, from any thread.
public protocol IDGenerator: Sendable {
    /// A trace id other than zero whose low 56 bits are evenly distributed.
    func nextTraceID() -> TraceID
    /// A span id other than zero.
    func nextSpanID() -> SpanID
    /// Whether the low 56 bits of every trace id are random, so that all services can sample by them. New traces then
    /// carry the random flag of Trace Context level 2. Asked once; true unless a generator says otherwise.
    var makesRandomTraceIDs: Bool { get }
}

extension IDGenerator {
    /// True.
    public var makesRandomTraceIDs: Bool { true }
}

/// Ids from SplitMix64 over counters that are seeded once: no lock and no system call.
///
/// Threads that run at the same time have counters of their own, with seeds of their own. Two ids are the same only by
/// chance, among 2^128 trace ids and 2^64 span ids. A child of `fork` seeds its counters anew.
///
/// Unchecked because the seeds change only right after a fork, when there is one thread.
public final class RandomIDGenerator: IDGenerator, @unchecked Sendable {
    /// The counters of the threads of one stripe, on cache lines of their own.
    private struct Lane: ~Copyable {
        var seeds: Seeds
        let count = Atomic<UInt64>(0)
        private let padding:
            (
                UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
                UInt64
            ) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

        init(_ source: inout some RandomNumberGenerator) {
            seeds = Seeds(&source)
        }

        /// A number that the lane has not given before: one read-modify-write a span.
        @inline(__always)
        borrowing func step() -> UInt64 {
            count.wrappingAdd(RandomIDGenerator.increment, ordering: .relaxed).newValue
        }
    }

    /// Where the streams of a lane begin: the two halves of trace ids, and span ids.
    private struct Seeds {
        let traceHigh: UInt64
        let traceLow: UInt64
        let span: UInt64

        init(_ source: inout some RandomNumberGenerator) {
            traceHigh = source.next()
            traceLow = source.next()
            span = source.next()
        }

        @inline(__always)
        func traceID(_ step: UInt64) -> TraceID {
            TraceID(high: mix(traceHigh &+ step), low: mix(traceLow &+ step))
        }

        @inline(__always)
        func spanID(_ step: UInt64) -> SpanID { SpanID(mix(span &+ step)) }
    }

    /// SplitMix64's increment: odd, so that the counter takes all 2^64 values before it repeats.
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private let lanes: UnsafeMutablePointer<Lane>
    private let laneCount: Int

    /// A generator seeded by the system.
    public init() {
        var system = SystemRandomNumberGenerator()
        laneCount = ThreadStripe.count
        lanes = .allocate(capacity: laneCount)
        for index in 0..<laneCount { (lanes + index).initialize(to: Lane(&system)) }
        ForkWatch.add(self)
    }

    /// A generator seeded by `source`, for repeatable ids: all threads share its counters.
    public init(using source: inout some RandomNumberGenerator) {
        laneCount = 1
        lanes = .allocate(capacity: 1)
        lanes.initialize(to: Lane(&source))
    }

    deinit {
        ForkWatch.remove(self)
        lanes.deinitialize(count: laneCount)
        lanes.deallocate()
    }

    @inline(__always)
    private var lane: UnsafeMutablePointer<Lane> {
        laneCount == 1 ? lanes : lanes + ThreadStripe.current
    }

    /// 128 bits from two streams.
    public func nextTraceID() -> TraceID {
        let lane = lane
        while true {
            let id = lane.pointee.seeds.traceID(lane.pointee.step())
            if id.isValid { return id }
        }
    }

    /// 64 bits from one stream.
    public func nextSpanID() -> SpanID {
        let lane = lane
        while true {
            let id = lane.pointee.seeds.spanID(lane.pointee.step())
            if id.isValid { return id }
        }
    }

    /// The ids of a new trace and of its first span, at the price of one of them.
    @inline(__always)
    func nextTrace() -> (traceID: TraceID, spanID: SpanID) {
        let lane = lane
        while true {
            let step = lane.pointee.step()
            let ids = (lane.pointee.seeds.traceID(step), lane.pointee.seeds.spanID(step))
            if ids.0.isValid, ids.1.isValid { return ids }
        }
    }
}

/// SplitMix64's finalizer: a bijection, so different counts give different ids.
@inline(__always)
private func mix(_ value: UInt64) -> UInt64 {
    var value = value
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
}

extension RandomIDGenerator: ForkAware {
    func didFork() {
        var system = SystemRandomNumberGenerator()
        for index in 0..<laneCount { lanes[index].seeds = Seeds(&system) }
    }
}
