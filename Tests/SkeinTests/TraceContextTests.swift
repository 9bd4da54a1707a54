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

/// W3C Trace Context level 2; the sections are those of the specification.
@Suite struct TraceContextTests {
    static let traceID = "0af7651916cd43dd8448eb211c80319c"
    static let spanID = "b7ad6b7169203331"
    static let valid = "00-\(traceID)-\(spanID)-01"

    private func extract(_ headers: [String: String]) -> ServiceContext {
        var context = ServiceContext.topLevel
        InMemorySpanExporter().tracer().extract(headers, into: &context, using: HeaderExtractor())
        return context
    }

    /// What goes out for `parent` when a span is started in it.
    private func outgoing(
        _ parent: ServiceContext, configure: (inout TracingConfiguration) -> Void = { _ in }
    ) -> [String: String] {
        let tracer = InMemorySpanExporter().tracer(configure: configure)
        let span = tracer.startSpan("work", context: parent)
        var headers: [String: String] = [:]
        tracer.inject(span.context, into: &headers, using: HeaderInjector())
        span.end()
        return headers
    }

    // MARK: traceparent

    @Test(
        arguments: [
            // 3.2.2, traceparent header field values
            (valid, TraceFlags.sampled), ("00-\(traceID)-\(spanID)-00", []),
            ("00-00000000000000000000000000000000".dropLast() + "1-\(spanID)-01", .sampled),
            // 3.2.2.5, trace flags: the bits that are defined are taken, the others are not
            ("00-\(traceID)-\(spanID)-02", [.random]), ("00-\(traceID)-\(spanID)-03", [.sampled, .random]),
            ("00-\(traceID)-\(spanID)-ff", [.sampled, .random]), ("00-\(traceID)-\(spanID)-fe", [.random]),
            ("00-\(traceID)-\(spanID)-fc", []),
            // 3.2.4, versioning: a later version, with and without more behind it
            ("01-\(traceID)-\(spanID)-01", .sampled), ("fe-\(traceID)-\(spanID)-01", .sampled),
            ("cc-\(traceID)-\(spanID)-01-what-the-future-brings", .sampled),
            ("cc-\(traceID)-\(spanID)-01-", .sampled), ("cc-\(traceID)-\(spanID)-01-\u{E9}=.", .sampled),
            // RFC 9110, 5.5: white space around a field is no part of it
            (" \(valid)", .sampled), ("\t\(valid)", .sampled), ("\(valid) ", .sampled), ("\t \(valid) \t", .sampled),
        ] as [(String, TraceFlags)])
    func validTraceparentIsTaken(_ header: String, _ flags: TraceFlags) throws {
        let span = try #require(extract(["traceparent": header]).spanContext)
        #expect(header.contains(span.traceID.hex))
        #expect(span.spanID.hex == Self.spanID)
        #expect(span.flags == flags)
        #expect(span.isRemote && !span.isDebug && !span.isDeferred)
    }

    @Test(arguments: [
        // 3.2.2, form: too short, other characters, other separators
        "", " ", "00", "-", "---", "00-\(traceID)-\(spanID)", "00-\(traceID)-\(spanID)-", "00_\(traceID)_\(spanID)_01",
        "00-\(traceID)-\(spanID) -01", "00 -\(traceID)-\(spanID)-01", "00-\u{E9}\(traceID)-\(spanID)-01",
        // 3.2.2.1, version: two lowercase digits, not ff
        "ff-\(traceID)-\(spanID)-01", "ff-\(traceID)-\(spanID)-01-x", "FE-\(traceID)-\(spanID)-01",
        "0-\(traceID)-\(spanID)-01", "000-\(traceID)-\(spanID)-01", "0000-\(traceID)-\(spanID)-01",
        ".0-\(traceID)-\(spanID)-01", "0.-\(traceID)-\(spanID)-01", "0x-\(traceID)-\(spanID)-01",
        // 3.2.2.2, version 00 ends behind its flags
        "\(valid)-extra", "\(valid).", "\(valid)0", "\(valid)-",
        // 3.2.2.3, trace id: 32 lowercase digits, not all zero
        "00-\(traceID.uppercased())-\(spanID)-01", "00-\(traceID.dropLast())-\(spanID)-01",
        "00-\(traceID)1-\(spanID)-01", "00-\(traceID)g-\(spanID)-01", "00-.\(traceID.dropFirst())-\(spanID)-01",
        "00-\(traceID.dropLast()).-\(spanID)-01", "00-00000000000000000000000000000000-\(spanID)-01",
        // 3.2.2.4, parent id: 16 lowercase digits, not all zero
        "00-\(traceID)-\(spanID.uppercased())-01", "00-\(traceID)-\(spanID.dropLast())-01",
        "00-\(traceID)-\(spanID)1-01", "00-\(traceID)-.\(spanID.dropFirst())-01",
        "00-\(traceID)-\(spanID.dropLast()).-01", "00-\(traceID)-0000000000000000-01",
        // 3.2.2.5, trace flags: two lowercase digits
        "00-\(traceID)-\(spanID)-1", "00-\(traceID)-\(spanID)-001", "00-\(traceID)-\(spanID)-0x",
        "00-\(traceID)-\(spanID)-.0", "00-\(traceID)-\(spanID)-0.", "00-\(traceID)-\(spanID)-0A",
        // 3.2.4, versioning: what follows the flags of a later version begins with a dash
        "cc-\(traceID)-\(spanID)-01.x", "cc-\(traceID)-\(spanID)-012", "cc-\(traceID)-\(spanID)",
        "cc-00000000000000000000000000000000-\(spanID)-01", "cc-\(traceID)-0000000000000000-01-x",
        // Several headers, which HTTP stacks join
        "\(valid),\(valid)", "\(valid), \(valid)", "\(valid),", ",\(valid)",
        "cc-\(traceID)-\(spanID)-01-x,cc-\(traceID)-\(spanID)-01-x",
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

    /// 3.3, tracestate header: it is read only behind a valid traceparent.
    @Test func tracestateWithoutTraceparentIsDropped() {
        #expect(extract(["tracestate": "a=1"]).spanContext == nil)
        #expect(extract([:]).spanContext == nil)
    }

    // MARK: tracestate

    static let members32 = (0..<32).map { "k\($0)=v" }.joined(separator: ",")
    static let key256 = String(repeating: "z", count: 256)
    static let tenant241 = "\(String(repeating: "t", count: 241))@\(String(repeating: "s", count: 14))"
    static let value256 = String(repeating: "v", count: 256)
    static let keyCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
    static let valueCharacters = String(
        decoding: (UInt8(0x20)...0x7E).filter { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=") }, as: UTF8.self)

    @Test(arguments: [
        // 3.3.1.1, tracestate header field values: empty members and white space around members count for nothing
        ("a=1", "a=1"), ("a=1,b=2", "a=1,b=2"), (" a=1 ,\tb=2\t", "a=1,b=2"), ("a=1,,b=2,", "a=1,b=2"), ("", ""),
        (" ,\t, ", ""), (",a=1", "a=1"), ("a=1 \t , \t b=2", "a=1,b=2"),
        // 3.3.1.2, list: 32 members at most, empty ones not counted
        (members32, members32), (",\(members32),,", members32),
        // 3.3.1.3.1, key
        ("\(key256)=1", "\(key256)=1"), ("\(tenant241)=1", "\(tenant241)=1"), ("1t@sys=1", "1t@sys=1"),
        ("1a=1", "1a=1"), ("\(keyCharacters)=1", "\(keyCharacters)=1"),
        ("\(keyCharacters)@a-z0-9_-*/=1", "\(keyCharacters)@a-z0-9_-*/=1"),
        // 3.3.1.3.2, value: spaces before it belong to it, spaces behind it do not
        ("a=\(value256)", "a=\(value256)"), ("a=\(valueCharacters)", "a=\(valueCharacters)"), ("a=!~ x", "a=!~ x"),
        ("a= 1 ", "a= 1"),
        // 3.3.1.4, combined header: one entry a key, of which the leftmost is the newest
        ("a=1,a=2", "a=1"), ("a=1,b=3,a=2", "a=1,b=3"), ("a=1,a=1", "a=1"), ("a=1,a@b=2", "a=1,a@b=2"),
        ("\(members32),k0=w", members32),
    ])
    func validTracestateIsCarriedOn(_ header: String, _ carried: String) throws {
        let context = extract(["traceparent": Self.valid, "tracestate": header])
        #expect(context.spanContext?.traceState.header == carried)
        #expect(outgoing(context)["tracestate"] == (carried.isEmpty ? nil : carried))
    }

    @Test(arguments: [
        // 3.3.1.2, list: 33 members
        "\(members32),k32=v",
        // 3.3.1.3, list members
        "a", "=", "=1", "a=", "a= ", "ok=1,bad", "a=1;b=2,bad", "a=1=2",
        // 3.3.1.3.1, key: characters, beginning, length, form with an at sign
        "A=1", "aB=1", "a.b=1", "a b=1", "a =1", "\u{E9}=1", "_a=1", "-a=1", "*a=1", "/a=1", "@a=1", "\(key256)z=1",
        "t\(tenant241)=1", "\(tenant241)s=1", "a@=1", "a@b@c=1", "a@@b=1", "a@1=1", "a@,b=1",
        // 3.3.1.3.2, value: characters, length
        "a=\u{E9}", "a=\u{1}", "a=1\u{7F}", "a=1\t2", "a=\(value256)v",
    ])
    func invalidTracestateIsDroppedButTheTraceGoesOn(_ header: String) throws {
        let context = extract(["traceparent": Self.valid, "tracestate": header])
        let span = try #require(context.spanContext)
        #expect(span.traceID.hex == Self.traceID)
        #expect(span.traceState.isEmpty)
        let headers = outgoing(context)
        #expect(headers["tracestate"] == nil)
        #expect(headers["traceparent"]?.contains(Self.traceID) == true)
    }

    /// 3.3.1.5, tracestate limits: at least 512 characters travel on, and what is cut is cut by whole entries.
    @Test func longTracestateLosesWholeEntriesFromTheRight() throws {
        let kept = (0..<16).map { "k\($0)=\(String(repeating: "v", count: 252))" }.joined(separator: ",")
        #expect(TraceState(header: kept)?.header == kept)
        let long = (0..<32).map { "k\($0)=\(String(repeating: "v", count: 256))" }
        let state = try #require(TraceState(header: long.joined(separator: ",")))
        #expect(state.header == long.prefix(31).joined(separator: ","))
        #expect(state.header.utf8.count <= 8192)
    }

    @Test func largeEntriesFallOutOfALongTracestateFirst() throws {
        let key = String(repeating: "k", count: 250)
        var members = (0..<29).map { "\(key)\($0)=\(String(repeating: "v", count: 40))" }
        members.insert("small1=x", at: 20)
        members.append("small2=x")
        let state = try #require(TraceState(header: members.joined(separator: ",")))
        #expect(state.header.utf8.count <= 8192)
        #expect(state["small1"] == "x" && state["small2"] == "x")
        #expect(state["\(key)0"] != nil && state["\(key)28"] == nil)
        // A new entry pushes out others, not itself.
        let more = state.setting("new", to: String(repeating: "n", count: 256))
        #expect(more.header.hasPrefix("new=nnn") && more.header.utf8.count <= 8192)
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

    // MARK: what goes out

    /// 3.4, mutating the traceparent field: version 00, a new parent id, the flags that are defined.
    @Test func outgoingHeadersNameTheCurrentSpan() throws {
        let tracer = InMemorySpanExporter().tracer()
        let parent = extract(["traceparent": "cc-\(Self.traceID)-\(Self.spanID)-ff-x", "tracestate": "a=1"])
        let span = tracer.startSpan("work", context: parent)
        var headers: [String: String] = [:]
        tracer.inject(span.context, into: &headers, using: HeaderInjector())
        let id = try #require(span.spanContext?.spanID.hex)
        #expect(id != Self.spanID)
        #expect(headers == ["traceparent": "00-\(Self.traceID)-\(id)-03", "tracestate": "a=1"])
        span.end()
    }

    @Test func contextWithoutASpanSendsNothing() {
        var headers: [String: String] = [:]
        InMemorySpanExporter().tracer().inject(.topLevel, into: &headers, using: HeaderInjector())
        #expect(headers.isEmpty)
    }

    struct Sequence: IDGenerator {
        let ids = RandomIDGenerator()
        func nextTraceID() -> TraceID { TraceID(high: 1, low: 2) }
        func nextSpanID() -> SpanID { ids.nextSpanID() }
        var makesRandomTraceIDs: Bool { false }
    }

    /// 3.2.2.5.2, random trace id flag: set where the trace id is random, passed on as it came.
    @Test func randomFlagIsSetByNewTracesAndOtherwiseCarriedOn() {
        func flags(_ headers: [String: String]) -> Substring? { headers["traceparent"]?.suffix(2) }
        #expect(flags(outgoing(.topLevel)) == "03")
        #expect(flags(outgoing(.topLevel) { $0.sampler = AlwaysOffSampler() }) == "02")
        #expect(flags(outgoing(.topLevel) { $0.idGenerator = Sequence() }) == "01")
        for (incoming, expected) in [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03")] {
            let parent = extract(["traceparent": "00-\(Self.traceID)-\(Self.spanID)-\(incoming)"])
            #expect(flags(outgoing(parent))?.description == expected)
        }
    }
}
