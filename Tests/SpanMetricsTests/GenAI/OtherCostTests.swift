import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// Costs that do not count: a call's reported one beside the computed one, or the other way round.
@Suite struct OtherCostTests {
    private static let second: UInt64 = 1_000_000_000
    private static let day = 86_400 * second
    /// When the first call is received.
    private static let begin = 20_000 * day

    private static func opened(
        _ disk: any FileSystem = MemoryFileSystem(), _ policy: CostPolicy = .computedFirst
    ) throws -> GenAIMetrics {
        let book = try PriceBook(
            json: Array(#"{"m": {"input_cost_per_token": 0.001, "output_cost_per_token": 0}}"#.utf8))
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(prices: book, policy: policy),
            log: UsageLog(directory: "u", files: disk))
        try metrics.open()
        return metrics
    }

    /// A call whose computed cost, where it has one, is a thousandth of its tokens.
    private static func call(
        _ number: UInt64, parent: UInt64 = 0, trace: UInt64? = nil, model: String = "m", tokens: Int64?,
        reported: Double? = nil
    ) -> SpanFixture {
        SpanFixture("chat", id: number, parent: parent).with {
            $0.scope = "s\(number)"
            $0.traceID = TraceID(high: 5, low: trace ?? number)
            ($0.start, $0.end) = (begin + number, begin + second - number)
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string(model)),
            ]
            if let tokens {
                $0.attributes += [
                    KeyValue("gen_ai.usage.input_tokens", .int(tokens)),
                    KeyValue("gen_ai.usage.output_tokens", .int(0)),
                ]
            }
            if let reported { $0.attributes.append(KeyValue("operation.cost", .double(reported))) }
        }
    }

    /// With both costs, computed only, reported only, neither, and both for four calls.
    private static let calls = [
        call(1, tokens: 1_000, reported: 3), call(2, tokens: 2_000),
        call(3, model: "unheard-of", tokens: 5, reported: 7),
        call(4, model: "unheard-of", tokens: 5), call(5, tokens: 500, reported: 1).with { $0.traceState = "ot=th:c" },
    ]
    private static let computed = 5.0
    private static let reported = 14.0

    private static func records(_ metrics: GenAIMetrics) throws -> [UsageRecord] {
        var records: [UsageRecord] = []
        #expect(
            try metrics.forEachRecord(in: .all) { record in
                records.append(record)
                return true
            } == 0)
        return records.sorted { ($0.spanID.rawValue, $0.kind.rawValue) < ($1.spanID.rawValue, $1.kind.rawValue) }
    }

    private static func sum(_ metrics: GenAIMetrics) throws -> UsageSum {
        try UsageQuery(range: .all, by: [.model]).run(on: metrics) { () throws(StorageError) in }.total.sum
    }

    /// Dollars of a family of counters, by source.
    private static func counters(_ metrics: GenAIMetrics, _ name: String) -> [String: Double] {
        var writer = PrometheusTextWriter(format: .prometheusText)
        metrics.snapshot(now: begin).write(to: &writer)
        var sums: [String: Double] = [:]
        for line in String(decoding: writer.takeBytes(), as: UTF8.self).split(separator: "\n")
        where line.hasPrefix(name + "{") {
            let source = line.split(separator: "cost_source=\"").last?.prefix { $0 != "\"" }
            sums[String(source ?? ""), default: 0] += line.split(separator: " ").last.flatMap { Double($0) } ?? .nan
        }
        return sums
    }

    private static let counted = "gen_ai_client_cost_usd_total"
    private static let uncounted = "gen_ai_client_uncounted_cost_usd_total"

    @Test(arguments: CostPolicy.allCases)
    func bothCostsStayInRecordsThroughFilesRestartsAndCompression(_ policy: CostPolicy) throws {
        let disk = MemoryFileSystem()
        var metrics = try Self.opened(disk, policy)
        let isComputed = policy == .computedFirst
        let costs: [Double] = isComputed ? [1, 2, 7, 0, 2] : [3, 2, 7, 0, 4]
        let others: [Double] = isComputed ? [3, 0, 0, 0, 4] : [1, 0, 0, 0, 2]
        let total: Double = isComputed ? 12 : 16
        func check(_ place: Comment) throws {
            let records = try Self.records(metrics)
            #expect(records.map(\.cost) == costs, place)
            #expect(records.map(\.otherCost) == others, place)
            let sum = try Self.sum(metrics)
            #expect(sum.cost == total, place)
            #expect(sum.computedCost == Self.computed && sum.reportedCost == Self.reported, place)
        }
        metrics.record(try .of(Self.calls, position: 1, receivedAt: Self.begin))
        try check("while they wait")
        let waiting = metrics.checkpointSection()
        metrics = try Self.opened(disk, policy)
        #expect(try metrics.restore(waiting) == .restored)
        try check("in a checkpoint")
        metrics.record(try .of([], position: 2, receivedAt: Self.begin + 1_000 * Self.second))
        try check("in no file yet")
        try metrics.prepareCheckpoint()
        try check("in a file")
        metrics = try Self.opened(disk, policy)
        try check("after a restart")
        let further = SpanFixture("chat", id: 9).with {
            $0.attributes = [KeyValue("gen_ai.operation.name", .string("chat"))]
        }
        for number in 3...6 as ClosedRange<UInt64> {
            let spans = number == 3 ? [further] : []
            let time = Self.begin + Self.day + number * 1_000 * Self.second
            metrics.record(try .of(spans, position: number, receivedAt: time))
            try metrics.prepareCheckpoint()
        }
        let versions = try disk.list("u").sorted().map { try disk.open("u/" + $0, .read).readBytes(at: 4, count: 1) }
        #expect(versions == [[4], [1]], "compressed, and the next day's has no second cost")
        let records = try Self.records(metrics).filter { $0.spanID != SpanID(9) }
        #expect(records.map(\.otherCost) == others)
        let sum = try Self.sum(metrics)
        #expect(sum.computedCost == Self.computed && sum.reportedCost == Self.reported)
    }

    private static func bytes(of spans: [SpanFixture]) throws -> [UInt8] {
        let disk = MemoryFileSystem()
        let metrics = try opened(disk)
        metrics.record(try .of(spans, position: 1, receivedAt: begin))
        metrics.record(try .of([], position: 2, receivedAt: begin + 1_000 * second))
        try metrics.prepareCheckpoint()
        let file = try disk.open("u/" + (try #require(try disk.list("u").first)), .read)
        return try file.readBytes(at: 0, count: try file.size())
    }

    @Test func aSecondCostTakesEightBytesAndNoneWhereThereIsNone() throws {
        let one = try Self.bytes(of: (1...50).map { Self.call($0, tokens: 1_000) })
        let both = try Self.bytes(of: (1...50).map { Self.call($0, tokens: 1_000, reported: $0 == 7 ? 2 : nil) })
        #expect(one[4] == 1 && both[4] == 3)
        #expect(both.count == one.count + 8)
        let reported = try Self.bytes(of: (1...50).map { Self.call($0, model: "n", tokens: 1_000, reported: 2) })
        #expect(reported[4] == 1 && reported.count == one.count, "the only one that there is counts")
    }

    /// Put together from docs/formats/usage-v1.md, not by our writer.
    @Test func aFileOfTheFirstVersionIsRead() throws {
        let hex = """
            534b55530100000072000000919cddaa07018080a8b1e39fe7cb178080a8b1e39fe7cb17010475736572070000047368\
            6f700463686174066f70656e6169016d0361646100008080a8b1e39fe7cb170100000000000000020000000000000003\
            00000000000000040164140000001e0500000000000000d03f010201030405010106
            """
        let digits = Array(hex.utf8)
        let bytes = try stride(from: 0, to: digits.count, by: 2).map {
            try #require(UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16))
        }
        let disk = MemoryFileSystem()
        try disk.createDirectory("u")
        try disk.open("u/usage-019675.v1", .create).writeAll(bytes, at: 0, path: "u")
        let metrics = try Self.opened(disk)
        let record = try #require(try Self.records(metrics).first)
        #expect(record.cost == 0.25 && record.costSource == .reported && record.otherCost == 0)
        #expect(record.calls == 4 && record.errors == 1 && record.model == "m" && record.attribution.first == "ada")
        #expect(record.tokens.input == 120 && record.tokens.output == 35)
        let sum = try Self.sum(metrics)
        #expect(sum.cost == 0.25 && sum.reportedCost == 0.25 && sum.computedCost == 0)
    }

    /// Also with a chunk of this version behind it.
    @Test(arguments: [1, 2]) func whatALaterVersionAddedToAFileIsRefusedAndNotCutOff(chunk: Int) throws {
        let disk = MemoryFileSystem()
        let metrics = try Self.opened(disk)
        var sizes: [Int] = []
        for number in 1...3 as ClosedRange<UInt64> {
            let time = Self.begin + number * 1_000 * Self.second
            metrics.record(try .of([Self.call(number, tokens: 5)], position: number * 2, receivedAt: time))
            metrics.record(try .of([], position: number * 2 + 1, receivedAt: time + 100 * Self.second))
            try metrics.prepareCheckpoint()
            sizes.append(try disk.open("u/" + (try #require(try disk.list("u").first)), .read).size())
        }
        let name = "u/" + (try #require(try disk.list("u").first))
        let file = try disk.open(name, .update)
        try file.writeAll([5], at: sizes[chunk - 1] + 4, path: name)
        let error = try #require(throws: CheckpointError.self) { try Self.opened(disk) }
        #expect("\(error)".contains("format version 5, expected at most 4"))
        // What does not check is nobody's.
        try file.writeAll([0x55], at: sizes[chunk] - 1, path: name)
        var count = 0
        let damaged = try Self.opened(disk).forEachRecord(in: .all) { _ in
            count += 1
            return true
        }
        #expect(count == 2 && damaged == (chunk == 1 ? 1 : 0))
        #expect(try file.size() == (chunk == 1 ? sizes[2] : sizes[1]))
    }

    // MARK: usage that comes late

    /// A call of which a framework's span comes in time and the provider's library's, with the tokens, after it counted.
    private static func late(
        outer: Double?, inner: Double?, _ policy: CostPolicy = .computedFirst
    ) throws -> GenAIMetrics {
        let metrics = try opened(MemoryFileSystem(), policy)
        let spans = [
            call(1, trace: 1, tokens: nil, reported: outer),
            call(2, parent: 1, trace: 1, tokens: 1_000, reported: inner),
        ]
        for (index, span) in spans.enumerated() {
            let time = begin + UInt64(index) * 25 * second
            metrics.record(try .of([span], position: UInt64(index) * 2 + 1, receivedAt: time))
            let end = index == 0 ? time + 20 * second : time + 1_000 * second
            metrics.record(try .of([], position: UInt64(index) * 2 + 2, receivedAt: end))
        }
        return metrics
    }

    @Test(
        arguments: [
            // What was counted with the call stays; the tokens' cost is beside it.
            (3, nil, .computedFirst, 3, 3), (3, 3, .computedFirst, 3, 3), (3, nil, .reportedFirst, 3, 3),
            // Nothing was: the usage brings both.
            (nil, 4, .computedFirst, 1, 4), (nil, 4, .reportedFirst, 4, 4), (nil, nil, .computedFirst, 1, 0),
        ] as [(Double?, Double?, CostPolicy, Double, Double)])
    func lateUsageAddsUp(
        outer: Double?, inner: Double?, policy: CostPolicy, cost: Double, reported: Double
    ) throws {
        let metrics = try Self.late(outer: outer, inner: inner, policy)
        #expect(try Self.records(metrics).map(\.kind) == [.call, .supplement])
        let sum = try Self.sum(metrics)
        #expect(sum.calls == 1 && sum.tokens.input == 1_000)
        #expect(sum.cost == cost && sum.computedCost == 1 && sum.reportedCost == reported)
        let (counted, other) = (Self.counters(metrics, Self.counted), Self.counters(metrics, Self.uncounted))
        #expect(counted.values.reduce(0, +) == cost, "what counts is the bill")
        #expect((counted["computed"] ?? 0) + (other["computed"] ?? 0) == 1)
        #expect((counted["reported"] ?? 0) + (other["reported"] ?? 0) == reported)
    }

    // MARK: counters

    @Test func theOtherCostIsAFamilyOfItsOwnWhereThereIsAny() throws {
        let metrics = try Self.opened()
        metrics.record(try .of([Self.calls[1], Self.calls[2]], position: 1, receivedAt: Self.begin))
        metrics.record(try .of([], position: 2, receivedAt: Self.begin + 100 * Self.second))
        #expect(Self.counters(metrics, Self.counted) == ["computed": 2, "reported": 7])
        func hasFamily() -> Bool {
            var writer = PrometheusTextWriter(format: .prometheusText)
            metrics.snapshot(now: Self.begin).write(to: &writer)
            return String(decoding: writer.takeBytes(), as: UTF8.self).contains(Self.uncounted)
        }
        #expect(!hasFamily())
        metrics.record(
            try .of([Self.calls[0], Self.calls[4]], position: 3, receivedAt: Self.begin + 200 * Self.second))
        metrics.record(try .of([], position: 4, receivedAt: Self.begin + 300 * Self.second))
        #expect(hasFamily())
        #expect(Self.counters(metrics, Self.counted) == ["computed": 5, "reported": 7])
        #expect(Self.counters(metrics, Self.uncounted) == ["reported": 7])

        let again = try Self.opened()
        #expect(try again.restore(metrics.checkpointSection()) == .restored)
        #expect(Self.counters(again, Self.uncounted) == ["reported": 7])
        again.record(try .of([Self.calls[0]], position: 5, receivedAt: Self.begin + 400 * Self.second))
        again.record(try .of([], position: 6, receivedAt: Self.begin + 500 * Self.second))
        #expect(Self.counters(again, Self.uncounted) == ["reported": 10])
    }

    /// One of version 2, which a program from before wrote, is read in `GenAISeriesTests`.
    @Test func aSectionOfALaterVersionIsRefusedAndTheFirstStartsOver() throws {
        let metrics = try Self.opened()
        metrics.record(try .of([Self.calls[1]], position: 1, receivedAt: Self.begin))
        var section = metrics.checkpointSection()
        section.version += 1
        #expect(throws: CheckpointError.self) { try Self.opened().restore(section) }
        section.version = 1
        guard case .startedOver = try Self.opened().restore(section) else {
            Issue.record("version 1 is of another time")
            return
        }
    }

    // MARK: traces

    @Test func aTraceHasBothCostsOfItsSpans() throws {
        let spans = [
            SpanFixture("ask", id: 9).with { $0.traceID = TraceID(high: 5, low: 1) },
            Self.call(1, parent: 9, trace: 1, tokens: 1_000, reported: 3),
            Self.call(2, parent: 9, trace: 1, model: "n", tokens: 2_000),
        ]
        let book = try PriceBook(
            json: Array(#"{"m": {"input_cost_per_token": 0.001}, "n": {"input_cost_per_token": 0.01}}"#.utf8))
        let usage = TraceUsage(try .of(spans), costs: CostModel(prices: book))
        #expect(usage.total.computedCost == 21 && usage.total.reportedCost == 3 && usage.total.cost == 21)
        let sums = usage.sums(of: [(SpanID(9), nil), (SpanID(1), 0), (SpanID(2), 0)])
        #expect(sums.map(\.computedCost) == [21, 1, 20] && sums.map(\.reportedCost) == [3, 3, 0])
    }

    @Test func theGraphOfAgentsHasBothCosts() throws {
        let store = InMemoryStore()
        let priced = Self.call(1, model: "claude-sonnet-4-5", tokens: 1_000, reported: 3).with {
            $0.traceState = "ot=th:c"
        }
        try store.append(try .of([priced], position: 1))
        let graph = try AgentGraphQuery(range: .all).run(on: store, costs: CostModel(), context: QueryContext())
        #expect(graph.total.reportedCost == 12 && graph.total.computedCost > 0)
        #expect(graph.total.cost == graph.total.computedCost)
    }
}
