import OTLP
import TraceStorage

/// What was counted.
struct GenAITotals: Sendable {
    private let configuration: GenAIConfiguration
    private let seed: UInt64
    var tenants: [TenantID: GenAISeries] = [:]
    private var cache = RowCache()
    private var attributedRows = AttributedRows()
    /// Numbers of what rows of counts depend on beside attribution.
    private var bases: [RowCache.Key: Int32] = [:]
    private var basesGiven: Int32 = 0
    private var tenantNumbers: [TenantID: UInt32] = [:]
    private(set) var counts = GenAIStatistics()
    private var prices = KnownPrices()

    init(_ configuration: GenAIConfiguration, seed: UInt64) {
        self.configuration = configuration
        self.seed = seed
    }

    func emptySeries() -> GenAISeries { GenAISeries(configuration, seed: seed) }

    /// - Parameter usage: Takes the records of what is counted.
    mutating func count(
        _ findings: NumberedFindings, of tenant: TenantID, _ texts: TextTable, _ costs: CostModel,
        _ usage: inout some UsageSink
    ) {
        if tenants[tenant] == nil { tenants[tenant] = emptySeries() }
        guard let place = tenants.index(forKey: tenant) else { return }
        let number = tenantNumber(tenant)
        for index in findings.calls.indices {
            count(findings.calls[index], tenant: number, place, texts, costs, &usage)
        }
        for call in findings.supplements {
            // What a span reported was counted with the call.
            let cost =
                call.reportedCost == nil
                ? costs.cost(of: call, texts, &prices) : CallCost(usd: 0, source: .reported)
            tenants.values[place].supplement(call, cost, texts)
            usage.add(UsageEntry(call, cost, kind: .supplement), of: tenant, texts)
        }
        for run in findings.tools {
            let key = CallTexts(run, tenant: number, generation: texts.generation).key
            let row = cache.rows(of: key)?[0] ?? newToolRow(run, key, place, texts)
            tenants.values[place].add(run, row: Int(row))
        }
        for rest in findings.unattributed {
            tenants.values[place].add(rest, texts)
            usage.add(UsageEntry(rest), of: tenant, texts)
        }
        counts.lateSpans += findings.lateSpans
    }

    private mutating func newToolRow(
        _ run: FoundToolRun, _ key: RowCache.Key, _ place: Dictionary<TenantID, GenAISeries>.Index, _ texts: TextTable
    ) -> Int32 {
        let row = Int32(tenants.values[place].row(run, texts))
        cache.set(key, RowCache.Rows(row, 0, 0, 0))
        return row
    }

    private mutating func count(
        _ call: FoundCall, tenant number: UInt32, _ place: Dictionary<TenantID, GenAISeries>.Index,
        _ texts: TextTable, _ costs: CostModel, _ usage: inout some UsageSink
    ) {
        let cost = costs.cost(of: call, texts, &prices)
        let key = CallTexts(call.texts, tenant: number, generation: texts.generation).key
        let rows = cache.rows(of: key) ?? newSharedRows(call, key, place, texts)
        let countsRow =
            attributedRows.row(rows[2], call.texts.attribution, generation: texts.generation)
            ?? newCountsRow(call, rows[2], place, texts)
        tenants.values[place].addCounts(call, cost, row: countsRow)
        tenants.values[place].addHistograms(call, row: Int(rows[0]))
        if rows[1] >= 0 {
            tenants.values[place].addFinishReason(row: Int(rows[1]), weight: call.weight)
        } else {
            for reason in texts.members(call.texts.finishReasons) {
                let row = tenants.values[place].finishReasonRow(call, reason, texts)
                tenants.values[place].addFinishReason(row: row, weight: call.weight)
            }
        }
        usage.add(UsageEntry(call, cost, kind: .call), of: tenants.keys[place], texts)
        counts.calls = counts.calls.addingClamped(call.weight)
        if call.hasUsage, cost.source == .unknown { counts.unpricedCalls += 1 }
    }

    private mutating func newCountsRow(
        _ call: FoundCall, _ base: Int32, _ place: Dictionary<TenantID, GenAISeries>.Index, _ texts: TextTable
    ) -> Int {
        let row = tenants.values[place].countsRow(call, texts)
        attributedRows.set(base, call.texts.attribution, generation: texts.generation, row)
        return row
    }

    /// The number of a key without error and finish reasons, which counts do not depend on.
    private mutating func base(of key: RowCache.Key) -> Int32 {
        let key = CallTexts.ofCounts(key)
        if let known = bases[key] { return known }
        // Those that are in use are numbered again, and a number is never given twice.
        if bases.count >= Self.basesMax { bases = [:] }
        basesGiven &+= 1
        bases[key] = basesGiven
        return basesGiven
    }

    /// 300 KB.
    private static let basesMax = 4_096

    /// The rows that do not depend on attribution, of histograms and of the finish reason, -1 unless there is just one;
    /// and what stands for the texts that counts depend on.
    private mutating func newSharedRows(
        _ call: FoundCall, _ key: RowCache.Key, _ place: Dictionary<TenantID, GenAISeries>.Index,
        _ texts: TextTable
    ) -> RowCache.Rows {
        var rows = RowCache.Rows(Int32(tenants.values[place].histogramsRow(call, texts)), -1, base(of: key), 0)
        let reasons = texts.members(call.texts.finishReasons)
        if reasons.count == 1, let reason = reasons.first {
            rows[1] = Int32(tenants.values[place].finishReasonRow(call, reason, texts))
        }
        cache.set(key, rows)
        return rows
    }

    private mutating func tenantNumber(_ tenant: TenantID) -> UInt32 {
        if let known = tenantNumbers[tenant] { return known }
        let number = UInt32(tenantNumbers.count)
        tenantNumbers[tenant] = number
        return number
    }
}

/// The numbers of the texts that a call's rows depend on beside its attribution, or those of a run of a tool.
struct CallTexts: Sendable {
    private(set) var key = RowCache.Key()

    private static let errorPlace = 9
    private static let reasonsPlace = 10

    init(_ texts: borrowing FoundCall.Texts, tenant: UInt32, generation: UInt32) {
        key[0] = generation << 1
        key[1] = tenant
        key[2] = texts.service.index
        key[3] = texts.agent.index
        key[4] = texts.operation.index
        key[5] = texts.provider.index
        key[6] = texts.requestModel.index
        key[7] = texts.responseModel.index
        key[Self.errorPlace] = texts.errorType.map { $0.index + 1 } ?? 0
        key[Self.reasonsPlace] = texts.finishReasons.index
    }

    init(_ run: borrowing FoundToolRun, tenant: UInt32, generation: UInt32) {
        key[0] = generation << 1 | 1
        key[1] = tenant
        key[2] = run.service.index
        key[3] = run.agent.index
        key[4] = run.tool.index
        key[5] = run.isError ? 2 : run.isOK ? 1 : 0
    }

    /// The part of a call's key that its counts depend on.
    static func ofCounts(_ key: RowCache.Key) -> RowCache.Key {
        var result = key
        result[errorPlace] = 0
        result[reasonsPlace] = 0
        return result
    }
}
