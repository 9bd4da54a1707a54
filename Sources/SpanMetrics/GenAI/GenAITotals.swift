import OTLP
import TraceStorage

/// What was counted.
struct GenAITotals: Sendable {
    private let configuration: GenAIConfiguration
    private let seed: UInt64
    var tenants: [TenantID: GenAISeries] = [:]
    private var finder: GenAIRowFinder
    private var tenantNumbers: [TenantID: UInt32] = [:]
    private(set) var counts = GenAIStatistics()

    init(_ configuration: GenAIConfiguration, seed: UInt64) {
        self.configuration = configuration
        self.seed = seed
        finder = GenAIRowFinder(configuration)
    }

    func emptySeries() -> GenAISeries { GenAISeries(configuration, seed: seed) }

    /// - Parameter usage: Takes the records of what is counted.
    mutating func count(
        _ findings: borrowing NumberedFindings, of tenant: TenantID, _ texts: TextTable, _ costs: CostModels,
        _ usage: inout some UsageSink
    ) {
        let number = tenantNumber(tenant)
        let costs = finder.use(costs, at: findings.settledAt)
        if tenants[tenant] == nil { tenants[tenant] = emptySeries() }
        guard let place = tenants.index(forKey: tenant) else { return }
        // One access to the tenant's series for all findings, and to what finds rows beside it.
        Self.count(
            findings, of: tenant, number, texts, costs, &tenants.values[place], &finder, &counts, &usage)
        counts.lateSpans += findings.lateSpans
    }

    private static func count(
        _ findings: borrowing NumberedFindings, of tenant: TenantID, _ number: UInt32, _ texts: TextTable,
        _ costs: CostModel, _ series: inout GenAISeries, _ finder: inout GenAIRowFinder,
        _ counts: inout GenAIStatistics, _ usage: inout some UsageSink
    ) {
        for index in findings.calls.indices {
            let cost = costs.cost(of: findings.calls[index], texts, &finder.prices)
            finder.count(findings.calls[index], cost, tenant: number, texts, &series)
            usage.add(UsageEntry(findings.calls[index], cost, kind: .call, texts), of: tenant, texts)
            counts.calls = counts.calls.addingClamped(findings.calls[index].weight)
            if findings.calls[index].hasUsage, cost.source == .unknown { counts.unpricedCalls += 1 }
        }
        for supplement in findings.supplements {
            let cost = costs.cost(of: supplement, texts, &finder.prices)
            series.supplement(supplement.call, cost, texts)
            usage.add(UsageEntry(supplement.call, cost, kind: .supplement, texts), of: tenant, texts)
        }
        for index in findings.tools.indices {
            finder.count(findings.tools[index], tenant: number, texts, &series)
        }
        for rest in findings.unattributed {
            finder.count(rest, tenant: number, texts, &series)
            usage.add(UsageEntry(rest), of: tenant, texts)
        }
    }

    private mutating func tenantNumber(_ tenant: TenantID) -> UInt32 {
        if let known = tenantNumbers[tenant] { return known }
        let number = UInt32(tenantNumbers.count)
        tenantNumbers[tenant] = number
        return number
    }
}

/// Finds the rows of calls and runs of tools by the numbers of their texts.
struct GenAIRowFinder: Sendable {
    private var cache = RowCache()
    private var attributedRows = AttributedRows()
    private var overflowRows = OverflowRows()
    private var bases = RowBases<CallTexts.Counts>()
    // The same for histograms, where they are kept by attribution.
    private var attributedHistograms = AttributedRows()
    private var overflowHistograms = OverflowRows()
    private var histogramBases = RowBases<CallTexts.Histograms>()
    /// The places of the attribution keys that they are kept by, a bit for each.
    private let histogramKeys: UInt64
    fileprivate var prices = KnownPrices()
    /// Of the model that `prices` are of.
    private var costsNumber = 0

    init(_ configuration: GenAIConfiguration) { histogramKeys = configuration.histogramKeys }

    fileprivate mutating func use(_ costs: CostModels, at time: UInt64) -> CostModel {
        let (model, number) = costs.model(at: time)
        if number != costsNumber { (prices, costsNumber) = (KnownPrices(), number) }
        return model
    }

    fileprivate mutating func count(
        _ call: borrowing FoundCall, _ cost: CallCost, tenant number: UInt32, _ texts: TextTable,
        _ series: inout GenAISeries
    ) {
        let key = CallTexts(call.texts, tenant: number, generation: texts.generation).key
        let rows =
            if let known = cache.rows(of: key) { known } else {
                newSharedRows(call, key, tenant: number, texts, &series)
            }
        let known = attributedRows.row(rows[2], call.texts.attribution, generation: texts.generation)
        let countsRow = if let known { known } else { newCountsRow(call, rows[2], tenant: number, texts, &series) }
        let histograms =
            histogramKeys == 0 ? Int(rows[0]) : histogramsRow(call, rows[0], tenant: number, texts, &series)
        series.addCounts(call, cost, row: countsRow)
        series.addHistograms(call, isOutputCounted: rows[3] != 0, row: histograms)
        if rows[1] >= 0 {
            series.addFinishReason(row: Int(rows[1]), weight: call.weight)
        } else {
            for reason in texts.members(texts.names(call.texts.names).finishReasons) {
                let row = series.finishReasonRow(call, reason, texts)
                series.addFinishReason(row: row, weight: call.weight)
            }
        }
    }

    fileprivate mutating func count(
        _ run: borrowing FoundToolRun, tenant number: UInt32, _ texts: TextTable, _ series: inout GenAISeries
    ) {
        let key = CallTexts(run, tenant: number, generation: texts.generation).key
        if let rows = cache.rows(of: key) { return series.add(run, row: Int(rows[0])) }
        let row = series.row(run, texts)
        cache.set(key, RowCache.Rows(Int32(row), 0, 0, 0))
        series.add(run, row: row)
    }

    fileprivate mutating func count(
        _ rest: borrowing FoundRest, tenant number: UInt32, _ texts: TextTable, _ series: inout GenAISeries
    ) {
        let key = CallTexts(rest, tenant: number, generation: texts.generation).key
        // A series begins with its first token.
        var rows = if let known = cache.rows(of: key) { known } else { RowCache.Rows(-1, -1, 0, 0) }
        let (input, output) = (rest.usage.input, rest.usage.output)
        if input > 0 && rows[0] < 0 || output > 0 && rows[1] < 0 {
            if input > 0 { rows[0] = Int32(series.row(rest, isOutput: false, texts)) }
            if output > 0 { rows[1] = Int32(series.row(rest, isOutput: true, texts)) }
            cache.set(key, rows)
        }
        if input > 0 { series.add(unattributed: input, weight: rest.weight, row: Int(rows[0])) }
        if output > 0 { series.add(unattributed: output, weight: rest.weight, row: Int(rows[1])) }
    }

    private mutating func newCountsRow(
        _ call: borrowing FoundCall, _ base: Int32, tenant: UInt32, _ texts: TextTable, _ series: inout GenAISeries
    ) -> Int {
        // Users are many more than series: most of their calls are known by them to be over the limit.
        let own = call.texts.attribution.own
        let overflow = overflowRows.row(own, tenant: tenant, texts, series.calls.overflow) {
            series.hasCalls(of: own, texts)
        }
        let row = if let overflow { overflow } else { series.countsRow(call, texts) }
        attributedRows.set(base, call.texts.attribution, generation: texts.generation, row)
        return row
    }

    /// The row of a call's histograms where these are kept by attribution.
    @inline(never)
    private mutating func histogramsRow(
        _ call: borrowing FoundCall, _ base: Int32, tenant: UInt32, _ texts: TextTable, _ series: inout GenAISeries
    ) -> Int {
        var values = call.texts.attribution
        // Where the key of somebody's own value is none of them, the calls of all are found at one place.
        if histogramKeys >> UInt64(values.key) & 1 == 0 { (values.own, values.key) = (.none, 0) }
        if let known = attributedHistograms.row(base, values, generation: texts.generation) { return known }
        let own = values.own
        let overflow = overflowHistograms.row(own, tenant: tenant, texts, series.histograms.overflow) {
            series.hasHistograms(of: own, texts)
        }
        let row = if let overflow { overflow } else { series.histogramsRow(call, texts) }
        attributedHistograms.set(base, values, generation: texts.generation, row)
        return row
    }

    /// The rows that do not depend on attribution, of histograms and of the finish reason, -1 unless there is just one;
    /// what stands for the texts that counts depend on; and whether output is counted. Instead of the row of histograms
    /// that do depend on it, what stands for the texts that they depend on beside it.
    private mutating func newSharedRows(
        _ call: borrowing FoundCall, _ key: RowCache.Key, tenant: UInt32, _ texts: TextTable,
        _ series: inout GenAISeries
    ) -> RowCache.Rows {
        let base = bases.number(of: CallTexts.counts(call.texts, tenant: tenant, texts))
        let histograms =
            histogramKeys == 0
            ? Int32(series.histogramsRow(call, texts))
            : histogramBases.number(of: CallTexts.histograms(call.texts, base, texts))
        var rows = RowCache.Rows(histograms, -1, base, GenAISeries.isOutputCounted(call, texts) ? 1 : 0)
        let reasons = texts.members(texts.names(call.texts.names).finishReasons)
        if reasons.count == 1, let reason = reasons.first {
            rows[1] = Int32(series.finishReasonRow(call, reason, texts))
        }
        cache.set(key, rows)
        return rows
    }
}

/// The numbers of the texts that a call's rows depend on beside its attribution, or those of a run of a tool, or of usage
/// that no call was found for.
struct CallTexts: Sendable {
    /// Those that counts of calls depend on, which are the same whatever the error and the finish reasons.
    typealias Counts = SIMD8<UInt32>
    /// What stands for those, and the text that histograms depend on beside them; of calls that did not fail none.
    typealias Histograms = SIMD2<UInt32>

    private(set) var key = RowCache.Key()

    init(_ texts: borrowing FoundCall.Texts, tenant: UInt32, generation: UInt32) {
        key[0] = generation << 2
        key[1] = tenant
        key[2] = texts.names.index
        key[3] = texts.agent.index
        key[4] = texts.isError ? 1 : 0
    }

    init(_ run: borrowing FoundToolRun, tenant: UInt32, generation: UInt32) {
        key[0] = generation << 2 | 1
        key[1] = tenant
        key[2] = run.service.index
        key[3] = run.agent.index
        key[4] = run.tool.index
        key[5] = run.isError ? 2 : run.isOK ? 1 : 0
    }

    init(_ rest: borrowing FoundRest, tenant: UInt32, generation: UInt32) {
        key[0] = generation << 2 | 2
        key[1] = tenant
        key[2] = rest.service.index
        key[3] = rest.agent.index
    }

    static func counts(_ call: borrowing FoundCall.Texts, tenant: UInt32, _ texts: TextTable) -> Counts {
        let names = texts.names(call.names)
        return Counts(
            texts.generation, tenant, names.service.index, call.agent.index, names.operation.index,
            names.provider.index, names.requestModel.index, names.responseModel.index)
    }

    static func histograms(_ call: borrowing FoundCall.Texts, _ counts: Int32, _ texts: TextTable) -> Histograms {
        // No text has the largest number.
        Histograms(UInt32(bitPattern: counts), call.isError ? texts.names(call.names).errorType.index : .max)
    }
}
