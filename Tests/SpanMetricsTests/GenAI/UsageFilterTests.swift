import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct UsageFilterTests {
    private static func filter(
        _ name: String, _ configuration: GenAIConfiguration, isMet: @escaping @Sendable (String) -> Bool
    ) throws -> UsageQuery.Filter {
        UsageQuery.Filter(try #require(UsageQuery.Key(name, configuration: configuration)), name, isMet: isMet)
    }

    @Test func anAnswerIsOfTheRecordsThatMeetAllConditions() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("UsageFilterTests seed \(seed)")
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "u", files: MemoryFileSystem()))
        try metrics.open()
        // Some records are in files, compressed ones too, some in none, and some calls wait still.
        for batch in try UsageQueryTests.journal(seed: seed, days: 3) {
            metrics.record(batch)
            if batch.position.rawValue % 5 == 0 { try metrics.prepareCheckpoint() }
        }
        var records: [UsageRecord] = []
        _ = try metrics.forEachRecord(in: .all) { record in
            records.append(record)
            return true
        }
        let model = try #require(records.map(\.model).filter { !$0.isEmpty }.max())
        let agent = try #require(records.filter { $0.model == model }.map(\.agent).max())
        let configuration = metrics.configuration
        let isModel = try Self.filter("model", configuration) { $0 == model }
        let cases: [([UsageQuery.Filter], (UsageRecord) -> Bool)] = [
            ([isModel], { $0.model == model }),
            (
                [isModel, try Self.filter("agent", configuration) { $0 == agent }],
                { $0.model == model && $0.agent == agent }
            ),
            ([try Self.filter("user", configuration) { $0.isEmpty }], { $0.attribution.first ?? "" == "" }),
            ([try Self.filter("user", configuration) { !$0.isEmpty }], { $0.attribution.first ?? "" != "" }),
            ([try Self.filter("conversation", configuration) { $0 == "none has it" }], { _ in false }),
        ]
        for (filters, isAskedFor) in cases {
            var query = UsageQuery(range: .all, by: [.agent])
            query.filters = filters
            let result = try query.run(on: metrics) { () throws(StorageError) in }
            let expected = records.filter(isAskedFor)
            let name = "\(filters.map(\.text))"
            #expect(result.total.sum.calls == expected.reduce(0) { $0 + $1.calls }, "\(name)")
            #expect(result.total.sum.tokens.total == expected.reduce(0) { $0 + $1.tokens.total }, "\(name)")
            #expect(Set(result.rows.map(\.key)) == Set(expected.map { [$0.agent] }), "\(name)")
            for row in result.rows {
                let own = expected.filter { [$0.agent] == row.key }
                #expect(row.sum.calls == own.reduce(0) { $0 + $1.calls }, "\(name)")
            }
        }
        #expect(records.contains { $0.model != model }, "something is left out")
    }

    @Test func aKeyThatAFileDoesNotHaveIsEmpty() throws {
        let disk = MemoryFileSystem()
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "u", files: disk))
        try metrics.open()
        for batch in try UsageQueryTests.journal(seed: 3, days: 1) { metrics.record(batch) }
        try metrics.prepareCheckpoint()
        var configuration = GenAIConfiguration()
        configuration.attribution.append(.init(name: "team", attributes: ["app.team"]))
        let again = GenAIMetrics(configuration, costs: CostModel(), log: UsageLog(directory: "u", files: disk))
        try again.open()
        var query = UsageQuery(range: .all, by: [.model])
        query.filters = [try Self.filter("team", configuration) { $0.isEmpty }]
        #expect(try query.run(on: again) { () throws(StorageError) in }.total.sum.calls > 0)
        query.filters = [try Self.filter("team", configuration) { !$0.isEmpty }]
        #expect(try query.run(on: again) { () throws(StorageError) in }.total.sum.calls == 0)
    }
}
