import OTLP
import TraceStorage

/// What was counted.
struct GenAITotals: Sendable {
    private let configuration: GenAIConfiguration
    private let seed: UInt64
    var tenants: [TenantID: GenAISeries] = [:]
    private var cache = RowCache()
    private var tenantNumbers: [TenantID: UInt32] = [:]
    private(set) var counts = GenAIStatistics()
    private var prices = KnownPrices()

    init(_ configuration: GenAIConfiguration, seed: UInt64) {
        self.configuration = configuration
        self.seed = seed
    }

    func emptySeries() -> GenAISeries { GenAISeries(configuration, seed: seed) }

    mutating func count(
        _ findings: GenAIFindings, of tenant: TenantID, _ costs: CostModel, _ records: inout [UsageRecord]
    ) {
        if tenants[tenant] == nil { tenants[tenant] = emptySeries() }
        guard let place = tenants.index(forKey: tenant) else { return }
        let number = tenantNumber(tenant)
        for index in findings.calls.indices {
            let key = findings.callTexts[index].key(tenant: number)
            count(findings.calls[index], key, place, costs, tenant, &records)
        }
        for call in findings.supplements {
            // What a span reported was counted with the call.
            let cost =
                call.reportedCost == nil ? costs.cost(of: call, &prices) : CallCost(usd: 0, source: .reported)
            tenants.values[place].supplement(call, cost)
            records.append(UsageRecord(call, cost, tenant: tenant, kind: .supplement))
        }
        for (run, texts) in zip(findings.tools, findings.toolTexts) {
            let key = texts.key(tenant: number)
            let row = cache.rows(of: key)?[0] ?? Int32(tenants.values[place].row(run))
            cache.set(key, RowCache.Rows(row, 0, 0, 0))
            tenants.values[place].add(run, row: Int(row))
        }
        for rest in findings.unattributed {
            tenants.values[place].add(rest)
            records.append(UsageRecord(rest, tenant: tenant))
        }
        counts.lateSpans += findings.lateSpans
    }

    private mutating func count(
        _ call: ModelCall, _ key: RowCache.Key, _ place: Dictionary<TenantID, GenAISeries>.Index, _ costs: CostModel,
        _ tenant: TenantID, _ records: inout [UsageRecord]
    ) {
        let cost = costs.cost(of: call, &prices)
        let countsKey = CallTexts.countsKey(key)
        let histogramsKey = CallTexts.histogramsKey(key)
        let countsRow = cache.rows(of: countsKey)?[0] ?? Int32(tenants.values[place].countsRow(call))
        let rows = cache.rows(of: histogramsKey) ?? sharedRows(call, place)
        cache.set(countsKey, RowCache.Rows(countsRow, 0, 0, 0))
        cache.set(histogramsKey, rows)
        tenants.values[place].addCounts(call, cost, row: Int(countsRow))
        tenants.values[place].addHistograms(call, row: Int(rows[0]))
        if rows[1] >= 0 {
            tenants.values[place].addFinishReason(row: Int(rows[1]), weight: call.weight)
        } else {
            for reason in call.finishReasons {
                let row = tenants.values[place].finishReasonRow(call, reason)
                tenants.values[place].addFinishReason(row: row, weight: call.weight)
            }
        }
        records.append(UsageRecord(call, cost, tenant: tenant))
        counts.calls = counts.calls.addingClamped(call.weight)
        if call.usage != nil, cost.source == .unknown { counts.unpricedCalls += 1 }
    }

    /// The rows that do not depend on attribution: of histograms and of the finish reason, -1 unless there is just one.
    private mutating func sharedRows(
        _ call: ModelCall, _ place: Dictionary<TenantID, GenAISeries>.Index
    ) -> RowCache.Rows {
        let histograms = Int32(tenants.values[place].histogramsRow(call))
        guard call.finishReasons.count == 1 else { return RowCache.Rows(histograms, -1, 0, 0) }
        return RowCache.Rows(
            histograms, Int32(tenants.values[place].finishReasonRow(call, call.finishReasons[0])), 0, 0)
    }

    private mutating func tenantNumber(_ tenant: TenantID) -> UInt32 {
        if let known = tenantNumbers[tenant] { return known }
        let number = UInt32(tenantNumbers.count)
        tenantNumbers[tenant] = number
        return number
    }
}

/// The numbers of the texts that a call's rows depend on, or those of a run of a tool.
struct CallTexts: Sendable {
    private var key: RowCache.Key

    private static let tenantPlace = 1
    private static let errorPlace = 9
    private static let reasonsPlace = 10
    private static let attributionPlace = 11

    /// - Parameter errorType: Nil for a call that did not fail.
    init(
        generation: UInt32, service: TextNumber, agent: TextNumber, operation: TextNumber, provider: TextNumber,
        requestModel: TextNumber, responseModel: TextNumber, errorType: TextNumber?, finishReasons: ListNumber,
        attribution: ListNumber
    ) {
        key = RowCache.Key()
        key[0] = generation << 2
        key[2] = service.index
        key[3] = agent.index
        key[4] = operation.index
        key[5] = provider.index
        key[6] = requestModel.index
        key[7] = responseModel.index
        key[Self.errorPlace] = errorType.map { $0.index + 1 } ?? 0
        key[Self.reasonsPlace] = finishReasons.index
        key[Self.attributionPlace] = attribution.index
    }

    init(generation: UInt32, service: TextNumber, agent: TextNumber, tool: TextNumber, isError: Bool) {
        key = RowCache.Key()
        key[0] = generation << 2 | 3
        key[2] = service.index
        key[3] = agent.index
        key[4] = tool.index
        key[5] = isError ? 1 : 0
    }

    func key(tenant: UInt32) -> RowCache.Key {
        var result = key
        result[Self.tenantPlace] = tenant
        return result
    }

    /// The part of a call's key that its counts depend on.
    static func countsKey(_ key: RowCache.Key) -> RowCache.Key {
        var result = key
        result[0] |= 1
        result[errorPlace] = 0
        result[reasonsPlace] = 0
        return result
    }

    /// The part of a call's key that its histograms depend on.
    static func histogramsKey(_ key: RowCache.Key) -> RowCache.Key {
        var result = key
        result[0] |= 2
        result[attributionPlace] = 0
        return result
    }
}
