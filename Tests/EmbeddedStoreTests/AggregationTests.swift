import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

@Suite struct AggregationTests {
    @Test(arguments: StoreMode.allCases, [6, 7, 20_261_121] as [UInt64])
    func aggregationsAgreeWithTheModel(_ mode: StoreMode, seed: UInt64) throws {
        try mode.suite().aggregationsAgreeWithTheModel(seed: seed)
    }

    @Test(arguments: StoreMode.allCases) func groupsAreBounded(_ mode: StoreMode) throws {
        try mode.suite().groupsAreBounded(seed: 8)
    }

    @Test(arguments: StoreMode.allCases) func aggregationsEndWhenTheyShould(_ mode: StoreMode) throws {
        try mode.suite().aggregationsEndWhenTheyShould()
    }

    // MARK: histograms

    @Test func aBucketIsNarrowBesideWhatItHolds() {
        var value = 0x1p-32
        while value < 0x1p63 {
            for number in [value, value.nextUp, value * 1.37, -value] {
                let middle = OctaveHistogram.middle(OctaveHistogram.index(number))
                #expect((middle - number).magnitude <= number.magnitude / 128)
            }
            value *= 1.7
        }
        for (small, index) in [(0, 0), (1e-300, 0), (-1e-12, 0)] as [(Double, Int32)] {
            #expect(OctaveHistogram.index(small) == index)
        }
        #expect(OctaveHistogram.index(.infinity) == OctaveHistogram.indexMax)
        #expect(OctaveHistogram.index(-.infinity) == -OctaveHistogram.indexMax)
        #expect(OctaveHistogram.index(0x1p64) == OctaveHistogram.index(0x1p64.nextDown))
    }

    @Test func histogramsAreMergedInAnyOrder() {
        var values = (0..<3_000).map { Double($0 * $0) - 900_000 }
        var parts = Array(repeating: OctaveHistogram(), count: 3)
        var whole = OctaveHistogram()
        for (index, value) in values.enumerated() {
            parts[index % 3].insert(value)
            whole.insert(value)
        }
        whole.insert(.nan)
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            var left = OctaveHistogram()
            for index in order { left.merge(parts[index]) }
            #expect(left == whole)
        }
        var right = parts[1]
        right.merge(parts[2])
        var first = parts[0]
        first.merge(right)
        #expect(first == whole)
        #expect(whole.count == 3_000)
        values.sort()
        for share in [0.01, 0.5, 0.95] {
            let exact = values[Int(share * 3_000) - 1]
            #expect((whole.quantile(share)! - exact).magnitude <= exact.magnitude / 128)
        }
        #expect(OctaveHistogram().quantile(0.5) == nil)
    }
}

@Suite struct BoundedReadTests {
    private static func store(
        cores: Int, blocks: Int = 7, directory: TemporaryDirectory
    ) throws -> EmbeddedStore {
        var options = StoreOptions()
        options.queryCores = cores
        let store = try EmbeddedStore(directory: directory.path, options: options)
        guard store.statistics().spans == 0 else { return store }
        var source = AgentSpans(seed: 11)
        for position in 1...blocks {
            let batch = try SpanBatch(decoding: source.request(spans: 3_000))
            try store.append(
                StoredBatch(
                    batch: batch, position: JournalPosition(UInt64(position)), receivedAt: 1_760_000_100_000_000_000))
            try store.flush()
        }
        return store
    }

    @Test func answersDoNotDependOnTheNumberOfCores() throws {
        let directory = TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let plan = AggregationPlan(
            groupings: [.serviceName, .attribute(.span, key: "gen_ai.request.model")],
            measures: [AggregationMeasure(.duration)])
        var answers: [[String]] = []
        var scans: [[FieldValue]] = []
        for cores in [1, 2, 5, 16] {
            let store = try Self.store(cores: cores, directory: directory)
            let result = try store.aggregate(plan, context: QueryContext())
            answers.append(
                result.groups.map { group in
                    let measure = group.measures[0]
                    return "\(group.key) \(group.spans) \(measure.min) \(measure.max) \(measure.quantile(0.95) ?? -1)"
                }.sorted())
            var rows: [FieldValue] = []
            try store.scan(ScanPlan(fields: [.spanID]), context: QueryContext()) { answer in
                rows += (0..<answer.count).map { answer.columns[0][$0] }
                return true
            }
            scans.append(rows)
        }
        #expect(answers[0].count > 3)
        #expect(answers.allSatisfy { $0 == answers[0] })
        // Also their order is the same.
        #expect(scans[0].count == 21_000 && scans.allSatisfy { $0 == scans[0] })
    }

    @Test func theNewestBlocksComeFirstAndSaySo() throws {
        let directory = TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let store = try Self.store(cores: 2, directory: directory)
        var bound = UInt64.max
        var bounds: Set<UInt64> = []
        try store.scan(ScanPlan(fields: [.startTime]), context: QueryContext()) { answer in
            guard case .integers(let starts) = answer.columns[0] else { return false }
            #expect(starts.allSatisfy { $0 <= bound })
            #expect(answer.laterStartMax <= bound)
            bound = answer.laterStartMax
            bounds.insert(bound)
            return true
        }
        #expect(bounds.count > 3 && bound == 0)
    }

    @Test func aScanThatNeedsTooMuchMemoryEndsAndGivesItBack() throws {
        let directory = TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let store = try Self.store(cores: 3, directory: directory)
        let plan = ScanPlan(fields: [.traceID, .name, .attribute(.span, key: "gen_ai.response.id")])
        // From one that is enough for no page up to one that is enough for the columns, but not for the answers.
        for memory in [1_000, 300_000, 800_000] {
            let context = QueryContext(memoryMax: memory)
            #expect {
                try store.scan(plan, context: context) { _ in true }
            } throws: { error in
                guard case .limitExceeded(let message) = error as? StorageError else { return false }
                return message.contains("query.max_memory_mib")
            }
            #expect(context.memoryBytes == 0)
        }
        let enough = QueryContext(memoryMax: 64 << 20)
        var rows = 0
        try store.scan(plan, context: enough) { answer in
            #expect(enough.memoryBytes > 0)
            rows += answer.count
            return true
        }
        #expect(rows == 21_000 && enough.memoryBytes == 0)
    }

    /// Also after the parts of blocks that lookups keep were thrown out for others.
    @Test(arguments: [48 << 20, 40_000]) func everyTraceIsFoundInManyBlocks(cacheBytes: Int) throws {
        let directory = TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        var options = StoreOptions()
        options.cacheBytes = cacheBytes
        _ = try Self.store(cores: 1, directory: directory)
        let store = try EmbeddedStore(directory: directory.path, options: options)
        var source = AgentSpans(seed: 11)
        for _ in 0..<7 {
            let batch = try SpanBatch(decoding: source.request(spans: 3_000))
            var counts: [TraceID: Int] = [:]
            for span in batch.spans { counts[span.traceID, default: 0] += 1 }
            for (trace, count) in counts.sorted(by: { $0.key < $1.key }).prefix(40) {
                let found = try store.trace(trace, tenant: .default, context: QueryContext())
                #expect((found?.spans.count ?? 0) >= count)
                let other = TraceID(high: trace.low, low: ~trace.high)
                #expect(try store.trace(other, tenant: .default, context: QueryContext()) == nil)
            }
        }
    }

    @Test func aScanThatIsCancelledWhileItRunsHandsOutNothingMore() throws {
        let directory = TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let store = try Self.store(cores: 2, directory: directory)
        let context = QueryContext()
        var calls = 0
        #expect(throws: StorageError.cancelled) {
            try store.scan(ScanPlan(fields: [.name]), context: context) { _ in
                calls += 1
                context.cancel()
                return true
            }
        }
        #expect(calls == 1 && context.memoryBytes == 0)
    }
}
