import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// Answers about usage, against sums of the records one by one.
@Suite struct UsageQueryTests {
    private static let second: UInt64 = 1_000_000_000

    private static func metrics(
        _ disk: MemoryFileSystem, _ configuration: GenAIConfiguration = GenAIConfiguration()
    ) throws -> GenAIMetrics {
        let metrics = GenAIMetrics(
            configuration, costs: CostModel(), log: UsageLog(directory: "usage", files: disk))
        try metrics.open()
        return metrics
    }

    /// Batches whose traces began over some days, each day's a little after the one before.
    static func journal(seed: UInt64, days: UInt64) throws -> [StoredBatch] {
        var random = SeededGenerator(seed: seed)
        var batches: [StoredBatch] = []
        for day in 0..<days {
            var spans = ModelCallScenario(seed: seed &+ day, traces: 12).spans[...]
            // Some call begins in the first nanosecond of a day, another in the last of the one before.
            let shift = day * 86_400 * second
            while !spans.isEmpty {
                let part = spans.prefix(.random(in: 1...40, using: &random)).map { span in
                    span.with {
                        $0.traceID = TraceID(high: $0.traceID.high, low: $0.traceID.low &+ day << 32)
                        $0.start += shift
                        $0.end += shift
                    }
                }
                spans = spans.dropFirst(part.count)
                let position = UInt64(batches.count + 1)
                let receivedAt = 1_700_000_000 * second + shift + position * 20 * second
                batches.append(try .of(part, position: position, receivedAt: receivedAt))
            }
        }
        return batches
    }

    // MARK: the sums of records

    private static func value(_ name: String, of record: UsageRecord, _ configuration: GenAIConfiguration) -> String {
        switch name {
        case "model": return record.model
        case "provider": return record.provider
        case "agent": return record.agent
        case "service": return record.service
        case "operation": return record.operation
        case "conversation": return record.conversation
        default:
            let place = configuration.attribution.firstIndex { $0.name == name }
            return place.flatMap { $0 < record.attribution.count ? record.attribution[$0] : nil } ?? ""
        }
    }

    private struct Sums: Hashable {
        var rows: [[String]: UsageSum] = [:]
        /// By row and the beginning of a step; of all calls under an empty key.
        var points: [[String]: [UInt64: UsageSum]] = [:]
        var total = UsageSum()
        var attributed = UsageSum()
        var unattributed = UsageSum()
    }

    private static func sums(
        _ metrics: GenAIMetrics, _ query: UsageQuery, by names: [String], step: (UInt64) -> UInt64?
    ) throws -> Sums {
        var sums = Sums()
        let own = Set(metrics.configuration.attribution.map(\.name))
        _ = try metrics.forEachRecord(in: query.range) { record in
            guard record.tenant == query.tenant else { return true }
            let key = names.map { value($0, of: record, metrics.configuration) }
            let asked = zip(names, key).filter { own.contains($0.0) }
            let decisive = asked.isEmpty ? key : asked.map(\.1)
            let isUnattributed = decisive.allSatisfy(\.isEmpty)
            sums.total.add(record)
            if isUnattributed {
                sums.unattributed.add(record)
            } else {
                sums.attributed.add(record)
                sums.rows[key, default: UsageSum()].add(record)
            }
            guard let step = step(record.time) else { return true }
            sums.points[[], default: [:]][step, default: UsageSum()].add(record)
            if !isUnattributed { sums.points[key, default: [:]][step, default: UsageSum()].add(record) }
            return true
        }
        return sums
    }

    /// Compares every grouping by one key and by two, with and without steps.
    private static func expectTheSame(_ metrics: GenAIMetrics, in range: TimeRange, starts: [UInt64]) throws {
        let names = UsageQuery.Key.names(metrics.configuration)
        let pairs = names.flatMap { first in names.filter { $0 > first }.map { [first, $0] } }
        for names in names.map({ [$0] }) + pairs + [["user", "model", "agent", "department", "service", "provider"]] {
            let keys = try names.map { try #require(UsageQuery.Key($0, configuration: metrics.configuration)) }
            var query = UsageQuery(range: range, by: keys)
            for steps in [nil, UsageQuery.Steps.every(nanoseconds: 3_600 * second + 1), .from(starts)] {
                query.steps = steps
                let result = try query.run(on: metrics) { () throws(StorageError) in }
                let truth = try sums(metrics, query, by: names) { time in
                    switch steps {
                    case nil: nil
                    case .every(let length): range.start + (time - range.start) / length * length
                    case .from(let starts): starts.last { $0 <= time } ?? range.start
                    }
                }
                #expect(result.total.sum == truth.total, "\(names)")
                #expect(result.attributed == truth.attributed && result.unattributed.sum == truth.unattributed)
                #expect(Dictionary(uniqueKeysWithValues: result.rows.map { ($0.key, $0.sum) }) == truth.rows)
                #expect(result.total.points == truth.points[[]] ?? [:])
                for row in result.rows { #expect(row.points == truth.points[row.key] ?? [:]) }
                #expect(!result.isTruncated && result.damagedParts == 0 && result.other.sum == UsageSum())
                // What was on somebody's behalf and what was not are all there is.
                #expect(result.attributed.calls + result.unattributed.sum.calls == result.total.sum.calls)
                let parts = result.attributed.tokens.total + result.unattributed.sum.tokens.total
                #expect(parts == result.total.sum.tokens.total)
                let costs = result.rows.map(\.sum.cost)
                #expect(costs == costs.sorted(by: >))
            }
        }
    }

    @Test func everyGroupingAndStepSaysWhatTheRecordsSayThroughKills() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("UsageQueryTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let journal = try Self.journal(seed: seed, days: 4)
        let disk = MemoryFileSystem()
        var metrics = try Self.metrics(disk)
        for batch in journal {
            metrics.record(batch)
            // Some records are in a file, some in a chunk that is in none, and some calls wait still.
            if Int.random(in: 0..<6, using: &random) == 0 { try metrics.prepareCheckpoint() }
        }
        var times: [UInt64] = []
        _ = try metrics.forEachRecord(in: .all) { record in
            times.append(record.time)
            return true
        }
        times.sort()
        let (first, last) = (try #require(times.first), try #require(times.last))
        #expect(last - first > 3 * 86_400 * Self.second)
        // Days of 23 and 25 hours, and one that begins with a record and ends before one.
        let hour = 3_600 * Self.second
        let starts = [first + hour, first + 24 * hour, first + 49 * hour, times[times.count * 3 / 4]].sorted()
        try Self.expectTheSame(metrics, in: .all, starts: starts)
        let part = TimeRange(start: times[times.count / 5], end: times[times.count * 4 / 5])
        try Self.expectTheSame(metrics, in: part, starts: starts.filter(part.contains))
        // A process that died has what its files have, and with the journal again all of it.
        disk.endProcess()
        metrics = try Self.metrics(disk)
        try Self.expectTheSame(metrics, in: .all, starts: starts)
        for batch in journal { metrics.record(batch) }
        try Self.expectTheSame(metrics, in: .all, starts: starts)
        // Other attribution keys than those the files were written with.
        var configuration = GenAIConfiguration()
        configuration.attribution.removeAll { $0.name == "tenant" }
        configuration.attribution.swapAt(0, 1)
        configuration.attribution.append(.init(name: "team", attributes: ["app.team"]))
        try metrics.prepareCheckpoint()
        try Self.expectTheSame(try Self.metrics(disk, configuration), in: .all, starts: starts)
    }

    @Test func whatIsBeyondTheRowsIsInOneOther() throws {
        let metrics = try Self.metrics(MemoryFileSystem())
        let conversations = UsageQuery.rowsMax + 50
        for round in 0..<2 as Range<Int> {
            for start in stride(from: 0, to: conversations, by: 500) {
                let spans = (start..<min(start + 500, conversations)).map { index in
                    SpanFixture("chat m", id: UInt64(index + 1)).with {
                        $0.traceID = TraceID(high: UInt64(round + 1), low: UInt64(index + 1))
                        $0.attributes = [
                            KeyValue("gen_ai.operation.name", .string("chat")),
                            KeyValue("gen_ai.request.model", .string("m")),
                            KeyValue("gen_ai.conversation.id", .string("c\(index)")),
                            KeyValue("gen_ai.usage.input_tokens", .int(3)),
                            KeyValue("gen_ai.usage.output_tokens", .int(4)),
                        ]
                    }
                }
                let position = metrics.position.rawValue + 1
                metrics.record(try .of(spans, position: position, receivedAt: position * 20 * Self.second))
            }
        }
        metrics.record(try .of([], position: 9_999, receivedAt: 1_000_000 * Self.second))
        let key = try #require(UsageQuery.Key("conversation", configuration: metrics.configuration))
        let result = try UsageQuery(range: .all, by: [key]).run(on: metrics) { () throws(StorageError) in }
        #expect(result.isTruncated && result.rows.count == UsageQuery.rowsMax)
        #expect(result.total.sum.calls == UInt64(2 * conversations) && result.unattributed.sum.calls == 0)
        let shown = result.rows.reduce(0) { $0 + $1.sum.calls }
        #expect(shown + result.other.sum.calls == result.attributed.calls)
        #expect(result.other.sum.calls == 100 && result.rows.allSatisfy { $0.sum.calls == 2 })
    }

    /// Calls of more conversations than there are rows; each has as many tokens as its number.
    private static func manyConversations(_ numbers: some Sequence<Int>) throws -> GenAIMetrics {
        let metrics = try Self.metrics(MemoryFileSystem())
        var rest = Array(numbers)[...]
        while !rest.isEmpty {
            let spans = rest.prefix(500).map { number in
                SpanFixture("chat m", id: UInt64(number)).with {
                    $0.traceID = TraceID(high: 1, low: UInt64(number))
                    $0.start = UInt64(1 + number % 2) * 1_000 * second
                    $0.end = $0.start + second
                    $0.attributes = [
                        KeyValue("gen_ai.operation.name", .string("chat")),
                        KeyValue("gen_ai.request.model", .string("m")),
                        KeyValue("gen_ai.conversation.id", .string("c\(number)")),
                        KeyValue("gen_ai.usage.input_tokens", .int(Int64(number))),
                        KeyValue("gen_ai.usage.output_tokens", .int(0)),
                    ]
                }
            }
            rest = rest.dropFirst(500)
            let position = metrics.position.rawValue + 1
            metrics.record(try .of(spans, position: position, receivedAt: position * 20 * second))
        }
        metrics.record(try .of([], position: 9_999, receivedAt: 1_000_000 * second))
        return metrics
    }

    @Test(arguments: [false, true]) func theLargestRowsAreShownWhateverTheirOrder(_ hasSteps: Bool) throws {
        let numbers = 1...(UsageQuery.rowsMax + 500)
        var results: [UsageResult] = []
        for order in [Array(numbers), numbers.reversed()] {
            let metrics = try Self.manyConversations(order)
            var query = UsageQuery(range: TimeRange(start: 0, end: 10_000 * Self.second), by: [.conversation])
            if hasSteps { query.steps = .every(nanoseconds: 1_000 * Self.second) }
            results.append(try query.run(on: metrics) { () throws(StorageError) in })
        }
        #expect(results[0] == results[1])
        let result = results[0]
        #expect(
            result.isTruncated
                && result.rows.map(\.key) == numbers.suffix(UsageQuery.rowsMax).reversed().map { ["c\($0)"] })
        #expect(result.other.sum.calls == 500 && result.other.sum.tokens.input == UInt64((1...500).reduce(0, +)))
        #expect(result.total.sum.calls == UInt64(numbers.count))
        for row in result.rows.prefix(hasSteps ? 100 : 0) { #expect(row.points.values.map(\.calls) == [1]) }
        #expect(result.other.points.values.reduce(0) { $0 + $1.calls } == (hasSteps ? 500 : 0))
        #expect(result.total.points.values.reduce(0) { $0 + $1.calls } == (hasSteps ? UInt64(numbers.count) : 0))
    }
}
