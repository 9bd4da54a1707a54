import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct GenAIMetricsTests {
    private static let second: UInt64 = 1_000_000_000

    /// A scenario's spans in batches that come some seconds apart, those of one trace within the wait.
    private static func journal(_ scenario: ModelCallScenario, seed: UInt64, gapMax: UInt64 = 2 * second) throws
        -> [StoredBatch]
    {
        var random = SeededGenerator(seed: seed)
        var batches: [StoredBatch] = []
        var rest = scenario.spans[...]
        var receivedAt = 1_700_000_000 * second
        while !rest.isEmpty {
            let part = rest.prefix(.random(in: 1...40, using: &random)).shuffled(using: &random)
            rest = rest.dropFirst(part.count)
            receivedAt += .random(in: 0...gapMax, using: &random)
            batches.append(
                try .of(part, position: UInt64(batches.count + 1), receivedAt: receivedAt))
        }
        // The end of time for what waits.
        batches.append(try .of([], position: UInt64(batches.count + 1), receivedAt: receivedAt + 1_000 * second))
        return batches
    }

    private static func metrics(_ disk: any FileSystem) -> GenAIMetrics {
        GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "derived/usage", files: disk))
    }

    private static func opened(_ disk: any FileSystem = MemoryFileSystem()) throws -> GenAIMetrics {
        let metrics = metrics(disk)
        try metrics.open()
        return metrics
    }

    private static func records(_ metrics: GenAIMetrics, damaged: Int = 0) throws -> [UsageRecord] {
        var records: [UsageRecord] = []
        #expect(
            try metrics.forEachRecord(in: .all) { record in
                records.append(record)
                return true
            } == damaged)
        return records.sorted { ($0.time, $0.spanID.rawValue) < ($1.time, $1.spanID.rawValue) }
    }

    private static func exposition(_ metrics: GenAIMetrics) -> Set<Substring> {
        var writer = PrometheusTextWriter(format: .prometheusText)
        metrics.snapshot(now: 0).write(to: &writer)
        return Set(String(decoding: writer.takeBytes(), as: UTF8.self).split(separator: "\n"))
    }

    /// It is counted when it has as many spans as are kept, and what follows of it waits as if it were another.
    @Test func aTraceThatWasFullWaitsOnce() throws {
        let metrics = try Self.opened()
        for batch in 0..<7 as Range<UInt64> {
            let spans = (batch * 5_000 + 1...batch * 5_000 + 5_000).map { id in
                SpanFixture("chat", id: id).with {
                    ($0.traceID, $0.start, $0.end) = (TraceID(high: 4, low: 4), id * 10, id * 10 + 5)
                    $0.attributes = [KeyValue("gen_ai.operation.name", .string("chat"))]
                }
            }
            metrics.record(try .of(spans, position: batch + 1, receivedAt: Self.second * (1_000 + batch)))
        }
        #expect(metrics.statistics.calls == 30_000 && metrics.statistics.pendingSpans == 5_000)
        #expect(metrics.statistics.tracesSettledEarly == 3)
        let section = metrics.checkpointSection()
        let again = try Self.opened()
        #expect(try again.restore(section) == .restored)
        #expect(again.checkpointSection() == section)
    }

    @Test func crashesAndLossesOfPowerNeitherLoseNorDoubleARecord() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("GenAIMetricsTests seed \(seed)")
        let scenario = ModelCallScenario(seed: seed, traces: 60)
        let journal = try Self.journal(scenario, seed: seed)
        let disk = MemoryFileSystem()
        try disk.createDirectory("derived")
        let whole = try Self.opened()
        for batch in journal { whole.record(batch) }

        var random = SeededGenerator(seed: seed)
        var next = 0
        var last = Self.metrics(disk)
        while next < journal.count {
            // A process: its disk fails somewhere, it dies, and sometimes the power goes with it.
            let fault = Int.random(in: 0..<60, using: &random)
            let kind = Fault.allCases.randomElement(using: &random)
            let files = FaultyFileSystem(on: disk) { $0.index == fault ? kind : nil }
            last = Self.metrics(files)
            let state = DerivedState(directory: "derived", derivations: [last], files: files)
            if (try? state.load()) == nil { continue }
            for batch in journal[..<next] where batch.position > state.replayPosition { state.record(batch) }
            let end = min(journal.count, next + .random(in: 1...15, using: &random))
            for batch in journal[next..<end] {
                state.record(batch)
                if Int.random(in: 0..<3, using: &random) == 0 { try? state.checkpoint() }
            }
            next = end
            if Bool.random(using: &random) {
                disk.losePower { Bool.random(using: &random) }
            } else {
                disk.endProcess()
            }
        }
        let final = Self.metrics(disk)
        let state = DerivedState(directory: "derived", derivations: [final], files: disk)
        #expect(try state.load().isEmpty || state.replayPosition == .beginning)
        for batch in journal where batch.position > state.replayPosition { state.record(batch) }
        #expect(try Self.records(final) == Self.records(whole))
        let differences = Self.exposition(final).symmetricDifference(Self.exposition(whole))
        #expect(differences.allSatisfy { $0.contains("_sum") || $0.contains("cost_usd") }, "\(differences.prefix(3))")
        #expect(try Self.records(final).reduce(0) { $0 + Int($1.calls) } == scenario.truth.count)
    }

    @Test func aCallIsShownOnceItsWaitIsOverThoughNothingElseArrives() throws {
        let metrics = try Self.opened()
        let span = SpanFixture("chat m").with {
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string("m")),
            ]
        }
        metrics.record(try .of([span], position: 1, receivedAt: 100 * Self.second))
        func calls(at time: UInt64) -> Bool {
            var writer = PrometheusTextWriter(format: .prometheusText)
            metrics.snapshot(now: time).write(to: &writer)
            return String(decoding: writer.takeBytes(), as: UTF8.self).contains("gen_ai_client_calls_total{")
        }
        #expect(!calls(at: 109 * Self.second))
        #expect(calls(at: 110 * Self.second))
        // A record is there at once.
        #expect(try Self.records(metrics).map(\.calls) == [1])
    }

    /// Also where nothing came in between, and the wait has been over for long.
    @Test(arguments: [(after: 5, cost: 2.0), (after: 30, cost: 1.0)])
    func callsCostWhatTheyDidWhenTheirWaitWasOver(after: UInt64, cost: Double) throws {
        func costs(_ price: String) throws -> CostModel {
            CostModel(prices: try PriceBook(json: Array("{\"m\": {\"input_cost_per_token\": \(price)}}".utf8)))
        }
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: try costs("1e-3"), log: UsageLog(directory: "u", files: MemoryFileSystem()))
        try metrics.open()
        let span = SpanFixture("chat m").with {
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string("m")),
                KeyValue("gen_ai.usage.input_tokens", .int(1_000)),
            ]
        }
        metrics.record(try .of([span], position: 1, receivedAt: 1_000 * Self.second))
        metrics.use(try costs("2e-3"), at: (1_000 + after) * Self.second)
        metrics.use(try costs("3e-3"), at: 5_000 * Self.second)
        #expect(try Self.records(metrics).map(\.cost) == [cost], "while it only would be counted")
        metrics.record(try .of([span], position: 2, receivedAt: 6_000 * Self.second))
        metrics.record(try .of([], position: 3, receivedAt: 7_000 * Self.second))
        #expect(try Self.records(metrics).map(\.cost) == [cost, 3], "once it is")
    }

    /// Though a model's price is looked up once.
    @Test func callsOfOneModelHaveThePricesOfTheirTimes() throws {
        let book = try PriceBook(
            json: Array(
                #"""
                {"m": {"input_cost_per_token": 1e-3,
                       "price_periods": [{"from": "2026-12-01", "input_cost_per_token": 2e-3}]}}
                """#.utf8))
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(prices: book),
            log: UsageLog(directory: "u", files: MemoryFileSystem()))
        try metrics.open()
        let december = try #require(TimeText.parseRFC3339("2026-12-01T00:00:00Z"))
        let starts = [december, december - 1, december + 1, december - Self.second, december]
        let spans = starts.enumerated().map { index, start in
            SpanFixture("chat m").with {
                $0.traceID = TraceID(high: 1, low: UInt64(index) + 1)
                ($0.start, $0.end) = (start, start + Self.second)
                $0.attributes = [
                    KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string("m")),
                    KeyValue("gen_ai.usage.input_tokens", .int(1_000)), KeyValue("gen_ai.usage.output_tokens", .int(0)),
                ]
            }
        }
        metrics.record(try .of(spans, position: 1, receivedAt: december))
        metrics.record(try .of([], position: 2, receivedAt: december + 1_000 * Self.second))
        let costs = try Self.records(metrics).map { ($0.time >= december, $0.cost) }
        #expect(costs.count == 5 && costs.allSatisfy { isLater, cost in abs(cost - (isLater ? 2 : 1)) < 1e-9 })
    }

    /// What waits is as if a batch came, without one.
    @Test func whatWaitsGetsLessWhileNothingArrives() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("GenAIMetricsTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let journal = try Self.journal(ModelCallScenario(seed: seed, traces: 40), seed: seed, gapMax: 9 * Self.second)
        let metrics = try Self.opened()
        var counts: Set<Int> = []
        for (batch, next) in zip(journal, journal.dropFirst()) {
            metrics.record(batch)
            #expect(metrics.pendingSpans(at: 0) == metrics.statistics.pendingSpans)
            let time = next.receivedAt + .random(in: 0...90 * Self.second, using: &random)
            let expected = metrics.pendingSpans(at: time)
            let section = metrics.checkpointSection()
            let copy = try Self.opened()
            #expect(try copy.restore(section) == .restored)
            copy.record(try .of([], position: 100_000, receivedAt: time))
            #expect(copy.statistics.pendingSpans == expected)
            #expect(metrics.pendingSpans(at: batch.receivedAt + 1_000 * Self.second) == 0)
            counts.insert(expected)
        }
        #expect(counts.contains { $0 > 0 })
    }

    @Test func rowsAndTheRestAreTheTotalForEveryKey() throws {
        let scenario = ModelCallScenario(seed: 5, traces: 40)
        let metrics = try Self.opened()
        for batch in try Self.journal(scenario, seed: 5) { metrics.record(batch) }
        var truth = TokenUsage()
        for call in scenario.truth { truth += call.usage ?? TokenUsage() }
        for name in UsageQuery.Key.names(metrics.configuration) {
            let key = try #require(UsageQuery.Key(name, configuration: metrics.configuration))
            var query = UsageQuery(range: .all, by: [key])
            query.steps = .every(nanoseconds: 60 * Self.second)
            let result = try query.run(on: metrics) { () throws(StorageError) in }
            var sum = UsageSum()
            var (calls, cost) = (result.unattributed.sum.calls, result.unattributed.sum.cost)
            var tokens = result.unattributed.sum.tokens
            for row in result.rows {
                calls += row.sum.calls
                cost += row.sum.cost
                tokens += row.sum.tokens
                #expect(row.points.values.reduce(0) { $0 + $1.calls } == row.sum.calls)
            }
            sum.tokens = truth
            #expect(calls == result.total.sum.calls && calls == scenario.truth.count)
            #expect(abs(cost - result.total.sum.cost) < 1e-9 && cost > 0)
            #expect(tokens == result.total.sum.tokens)
            #expect(tokens.input == truth.input && tokens.output == truth.output + scenario.unattributed)
        }
    }

    @Test func aLogThatIsCutAtAnyByteKeepsItsWholeChunks() throws {
        let disk = MemoryFileSystem()
        let log = UsageLog(directory: "u", files: disk)
        let metrics = GenAIMetrics(GenAIConfiguration(), costs: CostModel(), log: log)
        try metrics.open()
        for batch in try Self.journal(ModelCallScenario(seed: 3, traces: 20), seed: 3, gapMax: 20 * Self.second) {
            metrics.record(batch)
            try metrics.prepareCheckpoint()
        }
        let name = try #require(try disk.list("u").first)
        let file = try disk.open("u/" + name, .update)
        let whole = try Self.records(metrics).count
        #expect(whole > 1)
        var counts: Set<Int> = []
        for bytes in stride(from: try file.size(), through: 0, by: -1) {
            try file.truncate(to: bytes)
            let again = GenAIMetrics(
                GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "u", files: disk))
            try again.open()
            counts.insert(try Self.records(again).count)
            if try disk.list("u").isEmpty { break }
        }
        #expect(counts.contains(0) && counts.contains(whole) && counts.count > 2)
    }

    private static func flushed(
        _ disk: MemoryFileSystem, _ configuration: GenAIConfiguration = GenAIConfiguration()
    ) throws -> GenAIMetrics {
        let metrics = GenAIMetrics(
            configuration, costs: CostModel(), log: UsageLog(directory: "u", files: disk))
        try metrics.open()
        for batch in try journal(ModelCallScenario(seed: 3, traces: 20), seed: 3, gapMax: 20 * second) {
            metrics.record(batch)
            try metrics.prepareCheckpoint()
        }
        return metrics
    }

    @Test func aLogOfAFutureVersionIsRefused() throws {
        let disk = MemoryFileSystem()
        let metrics = try Self.flushed(disk)
        let name = try #require(try disk.list("u").first)
        try disk.open("u/" + name, .update).writeAll([5], at: 4, path: name)
        #expect(throws: CheckpointError.self) { try metrics.forEachRecord(in: .all) { _ in true } }
        let again = GenAIMetrics(GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "u", files: disk))
        let error = try #require(throws: CheckpointError.self) { try again.open() }
        #expect("\(error)".contains("format version 5, expected at most 4"))
    }

    @Test func damageInTheMiddleTakesOneChunkFromAnswersAndNothingFromTheFile() throws {
        let disk = MemoryFileSystem()
        let metrics = try Self.flushed(disk)
        let whole = try Self.records(metrics).count
        let name = try #require(try disk.list("u").first)
        let file = try disk.open("u/" + name, .update)
        let size = try file.size()
        // Within the payload, and in the length of a chunk: then the next one has to be searched for.
        for offset in [40, 8] {
            let before = try file.readBytes(at: offset, count: 1)
            try file.writeAll([before[0] ^ 0x55], at: offset, path: name)
            let again = GenAIMetrics(
                GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "u", files: disk))
            try again.open()
            #expect(try file.size() == size)
            let left = try Self.records(again, damaged: 1).count
            #expect(left < whole && left > 0)
            try file.writeAll(before, at: offset, path: name)
        }
        #expect(try Self.records(metrics).count == whole)
    }

    @Test func recordsKeepTheNamesOfTheirAttribution() throws {
        let disk = MemoryFileSystem()
        _ = try Self.flushed(disk)
        var configuration = GenAIConfiguration()
        configuration.attribution.insert(.init(name: "team", attributes: ["app.team"]), at: 0)
        configuration.attribution.removeAll { $0.name == "department" }
        let metrics = GenAIMetrics(
            configuration, costs: CostModel(), log: UsageLog(directory: "u", files: disk))
        try metrics.open()
        let users = try Self.records(metrics).map { $0.attribution[1] }
        #expect(!users.isEmpty && users.allSatisfy { $0 == "ada" })
    }

    /// A parent is sent when it ends: calls that began long before are counted with who worked.
    @Test func aCallWaitsForTheSpansAboveIt() throws {
        let metrics = try Self.opened()
        let call = SpanFixture("chat m", id: 2, parent: 1).with {
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string("m")),
            ]
        }
        let agent = SpanFixture("invoke_agent planner", id: 1).with {
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("invoke_agent")), KeyValue("user.id", .string("ada")),
            ]
        }
        metrics.record(try .of([call], position: 1, receivedAt: 100 * Self.second))
        metrics.record(try .of([], position: 2, receivedAt: 130 * Self.second))
        metrics.record(try .of([agent], position: 3, receivedAt: 140 * Self.second))
        metrics.record(try .of([], position: 4, receivedAt: 200 * Self.second))
        let records = try Self.records(metrics)
        #expect(records.map(\.agent) == ["planner"] && records[0].attribution[0] == "ada")
    }

    @Test func aRecordIsNotDoubledByACrashBetweenTheChunksOfOneFlush() throws {
        let batches = try (1...3).map { position in
            try StoredBatch.of(
                (0..<9_000).map { number in
                    SpanFixture("chat m", id: UInt64(position * 10_000 + number)).with {
                        $0.traceID = TraceID(high: UInt64(position), low: UInt64(number + 1))
                        $0.attributes = [KeyValue("gen_ai.operation.name", .string("chat"))]
                    }
                }, position: UInt64(position), receivedAt: UInt64(position) * 100 * Self.second)
        }
        let end = try StoredBatch.of([], position: 4, receivedAt: 1_000 * Self.second)
        for operation in 0..<12 {
            let disk = MemoryFileSystem()
            let files = FaultyFileSystem(on: disk) { $0.index == operation ? .crashWithin : nil }
            let first = GenAIMetrics(
                GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "u", files: files))
            if (try? first.open()) != nil {
                for batch in batches + [end] { first.record(batch) }
                try? first.prepareCheckpoint()
            }
            let second = GenAIMetrics(
                GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "u", files: disk))
            try second.open()
            for batch in batches + [end] { second.record(batch) }
            #expect(try Self.records(second).count == 27_000)
        }
    }

    @Test func whatWaitsOutlivesAChangeOfAttributionKeys() throws {
        let disk = MemoryFileSystem()
        let span = SpanFixture("chat m").with {
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("user.id", .string("ada")),
                KeyValue("team", .string("blue")),
            ]
        }
        let before = try Self.opened(disk)
        before.record(try .of([span], position: 1, receivedAt: 100 * Self.second))
        let section = before.checkpointSection()

        var configuration = GenAIConfiguration()
        configuration.attribution = [
            .init(name: "team", attributes: ["team"]), .init(name: "user", attributes: ["user.id"]),
        ]
        let after = GenAIMetrics(configuration, costs: CostModel(), log: UsageLog(directory: "u", files: disk))
        try after.open()
        #expect(
            try after.restore(section)
                == .startedOver(reason: "the attribution keys of gen_ai, or those of its histograms, have changed"))
        after.record(try .of([], position: 2, receivedAt: 900 * Self.second))
        let records = try Self.records(after)
        #expect(records.map(\.calls) == [1])
        #expect(records.map(\.attribution) == [["", "ada"]], "what was not asked for then is not known")
    }

    @Test(arguments: [1 as UInt64, 30])
    func anotherWaitAfterACrashNeitherLosesNorDoublesACall(seconds: UInt64) throws {
        let disk = MemoryFileSystem()
        try disk.createDirectory("derived")
        let scenario = ModelCallScenario(seed: 9, traces: 40)
        let journal = try Self.journal(scenario, seed: 9, gapMax: 4 * Self.second)
        let first = try Self.opened(disk)
        for batch in journal.prefix(journal.count / 3) { first.record(batch) }
        try first.prepareCheckpoint()
        let section = first.checkpointSection()
        // Records are flushed once more, and the process dies before the checkpoint that goes with them.
        for batch in journal.dropFirst(journal.count / 3).prefix(journal.count / 3) { first.record(batch) }
        try first.prepareCheckpoint()

        var configuration = GenAIConfiguration()
        configuration.waitNanoseconds = seconds * Self.second
        let second = GenAIMetrics(
            configuration, costs: CostModel(), log: UsageLog(directory: "derived/usage", files: disk))
        try second.open()
        #expect(try second.restore(section) == .restored)
        for batch in journal where batch.position > second.position { second.record(batch) }
        let spans = try Self.records(second).filter { $0.kind == .call }.map(\.spanID)
        #expect(Set(spans).count == spans.count, "none is there twice")
        let whole = try Self.opened()
        for batch in journal { whole.record(batch) }
        let expected = try Self.records(whole).filter { $0.kind == .call }.map(\.spanID)
        // A shorter wait may split a call whose spans come apart; none may be missing.
        #expect(seconds < 10 || Set(expected).isSubset(of: Set(spans)))
        #expect(spans.count >= expected.count)
    }

    /// Each call is counted with the batch that it came in, or the next.
    @Test func withoutAWaitNothingWaitsForEver() throws {
        var configuration = GenAIConfiguration()
        configuration.waitNanoseconds = 0
        let metrics = GenAIMetrics(
            configuration, costs: CostModel(), log: UsageLog(directory: "derived/usage", files: MemoryFileSystem()))
        try metrics.open()
        for batch in try Self.journal(ModelCallScenario(seed: 4, traces: 10), seed: 4) {
            metrics.record(batch)
            _ = metrics.snapshot(now: batch.receivedAt)
        }
        #expect(try Self.records(metrics).contains { $0.kind == .call })
    }

    @Test func aMomentFarAheadRemovesNoRecords() throws {
        let disk = MemoryFileSystem()
        let metrics = try Self.opened(disk)
        func add(_ number: UInt64, at time: UInt64) throws {
            let span = SpanFixture("chat m").with {
                $0.traceID = TraceID(high: 9, low: number)
                $0.attributes = [KeyValue("gen_ai.operation.name", .string("chat"))]
            }
            metrics.record(try .of([span], position: number, receivedAt: time))
            try metrics.prepareCheckpoint()
        }
        let day = 86_400 * Self.second
        for number in 1...5 as ClosedRange<UInt64> { try add(number, at: (20_000 + number) * day) }
        try add(6, at: 90_000 * day)
        for number in 7...9 as ClosedRange<UInt64> { try add(number, at: 20_006 * day + number * 60 * Self.second) }
        #expect(try Self.records(metrics).count == 9)
    }

    @Test func callsOfATierCostWhatTheTierCosts() throws {
        let book = try PriceBook(
            json: Array(
                """
                {"m": {"input_cost_per_token": 0.01, "output_cost_per_token": 0.02, "input_cost_per_token_flex": 0.005,
                "output_cost_per_token_flex": 0.01, "litellm_provider": "openai"}}
                """.utf8))
        for (tier, cost) in [("default", 0.14), ("flex", 0.07), ("auto", 0.14)] {
            let metrics = GenAIMetrics(
                GenAIConfiguration(), costs: CostModel(prices: book),
                log: UsageLog(directory: "u", files: MemoryFileSystem()))
            try metrics.open()
            let span = SpanFixture("chat m").with {
                $0.attributes = [
                    KeyValue("gen_ai.operation.name", .string("chat")),
                    KeyValue("gen_ai.provider.name", .string("openai")),
                    KeyValue("gen_ai.request.model", .string("m")),
                    KeyValue("openai.response.service_tier", .string(tier)),
                    KeyValue("gen_ai.usage.input_tokens", .int(10)),
                    KeyValue("gen_ai.usage.output_tokens", .int(2)),
                ]
            }
            metrics.record(try .of([span], position: 1))
            #expect(try Self.records(metrics).allSatisfy { abs($0.cost - cost) < 1e-12 })
            #expect(try Self.records(metrics).count == 1)
        }
    }

    @Test func whoHasASeriesKeepsItAndOthersAreAddedUpOnceThereAreNoMore() throws {
        var configuration = GenAIConfiguration()
        configuration.aggregationCardinalityLimit = 3
        func made() throws -> GenAIMetrics {
            let metrics = GenAIMetrics(
                configuration, costs: CostModel(), log: UsageLog(directory: "u", files: MemoryFileSystem()))
            try metrics.open()
            return metrics
        }
        func counts(_ metrics: GenAIMetrics) -> [String: Int] {
            var counts: [String: Int] = [:]
            for line in Self.exposition(metrics) where line.hasPrefix("gen_ai_client_calls_total{") {
                let user = line.split(separator: "user=\"").dropFirst().first?.prefix { $0 != "\"" }
                let key = line.contains("otel_metric_overflow") ? "overflow" : String(user ?? "")
                counts[key] = line.split(separator: " ").last.flatMap { Int($0) }
            }
            return counts
        }
        var position: UInt64 = 0
        /// Each call in a trace of its own, and counted before the next one comes.
        func record(_ calls: [(user: String, model: String)], _ metrics: GenAIMetrics) throws {
            for call in calls + [("", "")] {
                position += 1
                let span = SpanFixture("chat", id: position).with {
                    $0.traceID = TraceID(high: 9, low: position)
                    $0.attributes = [
                        KeyValue("gen_ai.operation.name", .string("chat")),
                        KeyValue("gen_ai.request.model", .string(call.model)),
                        KeyValue("user.id", .string(call.user)),
                    ]
                }
                let spans = call.user.isEmpty ? [] : [span]
                metrics.record(try .of(spans, position: position, receivedAt: position * 100 * Self.second))
            }
        }
        let metrics = try made()
        try record([("u0", "m"), ("u1", "m"), ("u2", "m"), ("u3", "m"), ("u1", "m"), ("u1", "n")], metrics)
        try record([("u3", "m"), ("u4", "m"), ("u4", "m"), ("u0", "m")], metrics)
        #expect(counts(metrics) == ["u0": 2, "u1": 2, "u2": 1, "overflow": 5])

        let next = try made()
        #expect(try next.restore(metrics.checkpointSection()) == .restored)
        try record([("u5", "m"), ("u2", "m"), ("u5", "m"), ("u2", "n")], next)
        #expect(counts(next) == ["u0": 2, "u1": 2, "u2": 2, "overflow": 8])
    }

    @Test func stepsOfUnequalLengthAddUp() throws {
        let metrics = try Self.opened()
        let scenario = ModelCallScenario(seed: 4, traces: 30)
        for batch in try Self.journal(scenario, seed: 4) { metrics.record(batch) }
        let times = try Self.records(metrics).map(\.time)
        let starts = [times[0], times[times.count / 3] + 1, times[times.count / 2] + 1]
        let key = try #require(UsageQuery.Key("model", configuration: metrics.configuration))
        var query = UsageQuery(range: .all, by: [key])
        query.steps = .from(starts)
        let result = try query.run(on: metrics) { () throws(StorageError) in }
        #expect(Set(result.total.points.keys).isSubset(of: Set(starts)))
        for (start, end) in zip(starts, starts.dropFirst() + [.max]) {
            let expected = try Self.records(metrics).filter { $0.time >= start && $0.time < end }
            #expect(result.total.points[start]?.calls ?? 0 == expected.reduce(0) { $0 + $1.calls })
        }
    }

    @Test func whatIsOnNobodysBehalfIsUnattributed() throws {
        let metrics = try Self.opened()
        for number in 1...3 as ClosedRange<UInt64> {
            let span = SpanFixture("chat m").with {
                $0.traceID = TraceID(high: 4, low: number)
                $0.attributes = [
                    KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string("m")),
                ]
                if number == 1 { $0.attributes.append(KeyValue("department", .string("care"))) }
            }
            metrics.record(try .of([span], position: number))
        }
        func result(_ names: String...) throws -> UsageResult {
            let keys = try names.map { try #require(UsageQuery.Key($0, configuration: metrics.configuration)) }
            return try UsageQuery(range: .all, by: keys).run(on: metrics) { () throws(StorageError) in }
        }
        let chargeback = try result("department", "model")
        #expect(chargeback.rows.map(\.key) == [["care", "m"]])
        #expect(chargeback.unattributed.sum.calls == 2 && chargeback.attributed.calls == 1)
        #expect(try result("model").unattributed.sum.calls == 0)
        #expect(try result("agent").unattributed.sum.calls == 3)
    }
}
