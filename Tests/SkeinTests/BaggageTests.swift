import Skein
import SkeinTesting
import Testing
import Tracing

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

    @Test func sixtyFourEntriesAndTheLastByteFit() {
        let full = (0..<64).map { "k\($0)=v" }.joined(separator: ",")
        #expect(extract(full)?.entries.count == 64)
        let longest = "a=\(String(repeating: "v", count: 8190))"
        #expect(extract(longest)?.entries.count == 1)
        #expect(extract("\(longest)v") == nil)
        #expect(send(extract(longest)) == longest)
    }

    @Test func namesThatCannotBeSentTakeNoPlaceOfOthers() {
        var baggage = Baggage()
        for number in 0..<64 { baggage["no token \(number)"] = "x" }
        for number in 0..<70 { baggage["k\(number)"] = "v" }
        #expect(send(baggage) == (0..<64).map { "k\($0)=v" }.joined(separator: ","))
    }

    @Test func incomingEscapesAndPropertiesGoOutAsTheyMean() {
        #expect(send(extract("a=%41%2C%e9x;p;q=%20 , b=2 ; r = 1")) == "a=A%2C%EF%BF%BDx;p;q=%20,b=2;r = 1")
        #expect(extract("a=%4x,b=%,c=1")?.entries.map(\.key) == ["c"])
    }

    private func send(_ baggage: Baggage?) -> String? {
        var context = ServiceContext.topLevel
        context.baggage = baggage
        var headers: [String: String] = [:]
        InMemorySpanExporter().tracer().inject(context, into: &headers, using: HeaderInjector())
        return headers["baggage"]
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
