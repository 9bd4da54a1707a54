import ServiceContextModule
import Skein
import SkeinAgents
import SkeinTesting
import Synchronization
import Testing
import Tracing

@Suite struct RetryTests {
    private struct Failure: ErrorTypeProviding, ErrorClassifying, Equatable {
        var errorClass: ErrorClass
        var retryAfter: Duration?
        var errorType: String { errorClass.rawValue }
    }

    private struct Foreign: Error {}

    /// A policy whose pauses are noted instead of waited for.
    private final class Pauses: Sendable {
        let lengths = Mutex<[Duration]>([])
        let time = ManualClock()

        func policy(_ change: (inout RetryPolicy) -> Void = { _ in }) -> RetryPolicy {
            var policy = RetryPolicy(attemptsMax: 4, pauseMin: .seconds(1), pauseMax: .seconds(3), jitter: .none)
            policy.sleep = { pause in
                self.lengths.withLock { $0.append(pause) }
                self.time.advance(by: pause)
            }
            policy.random = { 0.5 }
            policy.clock = time.clock
            change(&policy)
            return policy
        }

        var seconds: [Double] { lengths.withLock { $0.map { $0 / .seconds(1) } } }
    }

    private let pauses = Pauses()

    @Test func attemptsAndPausesAreVisibleInTheTrace() async throws {
        let spans = try await spansOnBothTracers { tracer in
            let answer = try await withModelCall(ModelRequest(model: "m", provider: "p"), tracer: tracer) { call in
                try await withRetry(pauses.policy(), recordingOn: call.span, tracer: tracer) { attempt in
                    if attempt.number < 3 { throw Failure(errorClass: .rateLimit) }
                    return attempt.number
                }
            }
            #expect(answer == 3)
        }
        let call = try spans.only("chat m")
        #expect(call.status == .unset)
        #expect(call.attributes["skein.retry.attempt_count"] == .int(3))
        #expect(call.attributes["skein.retry.stop_reason"] == nil)
        #expect(call.events.map(\.name) == ["retry", "retry"])
        #expect(
            call.events.map(\.attributes)
                == [(1, 1_000), (2, 2_000)].map { attempt, milliseconds in
                    [
                        "error.type": .string("rate_limit"), "skein.error_class": .string("rate_limit"),
                        "skein.retry.attempt": .int(attempt), "skein.retry.pause_ms": .double(milliseconds),
                    ]
                })
        let attempts = spans.filter { $0.name == "attempt" }
        #expect(attempts.map { $0.attributes["skein.retry.attempt"] } == [.int(1), .int(2), .int(3)])
        #expect(
            attempts.map(\.status) == [
                .error("\(Failure(errorClass: .rateLimit))"), .error("\(Failure(errorClass: .rateLimit))"), .unset,
            ])
        #expect(attempts.map(\.kind) == [.internal, .internal, .internal])
        #expect(attempts[0].attributes["skein.error_class"] == .string("rate_limit"))
    }

    /// What the caller put into the context is there in the attempts, whatever span they are children of.
    @Test func attemptsKeepTheContextAroundThem() async throws {
        enum TenantKey: ServiceContextKey {
            typealias Value = String
        }
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        let outer = tracer.startSpan("outer", context: .topLevel)
        let other = tracer.startSpan("other", context: .topLevel)
        var context = other.context
        context[TenantKey.self] = "t1"
        let seen = try await ServiceContext.$current.withValue(context) {
            try await withRetry(pauses.policy(), recordingOn: outer, tracer: tracer) { _ in
                ServiceContext.current?[TenantKey.self]
            }
        }
        #expect(seen == "t1")
        outer.end()
        #expect(try exporter.spans.only("attempt").parentSpanID == exporter.spans.only("outer").spanID)
    }

    @Test func attemptsAreChildrenOfTheirOwnSpanWhereNoneIsGiven() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        await #expect(throws: Failure(errorClass: .invalid)) {
            try await withAttribution(user: "u1") {
                try await withRetry(pauses.policy(), name: "ask", tracer: tracer) { _ in
                    throw Failure(errorClass: .invalid)
                }
            }
        }
        let around = try exporter.spans.only("ask")
        let attempt = try exporter.spans.only("attempt")
        #expect(attempt.parentSpanID == around.spanID && around.kind == .internal)
        #expect(attempt.attributes["user.id"] == .string("u1"))
        #expect(around.attributes["skein.retry.stop_reason"] == .string("not_retryable"))
        #expect(around.attributes["skein.retry.attempt_count"] == .int(1))
        #expect(around.status == .error("\(Failure(errorClass: .invalid))"))
    }

    @Test(arguments: [
        (ErrorClass.rateLimit, 4, "attempts_exhausted"), (.network, 4, "attempts_exhausted"),
        (.unavailable, 4, "attempts_exhausted"), (.authentication, 1, "not_retryable"), (.invalid, 1, "not_retryable"),
        (.unknown, 1, "not_retryable"), (.cancelled, 1, "cancelled"),
    ])
    func theClassDecides(_ errorClass: ErrorClass, _ attempts: Int, _ reason: String) async throws {
        let exporter = InMemorySpanExporter()
        await #expect(throws: Failure(errorClass: errorClass)) {
            try await withRetry(pauses.policy(), tracer: exporter.tracer()) { _ in
                throw Failure(errorClass: errorClass)
            }
        }
        let around = try exporter.spans.only("retry")
        #expect(around.attributes["skein.retry.attempt_count"] == .int(Int64(attempts)))
        #expect(around.attributes["skein.retry.stop_reason"] == .string(reason))
        #expect(pauses.seconds == [1, 2, 3].prefix(attempts - 1).map(Double.init))
    }

    @Test func aForeignErrorIsClassifiedByThePolicy() async throws {
        let policy = pauses.policy { policy in
            policy.classify = { $0 is Foreign ? .network : nil }
        }
        let answer = try await withRetry(policy, tracer: InMemorySpanExporter().tracer()) { attempt in
            if attempt.number == 1 { throw Foreign() }
            return attempt.number
        }
        #expect(answer == 2)
    }

    @Test func jitterShortensPausesAsItIsTold() async throws {
        for (jitter, expected) in [(RetryPolicy.Jitter.full, [0.5, 1]), (.equal, [0.75, 1.5]), (.none, [1, 2])] {
            let pauses = Pauses()
            _ = try await withRetry(pauses.policy { $0.jitter = jitter }, tracer: InMemorySpanExporter().tracer()) {
                if $0.number < 3 { throw Failure(errorClass: .network) }
            }
            #expect(pauses.seconds == expected, "\(jitter)")
        }
    }

    @Test func whatTheServerAsksForIsWaitedForInFull() async throws {
        _ = try await withRetry(pauses.policy { $0.jitter = .full }, tracer: InMemorySpanExporter().tracer()) {
            if $0.number == 1 { throw Failure(errorClass: .rateLimit, retryAfter: .seconds(20)) }
            if $0.number == 2 { throw Failure(errorClass: .rateLimit, retryAfter: .milliseconds(1)) }
        }
        #expect(pauses.seconds == [20, 1])
    }

    @Test func aServerThatAsksForTooMuchIsNotWaitedFor() async throws {
        let exporter = InMemorySpanExporter()
        await #expect(throws: Failure.self) {
            try await withRetry(pauses.policy(), tracer: exporter.tracer()) { _ in
                throw Failure(errorClass: .rateLimit, retryAfter: .seconds(61))
            }
        }
        #expect(pauses.seconds.isEmpty)
        let around = try exporter.spans.only("retry")
        #expect(around.attributes["skein.retry.stop_reason"] == .string("retry_after_too_long"))
    }

    @Test func noAttemptBeginsAfterTheTimeIsUp() async throws {
        let exporter = InMemorySpanExporter()
        await #expect(throws: Failure.self) {
            try await withRetry(pauses.policy { $0.elapsedMax = .seconds(4) }, tracer: exporter.tracer()) { _ in
                throw Failure(errorClass: .network)
            }
        }
        #expect(pauses.seconds == [1, 2])
        let around = try exporter.spans.only("retry")
        #expect(around.attributes["skein.retry.stop_reason"] == .string("time_exhausted"))
        #expect(around.attributes["skein.retry.attempt_count"] == .int(3))
    }

    @Test func aPauseThatIsCancelledEndsTheAttempts() async throws {
        let exporter = InMemorySpanExporter()
        let policy = pauses.policy { $0.sleep = { _ in throw CancellationError() } }
        await #expect(throws: CancellationError.self) {
            try await withRetry(policy, tracer: exporter.tracer()) { _ in throw Failure(errorClass: .network) }
        }
        let around = try exporter.spans.only("retry")
        #expect(around.status == .unset && around.attributes["skein.cancelled"] == .bool(true))
        #expect(around.attributes["skein.retry.stop_reason"] == .string("cancelled"))
        #expect(around.attributes["skein.retry.attempt_count"] == .int(1))
    }

    @Test func aCancelledTaskMakesNoFurtherAttempt() async throws {
        let exporter = InMemorySpanExporter()
        let policy = pauses.policy()
        let tracer = exporter.tracer()
        let task = Task {
            try await withRetry(policy, tracer: tracer) { _ in
                withUnsafeCurrentTask { $0?.cancel() }
                throw Failure(errorClass: .network)
            }
        }
        await #expect(throws: Failure(errorClass: .network)) { try await task.value }
        #expect(pauses.seconds.isEmpty)
        #expect(try exporter.spans.only("retry").attributes["skein.retry.stop_reason"] == .string("cancelled"))
    }
}
