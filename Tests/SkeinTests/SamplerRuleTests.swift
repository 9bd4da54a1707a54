import OTLP
import Skein
import SkeinTesting
import Synchronization
import Testing
import Tracing

/// A clock that stands still until it is moved.
final class ManualClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (a: Instant, b: Instant) -> Bool { a.offset < b.offset }
    }

    private let time = Mutex(Duration.seconds(1_000_000))
    var now: Instant { Instant(offset: time.withLock { $0 }) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func advance(by duration: Duration) { time.withLock { $0 += duration } }
    func sleep(until deadline: Instant, tolerance: Duration?) async throws {}
}

@Suite struct RateLimitedSamplerTests {
    private let clock = ManualClock()

    private func taken(_ sampler: RateLimitedSampler, of count: Int) -> Int {
        (0..<count).filter { _ in sampler.shouldSample(.root("x")).isSampled }.count
    }

    @Test func burstIsOneSecondsWorthAndThenTokensComeInEvenly() {
        let sampler = RateLimitedSampler(spansPerSecond: 10, clock: clock)
        #expect(taken(sampler, of: 100) == 10)
        clock.advance(by: .milliseconds(99))
        #expect(taken(sampler, of: 100) == 0)
        clock.advance(by: .milliseconds(1))
        #expect(taken(sampler, of: 100) == 1)
        clock.advance(by: .milliseconds(550))
        #expect(taken(sampler, of: 100) == 5)
        clock.advance(by: .milliseconds(50))
        #expect(taken(sampler, of: 100) == 1)
        clock.advance(by: .seconds(3_600))
        #expect(taken(sampler, of: 100) == 10)
    }

    @Test func slowRateAndOwnBurstAreKept() {
        let slow = RateLimitedSampler(spansPerSecond: 0.1, clock: clock)
        let bursty = RateLimitedSampler(spansPerSecond: 1, burst: 5, clock: clock)
        #expect(taken(slow, of: 10) == 1 && taken(bursty, of: 10) == 5)
        clock.advance(by: .seconds(9))
        #expect(taken(slow, of: 10) == 0 && taken(bursty, of: 10) == 5)
        clock.advance(by: .seconds(1))
        #expect(taken(slow, of: 10) == 1 && taken(bursty, of: 10) == 1)
    }

    @Test(
        arguments: [
            (0.0, 0), (-1.0, 0), (.nan, 0), (.infinity, 100), (1e300, 100), (1e-300, 1), (.leastNonzeroMagnitude, 1),
        ])
    func oddRatesAreSafe(_ rate: Double, _ expected: Int) {
        let sampler = RateLimitedSampler(spansPerSecond: rate, clock: clock)
        #expect(taken(sampler, of: 100) == expected)
        #expect(
            taken(RateLimitedSampler(spansPerSecond: rate, burst: .max, clock: clock), of: 100) == (rate > 0 ? 100 : 0))
        #expect(taken(RateLimitedSampler(spansPerSecond: rate, burst: .min, clock: clock), of: 1) == min(expected, 1))
    }

    @Test func threadsTogetherGetNoMoreThanTheBurst() async {
        let sampler = RateLimitedSampler(spansPerSecond: 1_000, clock: clock)
        let total = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    (0..<5_000).filter { _ in sampler.shouldSample(.root("x")).isSampled }.count
                }
            }
            return await group.reduce(0, +)
        }
        #expect(total == 1_000)
    }

    @Test func thresholdOfTheTraceStateIsRemovedAndTheRestStays() throws {
        let state = try #require(TraceState(header: "a=1,ot=th:8;rv:00000000000000"))
        let parent = SpanContext(
            traceID: TraceID(high: 1, low: 1), spanID: SpanID(1), flags: .sampled, traceState: state)
        let result = RateLimitedSampler(spansPerSecond: 1, clock: clock).shouldSample(
            SamplingParameters(parent: parent, traceID: parent.traceID, name: "x", kind: .server))
        #expect(result.isSampled && result.traceState.header == "ot=rv:00000000000000,a=1")
    }
}

extension SamplingParameters {
    static func root(_ name: String, kind: SpanKind = .internal, attributes: SpanAttributes = [:]) -> Self {
        SamplingParameters(
            parent: nil, traceID: TraceID(high: 1, low: 1), name: name, kind: kind, attributes: attributes)
    }
}

@Suite struct RuleBasedSamplerTests {
    /// Whether a rule with these conditions picks a span.
    private func fits(_ rule: SamplingRule, _ parameters: SamplingParameters) -> Bool {
        RuleBasedSampler(rules: [rule], fallback: AlwaysOffSampler()).shouldSample(parameters).isSampled
    }

    @Test(
        arguments: [
            ("chat", "chat", true), ("chat", "chat gpt", false), ("chat", "Chat", false), ("", "", true),
            ("", "x", false),
            ("*", "", true), ("*", "anything", true), ("**", "x", true), ("chat *", "chat x", true),
            ("chat *", "chat", false), ("chat*", "chat", true), ("*/health", "GET /health", true),
            ("*/health", "GET /healthy", false), ("GET */users/*", "GET /v1/users/7", true),
            ("GET */users/*", "GET /v1/user/7", false), ("*a*b*", "xxaxxbxx", true), ("*a*b*", "xxbxxaxx", false),
            ("*ab", "aab", true), ("a*a", "a", false), ("*é*", "café!", true), ("a*b*c", "abbbcbc", true),
        ])
    func nameIsExactOrHasStars(_ pattern: String, _ name: String, _ isFit: Bool) {
        #expect(fits(SamplingRule(name: pattern, sampler: AlwaysOnSampler()), .root(name)) == isFit)
    }

    @Test func starsTakeBoundedTime() {
        let rule = SamplingRule(name: String(repeating: "*a", count: 200) + "b", sampler: AlwaysOnSampler())
        #expect(!fits(rule, .root(String(repeating: "a", count: 5_000))))
    }

    @Test(
        arguments: [
            (["tenant": "acme"], ["tenant": "acme"], true), (["tenant": "acme"], ["tenant": "other"], false),
            (["tenant": "acme"], [:], false), (["tenant": "ac*"], ["tenant": "acme"], true),
            (["n": .int64(5)], ["n": .int32(5)], true), (["n": .int64(5)], ["n": .int64(6)], false),
            (["n": .int64(5)], ["n": "5"], false), (["n": "5"], ["n": .int64(5)], false),
            (["b": true], ["b": true], true),
            (["d": 1.5], ["d": 1.5], true), (["a": 1, "b": 2], ["a": 1, "b": 2, "c": 3], true),
            (["a": 1, "b": 2], ["a": 1], false), (["l": .stringArray(["x"])], ["l": .stringArray(["x"])], true),
        ] as [(SpanAttributes, SpanAttributes, Bool)])
    func attributesAllHaveToBeEqual(_ conditions: SpanAttributes, _ attributes: SpanAttributes, _ isFit: Bool) {
        let rule = SamplingRule(attributes: conditions, sampler: AlwaysOnSampler())
        #expect(fits(rule, .root("x", attributes: attributes)) == isFit)
    }

    @Test func kindAndNameAndAttributesHoldTogether() {
        let rule = SamplingRule(name: "a*", kind: .server, attributes: ["x": 1], sampler: AlwaysOnSampler())
        #expect(fits(rule, .root("ab", kind: .server, attributes: ["x": 1])))
        #expect(!fits(rule, .root("ab", kind: .client, attributes: ["x": 1])))
        #expect(!fits(rule, .root("b", kind: .server, attributes: ["x": 1])))
        #expect(!fits(rule, .root("ab", kind: .server)))
        #expect(fits(SamplingRule(sampler: AlwaysOnSampler()), .root("any")))
    }

    @Test func firstRuleThatFitsDecidesAndElseTheFallback() {
        let sampler = RuleBasedSampler(
            rules: [
                SamplingRule(name: "GET /health", sampler: AlwaysOffSampler()),
                SamplingRule(name: "GET *", sampler: AlwaysOnSampler()),
                SamplingRule(name: "GET /users", sampler: AlwaysOffSampler()),
            ], fallback: AlwaysOffSampler())
        #expect(!sampler.shouldSample(.root("GET /health")).isSampled)
        #expect(sampler.shouldSample(.root("GET /users")).isSampled)
        #expect(!sampler.shouldSample(.root("POST /users")).isSampled)
    }

    @Test func rulesSeeAttributesOfTheStartAndOfBaggage() {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer { configuration in
            configuration.baggageAttributes = ["tenant"]
            configuration.sampler = RuleBasedSampler(
                rules: [
                    SamplingRule(attributes: ["tenant": "acme"], sampler: AlwaysOnSampler()),
                    SamplingRule(attributes: ["debug": true], sampler: AlwaysOnSampler()),
                    SamplingRule(attributes: ["secret": "*"], sampler: AlwaysOnSampler()),
                ], fallback: AlwaysOffSampler())
        }
        func context(_ key: String, _ value: String) -> ServiceContext {
            var context = ServiceContext.topLevel
            context.baggage = Baggage()
            context.baggage?[key] = value
            return context
        }
        tracer.withSpan("of baggage", context: context("tenant", "acme")) { _ in }
        tracer.withSpan("of other baggage", context: context("tenant", "other")) { _ in }
        tracer.withSpan("of baggage off the list", context: context("secret", "x")) { _ in }
        tracer.withSpan("given", attributes: ["debug": true], context: .topLevel) { _ in }
        tracer.withSpan("set too late", context: .topLevel) { $0.attributes["debug"] = true }
        tracer.startSpan("given over baggage", attributes: ["tenant": "other"], context: context("tenant", "acme"))
            .end()
        #expect(exporter.spans.map(\.name) == ["of baggage", "given"])
    }
}

@Suite struct ParentBasedSamplerTests {
    private func parameters(_ isRemote: Bool, _ isSampled: Bool) -> SamplingParameters {
        let parent = SpanContext(
            traceID: TraceID(high: 1, low: 2), spanID: SpanID(3), flags: isSampled ? .sampled : [],
            traceState: TraceState(header: "a=1") ?? TraceState(), isRemote: isRemote)
        return SamplingParameters(parent: parent, traceID: parent.traceID, name: "x", kind: .server)
    }

    @Test(arguments: [true, false], [true, false])
    func everyKindOfParentHasItsDelegate(_ isRemote: Bool, _ isSampled: Bool) {
        func sampler(_ chosen: (Bool, Bool)?) -> ParentBasedSampler {
            func pick(_ remote: Bool, _ sampled: Bool) -> any Sampler {
                let isChosen = chosen.map { $0 == (remote, sampled) } ?? false
                return isChosen ? AlwaysOnSampler() : AlwaysOffSampler()
            }
            return ParentBasedSampler(
                root: chosen == nil ? AlwaysOnSampler() : AlwaysOffSampler(), remoteParentSampled: pick(true, true),
                remoteParentNotSampled: pick(true, false), localParentSampled: pick(false, true),
                localParentNotSampled: pick(false, false))
        }
        let asked = parameters(isRemote, isSampled)
        let result = sampler((isRemote, isSampled)).shouldSample(asked)
        #expect(result.isSampled && result.traceState.header == "a=1")
        #expect(!sampler((!isRemote, isSampled)).shouldSample(asked).isSampled)
        #expect(!sampler((isRemote, !isSampled)).shouldSample(asked).isSampled)
        #expect(!sampler(nil).shouldSample(asked).isSampled)
        #expect(sampler(nil).shouldSample(.root("x")).isSampled)
        #expect(!sampler((isRemote, isSampled)).shouldSample(.root("x")).isSampled)
    }

    @Test(arguments: [true, false])
    func decisionWithoutAParentCountsAsARemoteParents(_ decision: Bool) {
        let asked = SamplingParameters(
            parent: nil, traceID: TraceID(high: 1, low: 1), name: "x", kind: .server, remoteDecision: decision)
        for root in [AlwaysOnSampler(), AlwaysOffSampler()] as [any Sampler] {
            #expect(ParentBasedSampler(root: root).shouldSample(asked).isSampled == decision)
        }
    }

    @Test func localChildOfARemoteParentAsksTheLocalDelegate() {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer {
            $0.sampler = ParentBasedSampler(
                root: AlwaysOffSampler(), remoteParentSampled: AlwaysOnSampler(), localParentSampled: AlwaysOffSampler()
            )
        }
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": TraceContextTests.valid], into: &context, using: HeaderExtractor())
        tracer.withSpan("server", context: context) { _ in tracer.withSpan("inside") { _ in } }
        #expect(exporter.spans.map(\.name) == ["server"])
    }

    private struct Own: Sampler {
        func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
            SamplingResult(isSampled: true, traceState: parameters.traceState)
        }
    }

    @Test func descriptionsNameTheSettings() {
        let sampler = ParentBasedSampler(
            root: RuleBasedSampler(
                rules: [SamplingRule(name: "x", sampler: TraceIDRatioSampler(ratio: 0.25))],
                fallback: RateLimitedSampler(spansPerSecond: 100)))
        #expect(
            sampler.description == "ParentBasedSampler(root: RuleBasedSampler([TraceIDRatioSampler(0.25)], "
                + "fallback: RateLimitedSampler(100.0/s, burst 100)), remoteParentSampled: AlwaysOnSampler, "
                + "remoteParentNotSampled: AlwaysOffSampler, localParentSampled: AlwaysOnSampler, "
                + "localParentNotSampled: AlwaysOffSampler)")
        #expect(Own().description == "Own")
    }
}
