import OTLP
import Skein
import SkeinTesting
import Testing
import Tracing

struct HeaderExtractor: Extractor {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}

struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}

@Suite struct TraceContextTests {
    static let traceID = "0af7651916cd43dd8448eb211c80319c"
    static let spanID = "b7ad6b7169203331"
    static let valid = "00-\(traceID)-\(spanID)-01"

    private func extract(_ headers: [String: String]) -> ServiceContext {
        var context = ServiceContext.topLevel
        InMemorySpanExporter().tracer().extract(headers, into: &context, using: HeaderExtractor())
        return context
    }

    @Test(
        arguments: [
            (valid, TraceFlags.sampled), ("00-\(traceID)-\(spanID)-00", []), (" \(valid)\t", .sampled),
            ("00-\(traceID)-\(spanID)-03", [.sampled, .random]), ("00-\(traceID)-\(spanID)-ff", [.sampled, .random]),
            ("00-\(traceID)-\(spanID)-fe", [.random]), ("01-\(traceID)-\(spanID)-01", .sampled),
            ("cc-\(traceID)-\(spanID)-01-what-the-future-brings", .sampled), ("fe-\(traceID)-\(spanID)-01-", .sampled),
        ] as [(String, TraceFlags)])
    func validTraceparentIsTaken(_ header: String, _ flags: TraceFlags) throws {
        let span = try #require(extract(["traceparent": header]).spanContext)
        #expect(span.traceID.hex == Self.traceID)
        #expect(span.spanID.hex == Self.spanID)
        #expect(span.flags == flags)
        #expect(span.isRemote)
    }

    @Test(arguments: [
        "", "00", valid.uppercased(), "00-\(traceID.uppercased())-\(spanID)-01", "ff-\(traceID)-\(spanID)-01",
        "00-00000000000000000000000000000000-\(spanID)-01", "00-\(traceID)-0000000000000000-01", "\(valid)-extra",
        "\(valid)0", "\(valid)-", "cc-\(traceID)-\(spanID)-01.x", "cc-\(traceID)-\(spanID)-012",
        "0-\(traceID)-\(spanID)-01", "00-\(traceID)-\(spanID)-1", "00-\(traceID)-\(spanID)",
        "00_\(traceID)_\(spanID)_01",
        "00-\(traceID.dropLast())-\(spanID)-01", "00-\(traceID)-\(spanID.dropLast())-01", "00-\(traceID)g-\(spanID)-01",
        "0x-\(traceID)-\(spanID)-01", "00-\(traceID)-\(spanID)-0x", "\(valid),\(valid)", "00-é\(traceID)-\(spanID)-01",
    ])
    func invalidTraceparentStartsANewTraceWithoutTracestate(_ header: String) throws {
        let context = extract(["traceparent": header, "tracestate": "a=1"])
        #expect(context.spanContext == nil)
        let exporter = InMemorySpanExporter()
        exporter.tracer().startSpan("root", context: context).end()
        let span = try #require(exporter.spans.first)
        #expect(span.traceID.hex != Self.traceID && span.traceID.isValid)
        #expect(!span.parentSpanID.isValid)
        #expect(span.traceState == "")
    }

    static let members32 = (0..<32).map { "k\($0)=v" }.joined(separator: ",")
    static let key256 = String(repeating: "z", count: 256)
    static let tenant241 = "\(String(repeating: "t", count: 241))@\(String(repeating: "s", count: 14))"
    static let value256 = String(repeating: "v", count: 256)

    @Test(arguments: [
        ("a=1", "a=1"), ("a=1,b=2", "a=1,b=2"), (" a=1 ,\tb=2\t", "a=1,b=2"), ("a=1,,b=2,", "a=1,b=2"), ("", ""),
        ("a=1,a=2", "a=1"), ("a=1,b=3,a=2", "a=1,b=3"), (members32, members32), ("\(key256)=1", "\(key256)=1"),
        ("\(tenant241)=1", "\(tenant241)=1"), ("a=\(value256)", "a=\(value256)"), ("1t@sys=1", "1t@sys=1"),
        ("a_-*/0=!~ x", "a_-*/0=!~ x"),
    ])
    func validTracestateIsCarriedOn(_ header: String, _ carried: String) throws {
        let context = extract(["traceparent": Self.valid, "tracestate": header])
        #expect(context.spanContext?.traceState.header == carried)
    }

    @Test(arguments: [
        "\(members32),k32=v", "a", "=1", "a=", "A=1", "0=1", "a b=1", "a =1", "a=1=2", "é=1", "a=é", "a=\u{1}",
        "\(key256)z=1", "t\(tenant241)=1", "\(tenant241)s=1", "a@=1", "@a=1", "a@b@c=1", "a@1=1", "a=\(value256)v",
        "ok=1,bad",
    ])
    func invalidTracestateIsDroppedButTheTraceGoesOn(_ header: String) throws {
        let span = try #require(extract(["traceparent": Self.valid, "tracestate": header]).spanContext)
        #expect(span.traceID.hex == Self.traceID)
        #expect(span.traceState.isEmpty)
    }

    @Test func outgoingHeadersNameTheCurrentSpan() throws {
        let tracer = InMemorySpanExporter().tracer()
        let parent = extract(["traceparent": "cc-\(Self.traceID)-\(Self.spanID)-ff-x", "tracestate": "a=1"])
        let span = tracer.startSpan("work", context: parent)
        var headers: [String: String] = [:]
        tracer.inject(span.context, into: &headers, using: HeaderInjector())
        let id = try #require(span.spanContext?.spanID.hex)
        #expect(headers == ["traceparent": "00-\(Self.traceID)-\(id)-03", "tracestate": "a=1"])
        span.end()
    }

    @Test func contextWithoutASpanSendsNothing() {
        var headers: [String: String] = [:]
        InMemorySpanExporter().tracer().inject(.topLevel, into: &headers, using: HeaderInjector())
        #expect(headers.isEmpty)
    }

    @Test func newEntryGoesLeftmostAndTheLastFallsOut() throws {
        let full = try #require(TraceState(header: Self.members32))
        let more = full.setting("new", to: "1")
        #expect(more.header.hasPrefix("new=1,k0=v,"))
        #expect(more.header.hasSuffix(",k30=v"))
        #expect(full.setting("k5", to: "x").header.hasPrefix("k5=x,k0=v,"))
        #expect(full.setting("k5", to: nil)["k5"] == nil)
        #expect(full.setting("Bad Key", to: "x") == full)
    }
}

@Suite struct BaggageTests {
    static let tooMany = (0..<70).map { "k\($0)=v" }.joined(separator: ",")
    static let tooLong = (0..<5).map { "k\($0)=\(String(repeating: "v", count: 2000))" }.joined(separator: ",")

    private func extract(_ header: String) -> Baggage? {
        var context = ServiceContext.topLevel
        InMemorySpanExporter().tracer().extract(["baggage": header], into: &context, using: HeaderExtractor())
        return context.baggage
    }

    @Test(arguments: [
        ("user=alice", ["user": "alice"]), (" a = 1 , b=2\t", ["a": "1", "b": "2"]),
        ("a=1;prop=x;y,b=2", ["a": "1", "b": "2"]), ("a=caf%C3%A9%20%25", ["a": "café %"]), ("a=1,a=2", ["a": "2"]),
        ("a=", ["a": ""]), ("a=b=c", ["a": "b=c"]), ("a=%FF", ["a": "\u{FFFD}"]), ("a,b=2", ["b": "2"]),
        ("=1,b=2", ["b": "2"]), ("a=%4,b=2", ["b": "2"]), ("a b=1,c=2", ["c": "2"]), ("a=\"x\",b=2", ["b": "2"]),
        ("é=1,b=2", ["b": "2"]),
    ])
    func goodEntriesAreTakenAndBadOnesLeftOut(_ header: String, _ entries: [String: String]) {
        let baggage = extract(header)
        #expect(baggage?.entries.count == entries.count)
        for (key, value) in entries { #expect(baggage?[key] == value) }
    }

    @Test func entriesPastTheLimitsAreLeftOut() {
        #expect(extract(Self.tooMany)?.entries.count == 64)
        #expect(extract(Self.tooLong)?.entries.count == 4)
        #expect(extract("") == nil)
        #expect(extract(",;=,") == nil)
    }

    @Test func outgoingBaggageIsEscapedAndKeepsProperties() {
        let tracer = InMemorySpanExporter().tracer()
        var context = ServiceContext.topLevel
        tracer.extract(["baggage": "a=1;ttl=5"], into: &context, using: HeaderExtractor())
        context.baggage?["name"] = "é, \"%\""
        context.baggage?["no token"] = "x"
        var headers: [String: String] = [:]
        tracer.inject(context, into: &headers, using: HeaderInjector())
        #expect(headers == ["baggage": "a=1;ttl=5,name=%C3%A9%2C%20%22%25%22"])
    }

    @Test func outgoingBaggageKeepsTheLimits() {
        var baggage = Baggage()
        for number in 0..<100 { baggage["k\(number)"] = String(repeating: "v", count: 300) }
        var context = ServiceContext.topLevel
        context.baggage = baggage
        var headers: [String: String] = [:]
        InMemorySpanExporter().tracer().inject(context, into: &headers, using: HeaderInjector())
        let header = headers["baggage"] ?? ""
        #expect(header.utf8.count <= 8192 && header.utf8.count > 7500)
    }

    @Test func propagatorsAreThoseConfigured() {
        let tracer = InMemorySpanExporter().tracer { $0.propagators = [.baggage] }
        var context = ServiceContext.topLevel
        tracer.extract(
            ["traceparent": TraceContextTests.valid, "baggage": "a=1"], into: &context, using: HeaderExtractor())
        #expect(context.spanContext == nil)
        #expect(context.baggage?["a"] == "1")
    }
}
