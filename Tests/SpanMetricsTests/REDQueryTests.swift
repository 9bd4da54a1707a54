import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct REDQueryTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func rowsEqualAnIndependentComputation() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("REDQueryTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let spans = (0..<500).map { index in
            SpanFixture(
                "op\(Int.random(in: 0..<4, using: &random))", service: ["a", "b", nil].randomElement(using: &random)!
            ).with {
                $0.start = 100 * Self.second + .random(in: 0..<20 * Self.second, using: &random)
                $0.end = $0.start + .random(in: 0..<5 * Self.second, using: &random)
                $0.status = .random(in: 0...2, using: &random)
                if Bool.random(using: &random) { $0.traceState = "ot=th:8" }
            }
        }
        let range = TimeRange(start: 102 * Self.second, end: 112 * Self.second)
        let query = REDQuery(range: range, by: ["service", "operation"].compactMap(REDQuery.Grouping.init(parsing:)))
        let result = try query.run(on: ListReader(spans))
        let counted = spans.filter { range.contains($0.start) && !$0.resource.isEmpty }
        #expect(result.rows.reduce(0) { $0 + $1.spans } == counted.count)
        #expect(result.rows.map(\.numbers.count) == result.rows.map(\.numbers.count).sorted(by: >))
        #expect(!result.isPartial && !result.isTruncated)
        for row in result.rows {
            #expect(row.key.map(\.name) == ["service", "operation"])
            let mine = counted.filter {
                FieldValue.string(String(decoding: $0.name, as: UTF8.self)) == row.key[1].value
                    && $0.resource == [KeyValue("service.name", .string(row.key[0].value == .string("a") ? "a" : "b"))]
            }
            let weight = { (span: SpanFixture) in span.traceState.isEmpty ? 1.0 : 2.0 }
            let count = mine.reduce(0) { $0 + weight($1) }
            let errors = mine.filter { $0.status == 2 }.reduce(0) { $0 + weight($1) }
            #expect(row.numbers.count == count && row.spans == mine.count)
            #expect(row.numbers.errors == errors && row.numbers.errorRate == errors / count)
            #expect(row.numbers.rate == count / 10)
            let durations = mine.flatMap { Array(repeating: $0.end - $0.start, count: Int(weight($0))) }.sorted()
            for (q, value) in [
                (0.5, row.numbers.p50Nanoseconds), (0.95, row.numbers.p95Nanoseconds),
                (0.99, row.numbers.p99Nanoseconds),
            ] {
                let exact = Double(durations[max(0, Int((q * Double(durations.count)).rounded(.up)) - 1)])
                #expect(abs(Double(value) - exact) <= exact * 0.01)
            }
        }
    }

    /// A reader that groups nothing itself.
    private final class UngroupingReader: TraceReader {
        private let list: ListReader

        init(_ list: ListReader) { self.list = list }

        func trace(_ id: TraceID, tenant: TenantID, context: QueryContext) throws(StorageError) -> SpanBatch? {
            try list.trace(id, tenant: tenant, context: context)
        }
        func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError) {
            try list.scan(plan, context: context, body)
        }
        func aggregate(_ plan: AggregationPlan, context: QueryContext) throws(StorageError) -> AggregationResult {
            throw .limitExceeded(message: "too much")
        }
        func services(in range: TimeRange, tenant: TenantID, context: QueryContext) throws(StorageError) -> [String] {
            try list.services(in: range, tenant: tenant, context: context)
        }
        func operations(
            of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
        ) throws(StorageError) -> [Operation] {
            try list.operations(of: service, in: range, tenant: tenant, context: context)
        }
        func statistics() -> StorageStatistics { list.statistics() }
    }

    /// Durations of all sizes, also where the buckets of the two histograms are of other widths.
    @Test func groupsOfTheReaderGiveTheSameNumbersAsLookingAtEachSpan() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("REDQueryTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let start = 1_760_000_000 * Self.second
        let spans = (0..<3_000).map { _ in
            SpanFixture(
                "op\(Int.random(in: 0..<4, using: &random))", service: ["a", "b", nil].randomElement(using: &random)!
            ).with {
                $0.start = start + .random(in: 0..<20 * Self.second, using: &random)
                $0.end = $0.start + .random(in: 0..<(1 << UInt64.random(in: 0...50, using: &random)), using: &random)
                $0.status = .random(in: 0...2, using: &random)
                if Bool.random(using: &random) { $0.traceState = "ot=th:8" }
                if Bool.random(using: &random) { $0.attributes = [KeyValue("n", .int(.random(in: 0..<3)))] }
            }
        }
        for by in [[], ["service"], ["operation", "status", "kind", "span.n"]] {
            var query = REDQuery(
                range: TimeRange(start: start + 1, end: start + 15 * Self.second),
                by: by.compactMap(REDQuery.Grouping.init(parsing:)))
            for step in [nil, 4 * Self.second] as [UInt64?] {
                query.stepNanoseconds = step
                let grouped = try query.run(on: ListReader(spans))
                let each = try query.run(on: UngroupingReader(ListReader(spans)))
                #expect(grouped.rows.map(\.numbers.count) == each.rows.map(\.numbers.count))
                func byKey(_ result: REDResult) -> [[FieldValue]: REDRow] {
                    Dictionary(uniqueKeysWithValues: result.rows.map { ($0.key.map(\.value), $0) })
                }
                let (first, second) = (byKey(grouped), byKey(each))
                #expect(first.count == second.count && !first.isEmpty)
                for (key, row) in first {
                    let other = try #require(second[key])
                    #expect(row.numbers == other.numbers && row.spans == other.spans, "\(key)")
                    #expect(row.series?.map(\.start) == other.series?.map(\.start))
                    #expect(row.series?.map(\.numbers) == other.series?.map(\.numbers))
                }
            }
        }
    }

    @Test func groupsPastTheLimitAreSummedInOneRowOfAClosedRangeToo() throws {
        let spans = (0..<REDQuery.groupsMax + 50).map { index in
            SpanFixture("op\(index)").with { ($0.start, $0.end) = (10, 20) }
        }
        let query = REDQuery(
            range: TimeRange(start: 1, end: 1_000), by: [REDQuery.Grouping(parsing: "operation")!])
        let result = try query.run(on: ListReader(spans))
        #expect(result.isTruncated && result.rows.count == REDQuery.groupsMax + 1)
        #expect(result.rows[0].key[0].value == REDQuery.otherKey && result.rows[0].spans == 50)
    }

    @Test func kindAndStatusReadAsWordsAndAttributesAsTheyAre() throws {
        let spans = [
            SpanFixture("x").with { ($0.kind, $0.status, $0.attributes) = (3, 2, [KeyValue("n", .int(5))]) },
            SpanFixture("x"),
        ]
        let groupings = ["kind", "status", "span.n"].compactMap(REDQuery.Grouping.init(parsing:))
        let result = try REDQuery(range: .all, by: groupings).run(on: ListReader(spans))
        let keys = Set(result.rows.map { $0.key.map(\.value) })
        #expect(
            keys == [[.string("client"), .string("error"), .int(5)], [.string("server"), .string("unset"), .none]])
    }

    @Test func aPredicateSelectsAndAStepGivesPoints() throws {
        let spans = (0..<10 as Range<UInt64>).map { index in
            SpanFixture(index % 2 == 0 ? "even" : "odd").with {
                $0.start = index * Self.second
                $0.end = $0.start + index * 1000
            }
        }
        var query = REDQuery(range: TimeRange(start: 0, end: 10 * Self.second), by: [])
        query.predicate = .compare(.name, .equal, .string("even"))
        query.stepNanoseconds = 4 * Self.second
        let row = try #require(try query.run(on: ListReader(spans)).rows.first)
        #expect(row.key.isEmpty && row.spans == 5)
        #expect(row.series?.map(\.start) == [0, 4 * Self.second, 8 * Self.second])
        #expect(row.series?.map(\.numbers.count) == [2, 2, 1])
        #expect(row.series?.map(\.numbers.rate) == [0.5, 0.5, 0.25])
    }

    @Test func groupsPastTheLimitAreSummedInOneRow() throws {
        let spans = (0..<REDQuery.groupsMax + 50).map { SpanFixture("op\($0)") }
        let result = try REDQuery(range: .all, by: [REDQuery.Grouping(parsing: "operation")!]).run(
            on: ListReader(spans))
        #expect(result.isTruncated)
        #expect(result.rows.count == REDQuery.groupsMax + 1)
        #expect(result.rows[0].key[0].value == REDQuery.otherKey && result.rows[0].spans == 50)
    }

    @Test func stepsPastTheLimitAreRefused() {
        var query = REDQuery(range: TimeRange(start: 0, end: 1 << 60), by: [])
        query.stepNanoseconds = 1000
        #expect(throws: StorageError.self) { try query.run(on: ListReader([])) }
        query.stepNanoseconds = 0
        #expect(throws: StorageError.self) { try query.run(on: ListReader([])) }
        let many = REDQuery(range: .all, by: (0..<9).map { .init(name: "a", field: .attribute(.any, key: "\($0)")) })
        #expect(throws: StorageError.self) { try many.run(on: ListReader([])) }
    }

    @Test func anAnswerIsPartialWhereRetentionCutsTheRange() throws {
        let reader = ListReader([SpanFixture("x")], oldestReceivedAt: 500)
        #expect(try REDQuery(range: TimeRange(start: 100), by: []).run(on: reader).isPartial)
        #expect(try !REDQuery(range: TimeRange(start: 600), by: []).run(on: reader).isPartial)
    }

    @Test func groupingNames() {
        typealias Grouping = REDQuery.Grouping
        #expect(Grouping(parsing: "resource.a.b")?.field == .attribute(.resource, key: "a.b"))
        #expect(Grouping(parsing: ".a")?.field == .attribute(.any, key: "a"))
        #expect(Grouping(parsing: "gen_ai.agent.name")?.field == .attribute(.any, key: "gen_ai.agent.name"))
        #expect(Grouping(parsing: "") == nil && Grouping(parsing: "span.") == nil)
    }
}

@Suite struct LogLinearHistogramTests {
    @Test func everyValueIsWithinOnePercent() {
        var values: [UInt64] = Array(0...1000) + [.max, .max - 1, 1 << 63]
        for shift in 10..<64 as Range<UInt64> {
            values += [1 << shift, (1 << shift) - 1, (1 << shift) + (1 << shift) / 3]
        }
        for value in values {
            var histogram = LogLinearHistogram()
            histogram.add(value)
            #expect(abs(Double(histogram.quantile(0.5)) - Double(value)) <= Double(value) * 0.01, "\(value)")
        }
    }

    @Test func mergingEqualsAddingAll() {
        var (a, b, whole) = (LogLinearHistogram(), LogLinearHistogram(), LogLinearHistogram())
        for value in 0..<3000 as Range<UInt64> {
            let spread = value &* 2_654_435_761 % 1_000_003
            if value % 3 == 0 { a.add(spread, weight: 2) } else { b.add(spread) }
            whole.add(spread, weight: value % 3 == 0 ? 2 : 1)
        }
        var merged = LogLinearHistogram()
        merged.merge(b)
        merged.merge(a)
        #expect(merged.total == whole.total)
        for q in [0, 0.01, 0.5, 0.9, 0.99, 1] { #expect(merged.quantile(q) == whole.quantile(q)) }
        #expect(LogLinearHistogram().quantile(0.5) == 0)
    }
}
