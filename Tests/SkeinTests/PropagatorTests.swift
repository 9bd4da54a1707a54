import OTLP
import Skein
import SkeinTesting
import Testing
import Tracing

@Suite struct PropagatorTests {
    static let long = "0af7651916cd43dd8448eb211c80319c"
    static let short = "8448eb211c80319c"
    static let span = "b7ad6b7169203331"

    private func tracer(_ propagators: [Propagator], _ sampler: (any Sampler)? = nil) -> SkeinTracer {
        InMemorySpanExporter().tracer { configuration in
            configuration.propagators = propagators
            if let sampler { configuration.sampler = sampler }
        }
    }

    private func extract(_ headers: [String: String], _ propagators: [Propagator]) -> ServiceContext {
        var context = ServiceContext.topLevel
        tracer(propagators).extract(headers, into: &context, using: HeaderExtractor())
        return context
    }

    private func inject(_ context: ServiceContext, _ propagators: [Propagator]) -> [String: String] {
        var headers: [String: String] = [:]
        tracer(propagators).inject(context, into: &headers, using: HeaderInjector())
        return headers
    }

    // MARK: B3

    enum State: Sendable {
        case notSampled
        case sampled
        case debug
        case deferred
    }

    private func state(_ span: SpanContext) -> State {
        span.isDeferred ? .deferred : span.isDebug ? .debug : span.isSampled ? .sampled : .notSampled
    }

    @Test(
        arguments: [
            (["b3": "\(long)-\(span)-1"], .sampled), (["b3": "\(long)-\(span)-0"], .notSampled),
            (["b3": "\(long)-\(span)-d"], .debug), (["b3": "\(long)-\(span)"], .deferred),
            (["b3": "\(long)-\(span)-1-\(span)"], .sampled), (["b3": " \(long.uppercased())-\(span)-1\t"], .sampled),
            (["x-b3-traceid": long, "x-b3-spanid": span, "x-b3-sampled": "1"], .sampled),
            (["x-b3-traceid": long, "x-b3-spanid": span.uppercased(), "x-b3-sampled": "true"], .sampled),
            (["X-B3-TraceId": long, "X-B3-SpanId": span, "X-B3-Sampled": "0"], .notSampled),
            (["x-b3-traceid": long, "x-b3-spanid": span, "x-b3-sampled": "False"], .notSampled),
            (["x-b3-traceid": long, "x-b3-spanid": span, "x-b3-flags": "1", "x-b3-sampled": "0"], .debug),
            (["x-b3-traceid": long, "x-b3-spanid": span, "x-b3-flags": "0"], .deferred),
            (["x-b3-traceid": long, "x-b3-spanid": span, "x-b3-parentspanid": span], .deferred),
            // The single header wins, unless it is malformed.
            (["b3": "\(long)-\(span)-0", "x-b3-traceid": short, "x-b3-spanid": span], .notSampled),
            (["b3": "?", "x-b3-traceid": long, "x-b3-spanid": span, "x-b3-sampled": "1"], .sampled),
        ] as [([String: String], State)])
    func b3IsReadInBothEncodings(_ headers: [String: String], _ expected: State) throws {
        for propagator in [Propagator.b3, .b3Multi] {
            let found = try #require(extract(headers, [propagator]).spanContext)
            #expect(found.traceID.hex == Self.long && found.spanID.hex == Self.span && found.isRemote)
            #expect(state(found) == expected)
        }
    }

    @Test(arguments: [
        ["b3": "\(short)-\(span)-1"], ["x-b3-traceid": short, "x-b3-spanid": span, "x-b3-sampled": "1"],
    ])
    func shortTraceIDOfB3IsPaddedAndGoesOutLong(_ headers: [String: String]) throws {
        let context = extract(headers, [.b3])
        #expect(context.spanContext?.traceID == TraceID(high: 0, low: 0x8448_eb21_1c80_319c))
        #expect(inject(context, [.b3]) == ["b3": "0000000000000000\(Self.short)-\(Self.span)-1"])
    }

    @Test(arguments: [
        ["b3": ""], ["b3": "2"], ["b3": "D"], ["b3": long], ["b3": "\(long)-"], ["b3": "\(long)-\(span)-"],
        ["b3": "\(long)-\(span)-2"], ["b3": "\(long)-\(span)-1-"], ["b3": "\(long)-\(span)-1-x"],
        ["b3": "\(long)-\(span)-1-\(span)-"], ["b3": "\(long)0-\(span)-1"], ["b3": "\(long.dropLast())-\(span)-1"],
        ["b3": "\(long)-\(span.dropLast())-1"], ["b3": "g\(long.dropFirst())-\(span)-1"],
        ["b3": "00000000000000000000000000000000-\(span)-1"], ["b3": "\(long)-0000000000000000-1"],
        ["b3": "\(long)-\(span)-1,\(long)-\(span)-1"],
        ["x-b3-traceid": long], ["x-b3-spanid": span], ["x-b3-traceid": long, "x-b3-spanid": "x", "x-b3-flags": "1"],
        ["x-b3-traceid": "", "x-b3-spanid": span], ["x-b3-traceid": long, "x-b3-spanid": span, "x-b3-sampled": "2"],
        ["x-b3-sampled": "yes"], ["x-b3-flags": "0"], [:],
    ])
    func malformedB3IsIgnored(_ headers: [String: String]) {
        for propagator in [Propagator.b3, .b3Multi] {
            let context = extract(headers, [propagator])
            #expect(context.spanContext == nil && context.isEmpty)
        }
    }

    @Test(
        arguments: [
            (["b3": "0"], false, "0", ["x-b3-sampled": "0"]), (["b3": "1"], true, "1", ["x-b3-sampled": "1"]),
            (["b3": "d"], true, "d", ["x-b3-flags": "1"]),
            (["x-b3-sampled": "0"], false, "0", ["x-b3-sampled": "0"]),
            (["x-b3-sampled": "true"], true, "1", ["x-b3-sampled": "1"]),
            (["x-b3-flags": "1"], true, "d", ["x-b3-flags": "1"]),
        ] as [([String: String], Bool, String, [String: String])])
    func decisionWithoutIDsHoldsForTheNextTrace(
        _ headers: [String: String], _ isSampled: Bool, _ single: String, _ multiple: [String: String]
    ) throws {
        let context = extract(headers, [.b3])
        #expect(context.spanContext == nil)
        // Without a span in between it is passed on as it is.
        #expect(inject(context, [.b3]) == ["b3": single])
        #expect(inject(context, [.b3Multi]) == multiple)
        // The sampler for new traces would say the opposite.
        let root: any Sampler = isSampled ? AlwaysOffSampler() : AlwaysOnSampler()
        let tracer = tracer([.b3], ParentBasedSampler(root: root))
        let span = tracer.startSpan("root", context: context)
        #expect(span.spanContext?.isSampled == isSampled && span.isRecording == isSampled)
        let child = tracer.startSpan("child", context: span.context)
        let made = try #require(child.spanContext)
        #expect(inject(child.context, [.b3]) == ["b3": "\(made.traceID.hex)-\(made.spanID.hex)-\(single)"])
        #expect(made.traceID == span.spanContext?.traceID)
    }

    @Test func debugTravelsOnThroughSpansAndIntoBothEncodings() throws {
        let context = extract(["b3": "\(Self.long)-\(Self.span)-d"], [.b3])
        let tracer = tracer([.b3])
        let span = tracer.startSpan("outer", context: context)
        let inner = tracer.startSpan("inner", context: span.context)
        let id = try #require(inner.spanContext?.spanID.hex)
        #expect(inner.isRecording)
        #expect(inject(inner.context, [.b3]) == ["b3": "\(Self.long)-\(id)-d"])
        #expect(
            inject(inner.context, [.b3Multi, .traceContext]) == [
                "x-b3-traceid": Self.long, "x-b3-spanid": id, "x-b3-flags": "1",
                "traceparent": "00-\(Self.long)-\(id)-01",
            ])
    }

    @Test(arguments: [true, false])
    func deferredDecisionIsMadeHereAndPassedOn(_ isSampled: Bool) throws {
        let context = extract(["b3": "\(Self.long)-\(Self.span)"], [.b3])
        #expect(inject(context, [.b3]) == ["b3": "\(Self.long)-\(Self.span)"])
        #expect(inject(context, [.b3Multi]) == ["x-b3-traceid": Self.long, "x-b3-spanid": Self.span])
        let tracer = tracer([.b3], ParentBasedSampler(root: isSampled ? AlwaysOnSampler() : AlwaysOffSampler()))
        let span = tracer.startSpan("here", context: context)
        #expect(span.isRecording == isSampled)
        let id = try #require(span.spanContext?.spanID.hex)
        #expect(inject(span.context, [.b3]) == ["b3": "\(Self.long)-\(id)-\(isSampled ? 1 : 0)"])
    }

    // MARK: Jaeger

    @Test(
        arguments: [
            ("\(long):\(span):0:1", long, .sampled), ("\(long):\(span):0:0", long, .notSampled),
            ("\(long):\(span):\(span):3", long, .debug), ("\(long):\(span):0:2", long, .debug),
            ("\(long.uppercased()):\(span):0:01", long, .sampled), (" \(long):\(span)::9 ", long, .sampled),
            ("\(long)%3A\(span)%3a0%3A1", long, .sampled),
            ("\(short):\(span):0:1", "0000000000000000\(short)", .sampled),
            ("1:\(span):0:1", "00000000000000000000000000000001", .sampled),
            ("af7651916cd43dd8448eb211c80319c:\(span):0:1", long, .sampled),
        ] as [(String, String, State)])
    func jaegerIsRead(_ header: String, _ traceID: String, _ expected: State) throws {
        let found = try #require(extract(["uber-trace-id": header], [.jaeger]).spanContext)
        #expect(found.traceID.hex == traceID && found.spanID.hex == Self.span && found.isRemote)
        #expect(state(found) == expected)
    }

    @Test(arguments: [
        "", ":::", "\(long):\(span):0", "\(long):\(span):0:1:1", "\(long):\(span):0:", "\(long):\(span):0:x",
        "\(long):\(span):0:001", "\(long)0:\(span):0:1", "\(long):\(span)0:0:1", "0:\(span):0:1", "\(long):0:0:1",
        "-1:\(span):0:1", "\(long):+1:0:1", "g:\(span):0:1", "\(long)%3\(span):0:1",
        String(repeating: "%3A", count: 1_000),
    ])
    func malformedJaegerIsIgnored(_ header: String) {
        let context = extract(["uber-trace-id": header], [.jaeger])
        #expect(context.spanContext == nil && context.isEmpty)
    }

    @Test func jaegerIsWrittenWithItsFlags() throws {
        for (incoming, outgoing) in [("0", "0"), ("1", "1"), ("3", "3"), ("2", "3")] {
            let context = extract(["uber-trace-id": "\(Self.long):\(Self.span):0:\(incoming)"], [.jaeger])
            #expect(
                inject(context, [.jaeger]) == ["uber-trace-id": "\(Self.long):\(Self.span):0:\(outgoing)"])
        }
    }

    @Test func jaegerDebugIDAsksForTheNextTrace() throws {
        let context = extract(["jaeger-debug-id": "ticket 7"], [.jaeger])
        let span = tracer([.jaeger], ParentBasedSampler(root: AlwaysOffSampler())).startSpan("root", context: context)
        #expect(span.isRecording)
        #expect(inject(span.context, [.jaeger])["uber-trace-id"]?.hasSuffix(":0:3") == true)
    }

    @Test func jaegerBaggageIsReadByItsNamesAndWrittenWhole() {
        let headers = [
            "uberctx-user": "al%20ice", "uberctx-other": "x", "jaeger-baggage": "a=1, b=2", "uberctx-bad": "%4",
        ]
        let named = extract(headers, [.jaeger(baggageKeys: ["user", "absent", "bad"])])
        #expect(named.baggage?.entries.map { "\($0.key)=\($0.value)" } == ["a=1", "b=2", "user=al ice"])
        #expect(inject(named, [.jaeger]) == ["uberctx-a": "1", "uberctx-b": "2", "uberctx-user": "al%20ice"])
        // What is copied to attributes is looked for as well.
        var context = ServiceContext.topLevel
        let tracer = InMemorySpanExporter().tracer { configuration in
            configuration.propagators = [.jaeger]
            configuration.baggageAttributes = ["other"]
        }
        tracer.extract(headers, into: &context, using: HeaderExtractor())
        #expect(context.baggage?["other"] == "x" && context.baggage?["user"] == nil)
    }

    // MARK: several formats

    private static let everything = [
        "traceparent": "00-\(long)-\(span)-01", "b3": "\(short)-\(span)-0", "uber-trace-id": "7:\(span):0:1",
        "baggage": "from=w3c", "uberctx-from": "jaeger",
    ]

    @Test(
        arguments: [
            ([.traceContext, .b3, .jaeger], 7), ([.jaeger, .b3, .traceContext], 0x8448_eb21_1c80_319c),
            ([.traceContext, .jaeger, .b3], 0x8448_eb21_1c80_319c),
        ] as [([Propagator], UInt64)])
    func lastFormatThatFindsASpanWins(_ propagators: [Propagator], _ low: UInt64) {
        #expect(extract(Self.everything, propagators).spanContext?.traceID.low == low)
    }

    /// A service that writes several formats sends the same ids in each; only W3C's have a place for the trace state.
    @Test(
        arguments: [
            [.traceContext, .b3], [.traceContext, .b3Multi], [.traceContext, .jaeger], [.b3, .traceContext],
            [.jaeger, .b3, .traceContext, .b3Multi],
        ] as [[Propagator]], ["02", "03"])
    func formatsThatNameTheSameSpanCompleteEachOther(_ propagators: [Propagator], _ flags: String) throws {
        let headers = ["traceparent": "00-\(Self.long)-\(Self.span)-\(flags)", "tracestate": "vendor=blue"]
        let sent = inject(extract(headers, [.traceContext]), propagators)
        #expect(sent.count > headers.count)
        let received = try #require(extract(sent, propagators).spanContext)
        #expect(received.traceState.header == "vendor=blue")
        #expect(received.flags.contains(.random) && received.isSampled == (flags == "03"))
    }

    @Test func whatAnotherSpansHeaderSaysIsNotMixedIn() throws {
        let headers = [
            "traceparent": "00-\(Self.long)-\(Self.span)-03", "tracestate": "vendor=blue",
            "b3": "\(Self.long)-00000000000000ff-1",
        ]
        let received = try #require(extract(headers, [.traceContext, .b3]).spanContext)
        #expect(received.spanID == SpanID(0xFF) && received.traceState.isEmpty && received.flags == .sampled)
    }

    @Test(arguments: [[.traceContext, .b3], [.b3, .traceContext]] as [[Propagator]])
    func decisionLeftOpenByOneFormatIsTakenFromTheOther(_ propagators: [Propagator]) throws {
        for (flags, state) in [("00", State.notSampled), ("01", .sampled)] {
            let headers = ["traceparent": "00-\(Self.long)-\(Self.span)-\(flags)", "b3": "\(Self.long)-\(Self.span)"]
            let received = try #require(extract(headers, propagators).spanContext)
            #expect(self.state(received) == state)
        }
    }

    @Test(arguments: [[.traceContext, .b3], [.b3, .traceContext]] as [[Propagator]])
    func debugOfOneFormatHoldsForTheOther(_ propagators: [Propagator]) throws {
        let headers = ["traceparent": "00-\(Self.long)-\(Self.span)-01", "b3": "\(Self.long)-\(Self.span)-d"]
        #expect(state(try #require(extract(headers, propagators).spanContext)) == .debug)
    }

    @Test(arguments: ["b3", "uber-trace-id", "traceparent"], ["", "malformed"])
    func formatThatFindsNothingChangesNothing(_ header: String, _ value: String) throws {
        var headers = ["traceparent": Self.everything["traceparent"], "baggage": "a=1"].compactMapValues { $0 }
        if header == "traceparent" { headers["b3"] = "\(Self.long)-\(Self.span)-1" }
        headers[header] = value.isEmpty ? nil : value
        let context = extract(headers, [.baggage, .b3, .traceContext, .b3Multi, .jaeger])
        #expect(context.spanContext?.traceID.hex == Self.long && context.spanContext?.isSampled == true)
        #expect(context.baggage?["a"] == "1")
    }

    @Test func decisionWithoutIDsDoesNotTouchASpanOfAnotherFormat() {
        let context = extract(["traceparent": "00-\(Self.long)-\(Self.span)-01", "b3": "0"], [.traceContext, .b3])
        let span = tracer([.b3]).startSpan("child", context: context)
        #expect(span.isRecording && span.spanContext?.traceID.hex == Self.long)
    }

    @Test func lastFormatThatFindsBaggageWins() {
        let jaeger = Propagator.jaeger(baggageKeys: ["from"])
        #expect(extract(Self.everything, [.baggage, jaeger]).baggage?["from"] == "jaeger")
        #expect(extract(Self.everything, [jaeger, .baggage]).baggage?["from"] == "w3c")
    }

    /// A service that writes both sends the same baggage in each, but of Jaeger's only named keys can be read.
    @Test func baggageThatJaegerCannotSeeIsKept() {
        let headers = ["baggage": "a=1;p=q,b=2", "uberctx-a": "1", "uberctx-b": "3"]
        let context = extract(headers, [.baggage, .jaeger(baggageKeys: ["a"])])
        #expect(context.baggage?["a"] == "1" && context.baggage?["b"] == "2")
        #expect(inject(context, [.baggage]) == ["baggage": "a=1;p=q,b=2"])
    }

    @Test func everyFormatIsWritten() throws {
        var context = extract(["b3": "\(Self.long)-\(Self.span)-1"], [.b3])
        context.baggage = Baggage()
        context.baggage?["a"] = "1"
        let headers = inject(context, [.jaeger, .b3Multi, .b3, .baggage, .traceContext])
        #expect(
            headers.keys.sorted() == [
                "b3", "baggage", "traceparent", "uber-trace-id", "uberctx-a", "x-b3-sampled", "x-b3-spanid",
                "x-b3-traceid",
            ])
    }

    // MARK: formats of one's own

    private enum TenantKey: ServiceContextKey {
        typealias Value = String
    }

    private struct TenantPropagator: TextMapPropagator {
        let name = "tenant"

        func extract(into context: inout ServiceContext, header: (String) -> String?) {
            if let tenant = header("x-tenant") { context[TenantKey.self] = tenant }
        }

        func inject(_ context: ServiceContext, setHeader: (String, String) -> Void) {
            if let tenant = context[TenantKey.self] { setHeader("x-tenant", tenant) }
        }
    }

    @Test func formatOfOnesOwnTravelsBesideTheOthers() {
        let propagators: [Propagator] = [.traceContext, .custom(TenantPropagator())]
        let context = extract(["x-tenant": "acme", "traceparent": "00-\(Self.long)-\(Self.span)-01"], propagators)
        #expect(context[TenantKey.self] == "acme" && context.spanContext?.traceID.hex == Self.long)
        let span = tracer(propagators).startSpan("work", context: context)
        #expect(inject(span.context, propagators)["x-tenant"] == "acme")
        #expect(propagators.map(\.name) == ["tracecontext", "tenant"])
        #expect(Propagator.custom(TenantPropagator()) != .baggage)
    }
}
