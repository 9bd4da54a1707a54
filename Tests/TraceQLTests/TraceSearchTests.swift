import OTLP
import Testing
import TraceFixtures
import TraceQL
import TraceStorage

@Suite struct TraceSearchTests {
    private static let second: UInt64 = 1_000_000_000

    /// `count` traces of a root and a child that starts later the longer the trace; newer traces have larger ids.
    private static func traces(_ count: UInt64) -> [SpanFixture] {
        (1...count).flatMap { trace in
            let root = SpanFixture("root", service: "gateway").with {
                $0.traceID = TraceID(high: 0, low: trace)
                $0.start = trace * second
                $0.end = $0.start + 7 * second
            }
            // The child of an old trace may start after a newer trace's: the order is that of the traces all the same.
            let child = root.with {
                ($0.spanID, $0.parent, $0.name) = (SpanID(2), SpanID(1), Array("child".utf8))
                $0.start += (trace % 3) * 2 * second + 1
                $0.status = trace % 4 == 0 ? 2 : 0
                $0.resource = [KeyValue("service.name", .string("worker"))]
            }
            return [root, child]
        }
    }

    @Test(arguments: [1, 2, 5, 20, 100])
    func theNewestTracesComeFirst(limit: Int) throws {
        var search = TraceSearch(.query(try TraceQLQuery("{ name = \"child\" }")))
        search.limit = limit
        let result = try search.run(on: ListReader(Self.traces(30)))
        let expected = (1...30 as ClosedRange<UInt64>).reversed().prefix(limit)
        #expect(result.traces.map(\.traceID.low) == Array(expected))
        #expect(result.isComplete)
        if limit == 1 { #expect(result.tracesRead < 10) }
    }

    @Test func aSummaryTellsAboutTheWholeTrace() throws {
        let search = TraceSearch(.query(try TraceQLQuery("{ status = error }")))
        let trace = try #require(try search.run(on: ListReader(Self.traces(4))).traces.first)
        #expect(trace.traceID.low == 4)
        #expect(trace.rootServiceName == "gateway" && trace.rootName == "root")
        #expect(trace.startTime == 4 * Self.second && trace.durationMilliseconds == 7000)
        #expect(trace.spanCount == 2 && trace.errorCount == 1)
        #expect(trace.services == ["gateway": .init(spans: 1), "worker": .init(spans: 1, errors: 1)])
        #expect(trace.matchedSpans.map(\.name) == ["child"] && trace.matchedCount == 1)
    }

    @Test func aMissingRootIsNamedAsTempoDoes() throws {
        let spans = [SpanFixture("x", id: 5, parent: 4)]
        let result = try TraceSearch(.query(try TraceQLQuery("{}"))).run(on: ListReader(spans))
        let trace = try #require(result.traces.first)
        #expect(trace.rootServiceName == nil && trace.rootName == nil)
        #expect(trace.displayRootServiceName == "<root span not yet received>")
    }

    @Test func jaegersSearchRunsOnThePredicate() throws {
        let spans = [
            SpanFixture("a", id: 1).with { $0.attributes = [KeyValue("http.code", .int(200))] },
            SpanFixture("b", id: 2, parent: 1).with { $0.end = $0.start + 5_000 },
        ]
        let predicate = SpanPredicate.and([
            .compare(.serviceName, .equal, .string("shop")), .tag(key: "http.code", text: "200"),
        ])
        let found = try TraceSearch(.spans(predicate)).run(on: ListReader(spans))
        #expect(found.traces.first?.matchedSpans.map(\.name) == ["a"])
        let long = SpanPredicate.compare(.duration, .greaterOrEqual, .int(5_000))
        let other = try TraceSearch(.spans(long)).run(on: ListReader(spans))
        #expect(other.traces.first?.matchedSpans.map(\.name) == ["b"])
        #expect(try TraceSearch(.spans(.tag(key: "x", text: "y"))).run(on: ListReader(spans)).traces.isEmpty)
    }

    @Test func spansOutsideTheRangeMatchNothing() throws {
        let range = TimeRange(start: 3 * Self.second, end: 5 * Self.second)
        let search = TraceSearch(.query(try TraceQLQuery("{ name = \"root\" }")), range: range)
        #expect(try search.run(on: ListReader(Self.traces(9))).traces.map(\.traceID.low) == [4, 3])
        var none = search
        none.limit = 0
        #expect(try none.run(on: ListReader(Self.traces(9))).traces.isEmpty)
    }

    @Test func shownSpansAreFewAndCountedAll() throws {
        let spans = (1...10).map { SpanFixture("x", id: $0, parent: $0 - 1) }
        let trace = try #require(
            try TraceSearch(.query(try TraceQLQuery("{}"))).run(on: ListReader(spans)).traces.first)
        #expect(trace.matchedSpans.count == 3 && trace.matchedCount == 10)
        let other = try #require(try TraceSearch(.spans(.all)).run(on: ListReader(spans)).traces.first)
        #expect(other.matchedSpans.count == 3 && other.matchedCount == 10)
    }

    @Test func aSearchThatReadsTooManyTracesSaysSo() throws {
        let count = UInt64(TraceSearch.tracesReadMax + 1)
        let spans = (1...count).map { id in SpanFixture("x").with { $0.traceID = TraceID(high: 0, low: id) } }
        let reader = CountingReader(spans)
        let result = try TraceSearch(.query(try TraceQLQuery("{ rootName = \"y\" }"))).run(on: reader)
        #expect(result.traces.isEmpty && !result.isComplete && result.tracesRead == TraceSearch.tracesReadMax)
    }

    @Test func aCancelledSearchStops() throws {
        let context = QueryContext()
        context.cancel()
        let search = TraceSearch(.query(try TraceQLQuery("{}")))
        #expect(throws: StorageError.cancelled) { try search.run(on: ListReader(Self.traces(3)), context: context) }
    }
}

/// A reader that finds traces by id in constant time.
private final class CountingReader: TraceReader {
    private let list: ListReader
    private let byID: [TraceID: [SpanFixture]]

    init(_ spans: [SpanFixture]) {
        list = ListReader(spans)
        byID = Dictionary(grouping: spans, by: \.traceID)
    }

    func trace(_ id: TraceID, tenant: TenantID, context: QueryContext) throws(StorageError) -> SpanBatch? {
        byID[id].flatMap { try? SpanBatch.of($0) }
    }

    func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError) {
        try list.scan(plan, context: context, body)
    }

    func services(in range: TimeRange, tenant: TenantID, context: QueryContext) throws(StorageError) -> [String] {
        try list.services(in: range, tenant: tenant, context: context)
    }

    func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [TraceStorage.Operation] {
        try list.operations(of: service, in: range, tenant: tenant, context: context)
    }

    func statistics() -> StorageStatistics { list.statistics() }
}
