import OTLP
import Skein
import SkeinTesting
import Testing
import Tracing

@Suite struct SamplerTests {
    private func parameters(_ low: UInt64, state: String = "") -> SamplingParameters {
        let traceID = TraceID(high: 1, low: low)
        let parent = SpanContext(
            traceID: traceID, spanID: SpanID(1), flags: [], traceState: TraceState(header: state) ?? TraceState())
        return SamplingParameters(parent: state.isEmpty ? nil : parent, traceID: traceID, name: "x", kind: .internal)
    }

    @Test(arguments: [
        (1.0, "ot=th:0"), (0.5, "ot=th:8"), (0.25, "ot=th:c"), (0.125, "ot=th:e"), (0.75, "ot=th:4"),
    ])
    func thresholdIsNotedInTheTraceState(_ ratio: Double, _ state: String) {
        let result = TraceIDRatioSampler(ratio: ratio).shouldSample(parameters(.max))
        #expect(result.isSampled)
        #expect(result.traceState.header == state)
    }

    @Test func boundaryOfTheThresholdIsSampled() {
        let half = TraceIDRatioSampler(ratio: 0.5)
        #expect(half.shouldSample(parameters(0x80_0000_0000_0000)).isSampled)
        #expect(!half.shouldSample(parameters(0x7F_FFFF_FFFF_FFFF)).isSampled)
        // The top 8 bits of the low half are no part of the randomness.
        #expect(!half.shouldSample(parameters(0xFF7F_FFFF_FFFF_FFFF)).isSampled)
    }

    @Test func nothingAndEverythingAndNonsenseAreSafe() {
        #expect(!TraceIDRatioSampler(ratio: 0).shouldSample(parameters(.max)).isSampled)
        #expect(!TraceIDRatioSampler(ratio: -3).shouldSample(parameters(.max)).isSampled)
        for ratio in [1.0, 7, .infinity, .nan] {
            #expect(TraceIDRatioSampler(ratio: ratio).shouldSample(parameters(0)).isSampled)
        }
    }

    @Test func smallerShareIsASubsetOfTheLarger() {
        let ids = RandomIDGenerator()
        let (small, large) = (TraceIDRatioSampler(ratio: 0.1), TraceIDRatioSampler(ratio: 0.3))
        var counts = (small: 0, large: 0, onlySmall: 0)
        for _ in 0..<20_000 {
            let one = SamplingParameters(parent: nil, traceID: ids.nextTraceID(), name: "x", kind: .internal)
            let isInSmall = small.shouldSample(one).isSampled
            let isInLarge = large.shouldSample(one).isSampled
            counts.onlySmall += isInSmall && !isInLarge ? 1 : 0
            counts.small += isInSmall ? 1 : 0
            counts.large += isInLarge ? 1 : 0
        }
        #expect(counts.onlySmall == 0)
        // Ten standard deviations to each side.
        #expect((1_576...2_424).contains(counts.small))
        #expect((5_352...6_648).contains(counts.large))
    }

    @Test func explicitRandomnessWinsAndOtherEntriesStay() {
        let half = TraceIDRatioSampler(ratio: 0.5)
        let kept = half.shouldSample(parameters(0, state: "ot=rv:80000000000000;x:y,a=1"))
        #expect(kept.isSampled)
        #expect(kept.traceState.header == "ot=th:8;rv:80000000000000;x:y,a=1")
        let dropped = half.shouldSample(parameters(.max, state: "a=1,ot=th:0;rv:7fffffffffffff"))
        #expect(!dropped.isSampled)
        #expect(dropped.traceState.header == "ot=rv:7fffffffffffff,a=1")
        // Malformed randomness is no randomness.
        #expect(half.shouldSample(parameters(.max, state: "ot=rv:00")).isSampled)
    }

    @Test(arguments: [true, false], [true, false])
    func parentDecides(_ isSampled: Bool, _ isRemote: Bool) {
        let parent = SpanContext(
            traceID: TraceID(high: 1, low: 2), spanID: SpanID(3), flags: isSampled ? .sampled : [],
            traceState: TraceState(header: "ot=th:8,a=1") ?? TraceState(), isRemote: isRemote)
        let asked = SamplingParameters(parent: parent, traceID: parent.traceID, name: "x", kind: .server)
        for root in [AlwaysOnSampler(), AlwaysOffSampler()] as [any Sampler] {
            let result = ParentBasedSampler(root: root).shouldSample(asked)
            #expect(result.isSampled == isSampled)
            #expect(result.traceState == parent.traceState)
        }
        #expect(AlwaysOnSampler().shouldSample(asked).isSampled)
        #expect(!AlwaysOffSampler().shouldSample(asked).isSampled)
    }

    @Test func idsAreDistinctAndRepeatableFromASeed() {
        struct Counter: RandomNumberGenerator {
            var value: UInt64 = 0
            mutating func next() -> UInt64 {
                value += 1
                return value
            }
        }
        var (one, two) = (Counter(), Counter())
        let (first, second) = (RandomIDGenerator(using: &one), RandomIDGenerator(using: &two))
        var traces: Set<TraceID> = []
        var spans: Set<SpanID> = []
        var differences = 0
        for _ in 0..<10_000 {
            let (trace, span) = (first.nextTraceID(), first.nextSpanID())
            differences += trace == second.nextTraceID() && span == second.nextSpanID() ? 0 : 1
            traces.insert(trace)
            spans.insert(span)
        }
        #expect(traces.count == 10_000 && spans.count == 10_000 && differences == 0)
    }
}
