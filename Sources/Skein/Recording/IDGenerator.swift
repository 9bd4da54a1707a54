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

/// Ids from SplitMix64 over counters that are seeded once: no lock, no system call and no repetition in a process.
///
/// Two processes meet in a trace id only when both of its 64-bit streams do, that is, by chance among 2^128.
public final class RandomIDGenerator: IDGenerator {
    /// SplitMix64's increment: odd, so that the counter takes all 2^64 values before it repeats.
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private let traceSeeds: (high: UInt64, low: UInt64)
    private let traceCount = Atomic<UInt64>(0)
    private let spanCount: Atomic<UInt64>

    /// A generator seeded by the system.
    public convenience init() {
        var system = SystemRandomNumberGenerator()
        self.init(using: &system)
    }

    /// A generator seeded by `source`, for repeatable ids.
    public init(using source: inout some RandomNumberGenerator) {
        traceSeeds = (source.next(), source.next())
        spanCount = Atomic(source.next())
    }

    /// 128 bits from two streams.
    public func nextTraceID() -> TraceID {
        while true {
            let step = traceCount.wrappingAdd(Self.increment, ordering: .relaxed).newValue
            let id = TraceID(high: Self.mix(traceSeeds.high &+ step), low: Self.mix(traceSeeds.low &+ step))
            if id.isValid { return id }
        }
    }

    /// 64 bits from one stream.
    public func nextSpanID() -> SpanID {
        while true {
            let id = SpanID(Self.mix(spanCount.wrappingAdd(Self.increment, ordering: .relaxed).newValue))
            if id.isValid { return id }
        }
    }

    /// SplitMix64's finalizer: a bijection, so different counts give different ids.
    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
