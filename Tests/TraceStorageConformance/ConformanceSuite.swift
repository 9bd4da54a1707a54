import OTLP
import TraceStorage

/// A claim of the storage protocols that a store did not keep.
package struct ConformanceFailure: Error, CustomStringConvertible {
    package let description: String
}

/// What every store must do, as functions that throw a ``ConformanceFailure`` when it does not.
package struct ConformanceSuite {
    /// Makes a store that holds these batches, some of them perhaps in blocks, and hands out its reading side.
    let load: ([StoredBatch]) throws -> any TraceReader

    package init(load: @escaping ([StoredBatch]) throws -> any TraceReader) {
        self.load = load
    }

    static func check(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw ConformanceFailure(description: message()) }
    }

    /// Batches of odd spans with journal positions from 1 on.
    package static func oddBatches(seed: UInt64, batches: Int, spans: Int) throws -> [StoredBatch] {
        var source = OddSpans(seed: seed)
        return try (1...batches).map { position in
            let batch = try SpanBatch(decoding: source.request(spans: spans))
            return StoredBatch(
                batch: batch, position: JournalPosition(UInt64(position)),
                receivedAt: 1_760_003_600_000_000_000 + UInt64(position))
        }
    }

    /// Every span of odd requests comes back with all that it had, in the order of arrival, each once.
    package func tracesComeBackExactly(seed: UInt64) throws {
        let batches = try Self.oddBatches(seed: seed, batches: 8, spans: 60)
        let store = try load(batches)
        for (trace, expected) in Self.traces(batches) {
            let found = try store.trace(trace, tenant: .default, context: QueryContext())
            let spans = found.map { batch in batch.spans.indices.map { SpanDescription(batch, row: $0) } } ?? []
            // Spans whose time is far off may have been sealed apart, and then come behind the others.
            try Self.check(
                Set(spans) == Set(expected) && spans.count == expected.count,
                "seed \(seed), trace \(trace): \(expected.count) spans became \(spans.count)\n"
                    + (Self.difference(expected, spans) ?? ""))
        }
        let missing = try store.trace(TraceID(high: 1, low: 2), tenant: .default, context: QueryContext())
        try Self.check(missing == nil, "a trace that was never sent was found")
    }

    /// Traces of which parts are asked for have these parts of every span, whatever else they have.
    package func partsOfTracesAreThoseOfTheWhole(seed: UInt64) throws {
        let batches = try Self.oddBatches(seed: seed, batches: 8, spans: 60)
        let store = try load(batches)
        for parts in Self.parts {
            let ids = Self.traces(batches).keys.sorted() + [TraceID(high: 1, low: 2)]
            var found: [TraceID] = []
            var failure: ConformanceFailure?
            try store.traces(
                ids, tenant: .default, parts: parts, context: QueryContext()
            ) { id, batch throws(StorageError) in
                found.append(id)
                let whole = try store.trace(id, tenant: .default, context: QueryContext())
                if Self.chosen(parts, batch) != Self.chosen(parts, whole) {
                    failure = ConformanceFailure(description: "seed \(seed), trace \(id): other parts than the whole's")
                }
                return failure == nil
            }
            if let failure { throw failure }
            try Self.check(found == ids, "seed \(seed): \(found.count) of \(ids.count) traces")
        }
    }

    package static let parts = [
        SpanParts(attributes: ["gen_ai.usage.input_tokens", "flag", ""], marks: ["gen_ai.", "http"]),
        SpanParts(attributes: ["tags"], marks: ["k"]), SpanParts(attributes: [], marks: []),
    ]

    /// The parts of a trace's spans, as bytes; nil for no trace.
    package static func chosen(_ parts: SpanParts, _ batch: SpanBatch?) -> [UInt8]? {
        guard let batch else { return nil }
        var collector = SpanCollector(parts: parts)
        collector.append(batch, rows: batch.spans.indices)
        return (try? collector.finish())?.bytes
    }

    private static func difference(_ expected: [SpanDescription], _ found: [SpanDescription]) -> String? {
        let known = Set(found)
        guard let lost = expected.first(where: { !known.contains($0) }) else { return nil }
        let near = found.first { $0.spanID == lost.spanID }
        return "lost  \(lost)\nfound \(near?.description ?? "nothing")"
    }

    private static func traces(_ batches: [StoredBatch]) -> [TraceID: [SpanDescription]] {
        var traces: [TraceID: [SpanDescription]] = [:]
        for stored in batches {
            for row in stored.batch.spans.indices {
                let span = SpanDescription(stored.batch, row: row)
                if !(traces[span.traceID]?.contains(span) ?? false) { traces[span.traceID, default: []].append(span) }
            }
        }
        return traces
    }

    /// Scans answer as a store that looks at every span does, for conditions and fields of every kind.
    package func scansAgreeWithTheModel(seed: UInt64) throws {
        let batches = try Self.oddBatches(seed: seed, batches: 8, spans: 60)
        let store = try load(batches)
        let model = InMemoryStore()
        for batch in batches { try model.append(batch) }
        for (index, predicate) in ScanCases.predicates.enumerated() {
            for range in index == 0 ? ScanCases.ranges : [.all] {
                let fields = index == 0 ? ScanCases.fields : [.traceID, .spanID, .startTime]
                let plan = ScanPlan(range: range, predicate: predicate, fields: fields)
                let expected = try Self.rows(model, plan)
                let found = try Self.rows(store, plan)
                try Self.check(
                    expected == found,
                    "seed \(seed), \(predicate) in \(range): \(expected.count) rows became \(found.count)\n"
                        + "lost  \(expected.first { !found.contains($0) } ?? [])\n"
                        + "extra \(found.first { !expected.contains($0) } ?? [])")
            }
        }
        try namesAgree(store, model)
    }

    private func namesAgree(_ store: any TraceReader, _ model: InMemoryStore) throws {
        for range in ScanCases.ranges {
            let services = try model.services(in: range, tenant: .default, context: QueryContext())
            let found = try store.services(in: range, tenant: .default, context: QueryContext())
            try Self.check(services == found, "services in \(range): \(services) became \(found)")
            for service in services + ["nobody"] {
                let operations = try model.operations(
                    of: service, in: range, tenant: .default, context: QueryContext())
                let found = try store.operations(of: service, in: range, tenant: .default, context: QueryContext())
                try Self.check(operations == found, "operations of \(service): \(operations) became \(found)")
            }
        }
    }

    /// The rows of an answer, as texts because NaN equals nothing, in an order of their own.
    static func rows(_ store: any TraceReader, _ plan: ScanPlan) throws -> [[String]] {
        var rows: [[String]] = []
        try store.scan(plan, context: QueryContext()) { answer in
            for row in 0..<answer.count { rows.append(answer.columns.map { "\($0[row])" }) }
            return true
        }
        return rows.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Conditions mean what ``SpanPredicate`` says, span by span, on spans written for it.
    package func conditionsMeanWhatTheySay() throws {
        let store = try load(ConditionTable.batches())
        for (predicate, expected) in ConditionTable.cases {
            var names: [String] = []
            try store.scan(ScanPlan(predicate: predicate, fields: [.name]), context: QueryContext()) { rows in
                for row in 0..<rows.count {
                    if case .string(let name) = rows.columns[0][row] { names.append(name) }
                }
                return true
            }
            try Self.check(names.sorted() == expected.sorted(), "\(predicate): \(names.sorted()), not \(expected)")
        }
    }

    /// A span sent twice is found once; one that differs in a byte, or in its resource, is another.
    package func equalSpansCountOnce() throws {
        let first = try ConditionTable.request(service: "a", names: ["one", "two", "two"])
        let again = try ConditionTable.request(service: "a", names: ["one"])
        let other = try ConditionTable.request(service: "b", names: ["one"])
        let batches = [first, again, other, again].enumerated().map { index, batch in
            StoredBatch(
                batch: batch, position: JournalPosition(UInt64(index + 1)), receivedAt: 1_760_000_000_000_000_000)
        }
        let store = try load(batches)
        let found = try store.trace(ConditionTable.trace, tenant: .default, context: QueryContext())
        let names = found.map { batch in batch.spans.map { batch.string($0.name) } } ?? []
        try Self.check(names.sorted() == ["one", "one", "two"], "trace has \(names)")
        let rows = try Self.rows(store, ScanPlan(fields: [.name, .serviceName]))
        try Self.check(rows.count == 3, "scan has \(rows)")
    }

    /// Spans of one tenant are not seen by another.
    package func tenantsAreApart() throws {
        guard let other = TenantID("other") else { throw ConformanceFailure(description: "no such tenant") }
        let batch = try ConditionTable.request(service: "a", names: ["one"])
        let store = try load([
            StoredBatch(batch: batch, position: JournalPosition(1), receivedAt: 1_760_000_000_000_000_000),
            StoredBatch(
                batch: batch, position: JournalPosition(2), receivedAt: 1_760_000_000_000_000_000, tenant: other),
        ])
        for tenant in [TenantID.default, other] {
            let found = try store.trace(ConditionTable.trace, tenant: tenant, context: QueryContext())
            try Self.check(found?.spans.count == 1, "tenant \"\(tenant.name)\" finds \(found?.spans.count ?? 0) spans")
            let services = try store.services(in: .all, tenant: tenant, context: QueryContext())
            try Self.check(services == ["a"], "tenant \"\(tenant.name)\" has services \(services)")
        }
        guard let nobody = TenantID("nobody") else { throw ConformanceFailure(description: "no such tenant") }
        let found = try store.trace(ConditionTable.trace, tenant: nobody, context: QueryContext())
        try Self.check(found == nil, "an unknown tenant finds spans")
    }

    /// A cancelled query, one past its deadline and one that finds too much end with their errors, and a body that
    /// returns false ends a scan.
    package func queriesEndWhenTheyShould() throws {
        let store = try load(try Self.oddBatches(seed: 3, batches: 4, spans: 40))
        let cancelled = QueryContext()
        cancelled.cancel()
        let late = QueryContext(deadline: ContinuousClock.now)
        let plan = ScanPlan(fields: [.name])
        for context in [cancelled, late] {
            try Self.check(
                Self.error { try store.scan(plan, context: context) { _ in true } } == .cancelled, "scan went on")
            let error = Self.error { _ = try store.services(in: .all, tenant: .default, context: context) }
            try Self.check(error == .cancelled, "services went on")
        }
        let small = QueryContext(rowsMax: 3)
        guard case .limitExceeded? = Self.error({ try store.scan(plan, context: small) { _ in true } }) else {
            throw ConformanceFailure(description: "more rows than allowed")
        }
        var calls = 0
        try store.scan(plan, context: QueryContext()) { _ in
            calls += 1
            return false
        }
        try Self.check(calls == 1, "scan called \(calls) times")
        let bad = ScanPlan(predicate: .compare(.name, .matches, .string("(")), fields: [])
        guard case .limitExceeded? = Self.error({ try store.scan(bad, context: QueryContext()) { _ in true } }) else {
            throw ConformanceFailure(description: "a regular expression that is none was taken")
        }
    }

    static func error(_ body: () throws -> Void) -> StorageError? {
        do { try body() } catch { return error as? StorageError }
        return nil
    }
}
