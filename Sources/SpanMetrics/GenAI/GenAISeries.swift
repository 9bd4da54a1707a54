import OTLP

/// The series of one tenant about calls of models and runs of tools.
struct GenAISeries: Sendable {
    private(set) var calls: SeriesTable<CallCounts>
    /// What of `calls` failed ones used.
    private(set) var failedUsage = FailedUsage()
    private(set) var histograms: SeriesTable<CallHistograms>
    private(set) var finishReasons: SeriesTable<EventCount>
    private(set) var tools: SeriesTable<EventCount>
    private(set) var unattributed: SeriesTable<EventCount>
    /// By the rows of `calls`, up to the last that has any: apart from them, as few calls have two costs.
    private(set) var otherCosts: [OtherCosts] = []
    /// Scratch.
    private var key = SeriesTableKey()
    private let seed: UInt64
    /// The places of the attribution keys that histograms are kept by, a bit for each.
    private let histogramKeys: UInt64
    private var valuesOfCalls = ValuesInUse()
    private var valuesOfHistograms = ValuesInUse()

    private static let callLabels = [
        "service_name", "gen_ai_agent_name", "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
        "gen_ai_response_model",
    ]

    /// Labels of samples that attribution may not be called.
    static let ownLabels: Set<String> = Set(callLabels).union([
        "gen_ai_response_finish_reason", "gen_ai_token_type", "gen_ai_tool_name", "status_code", "error_type",
        "cost_source", "otel_metric_overflow", "le", "job", "instance",
    ])

    init(_ configuration: GenAIConfiguration, seed: UInt64) {
        self.seed = seed
        let limit = configuration.aggregationCardinalityLimit
        let attribution = configuration.attribution.map { PrometheusName.label($0.name) }
        let histogramKeys = configuration.histogramKeys
        self.histogramKeys = histogramKeys
        let histogramAttribution = attribution.indices.filter { histogramKeys >> UInt64($0) & 1 == 1 }
        calls = SeriesTable(labelNames: Self.callLabels + attribution, limit: limit, seed: seed)
        histograms = SeriesTable(
            labelNames: Self.callLabels + ["error_type"] + histogramAttribution.map { attribution[$0] }, limit: limit,
            seed: seed)
        finishReasons = SeriesTable(
            labelNames: Self.callLabels + ["gen_ai_response_finish_reason"], limit: limit, seed: seed)
        tools = SeriesTable(
            labelNames: ["service_name", "gen_ai_agent_name", "gen_ai_tool_name", "status_code"], limit: limit,
            seed: seed)
        unattributed = SeriesTable(
            labelNames: ["service_name", "gen_ai_agent_name", "gen_ai_token_type"], limit: limit, seed: seed)
    }

    var count: Int { calls.count + histograms.count + finishReasons.count + tools.count + unattributed.count }

    /// Makes `key` that of a call without attribution.
    private mutating func setKey(_ call: borrowing FoundCall, _ texts: TextTable) {
        let names = texts.names(call.texts.names)
        key.clear()
        texts.append(names.service, to: &key)
        texts.append(call.texts.agent, to: &key)
        texts.append(names.operation, to: &key)
        texts.append(names.provider, to: &key)
        texts.append(names.requestModel, to: &key)
        texts.append(names.responseModel, to: &key)
    }

    /// The row of the counts of a call.
    mutating func countsRow(_ call: borrowing FoundCall, _ texts: TextTable) -> Int {
        setKey(call, texts)
        texts.forEachValue(of: call.texts.attribution) { texts.append($0, to: &key) }
        return calls.row(of: key.bytes)
    }

    /// Whether calls with an attribution value have a row; to be asked once there are no further rows.
    mutating func hasCalls(of value: TextNumber, _ texts: TextTable) -> Bool {
        texts.withBytes(of: value) {
            valuesOfCalls.contain($0, of: calls, after: Self.callLabels.count, seed: seed)
        }
    }

    /// The same of the rows of histograms.
    mutating func hasHistograms(of value: TextNumber, _ texts: TextTable) -> Bool {
        texts.withBytes(of: value) {
            valuesOfHistograms.contain($0, of: histograms, after: Self.callLabels.count + 1, seed: seed)
        }
    }

    /// The row of the histograms of a call.
    mutating func histogramsRow(_ call: borrowing FoundCall, _ texts: TextTable) -> Int {
        setKey(call, texts)
        key.append(Self.errorLabel(call, texts))
        if histogramKeys != 0 {
            var keys = histogramKeys
            texts.forEachValue(of: call.texts.attribution) { value in
                if keys & 1 == 1 { texts.append(value, to: &key) }
                keys >>= 1
            }
        }
        return histograms.row(of: key.bytes)
    }

    mutating func finishReasonRow(_ call: borrowing FoundCall, _ reason: TextNumber, _ texts: TextTable) -> Int {
        setKey(call, texts)
        texts.append(reason, to: &key)
        return finishReasons.row(of: key.bytes)
    }

    /// The conventions' `error.type`, which is never empty for a failed call.
    private static func errorLabel(_ call: borrowing FoundCall, _ texts: TextTable) -> String {
        guard call.isError else { return "" }
        let type = texts.names(call.texts.names).errorType
        return type.isEmpty ? "_OTHER" : texts.text(type)
    }

    mutating func addCounts(_ call: borrowing FoundCall, _ cost: CallCost, row: Int) {
        calls.rows[row].calls.addClamped(call.weight)
        if call.isError { calls.rows[row].errors.addClamped(call.weight) }
        if call.retries > 0 {
            calls.rows[row].retries.addClamped(call.retries.multipliedClamped(by: call.weight))
        }
        addUsage(call, cost, row: row)
    }

    /// Adds to what calls used that succeeded, or failed, as this one did.
    @inline(__always)
    private mutating func addUsage(_ call: borrowing FoundCall, _ cost: CallCost, row: Int) {
        if cost.source == .unknown, call.hasUsage { calls.rows[row].unpriced.addClamped(call.weight) }
        if call.isError {
            failedUsage.add(call, cost, to: &calls.rows[row])
        } else {
            calls.rows[row].usage.add(call, cost)
        }
        if cost.otherUSD > 0 { addOther(cost, weight: call.weight, row: row) }
    }

    private mutating func addOther(_ cost: CallCost, weight: UInt64, row: Int) {
        if otherCosts.count <= row {
            otherCosts.append(contentsOf: repeatElement(OtherCosts(), count: row + 1 - otherCosts.count))
        }
        let dollars = cost.otherUSD * Double(weight)
        if cost.source == .computed { otherCosts[row].reported += dollars } else { otherCosts[row].computed += dollars }
    }

    mutating func addHistograms(_ call: borrowing FoundCall, isOutputCounted: Bool, row: Int) {
        histograms.rows[row].add(call, isOutputCounted: isOutputCounted)
    }

    /// An embedding is no output of tokens.
    static func isOutputCounted(_ call: borrowing FoundCall, _ texts: TextTable) -> Bool {
        texts.names(call.texts.names).operation != TextTable.embeddings
    }

    mutating func addFinishReason(row: Int, weight: UInt64) {
        finishReasons.rows[row].count.addClamped(weight)
    }

    /// Adds the usage of a call that was counted without it.
    mutating func supplement(_ call: borrowing FoundCall, _ cost: CallCost, _ texts: TextTable) {
        let isOutputCounted = Self.isOutputCounted(call, texts)
        addUsage(call, cost, row: countsRow(call, texts))
        histograms.rows[histogramsRow(call, texts)].addTokens(call, isOutputCounted: isOutputCounted)
    }

    mutating func row(_ run: borrowing FoundToolRun, _ texts: TextTable) -> Int {
        key.clear()
        texts.append(run.service, to: &key)
        texts.append(run.agent, to: &key)
        texts.append(run.tool, to: &key)
        key.append(run.isError ? "STATUS_CODE_ERROR" : run.isOK ? "STATUS_CODE_OK" : "STATUS_CODE_UNSET")
        return tools.row(of: key.bytes)
    }

    mutating func add(_ run: borrowing FoundToolRun, row: Int) { tools.rows[row].count.addClamped(run.weight) }

    /// The row of usage that no call was found for.
    mutating func row(_ rest: borrowing FoundRest, isOutput: Bool, _ texts: TextTable) -> Int {
        key.clear()
        texts.append(rest.service, to: &key)
        texts.append(rest.agent, to: &key)
        key.append(isOutput ? "output" : "input")
        return unattributed.row(of: key.bytes)
    }

    mutating func add(unattributed tokens: UInt64, weight: UInt64, row: Int) {
        unattributed.rows[row].count.addClamped(tokens.multipliedClamped(by: weight))
    }

    // MARK: checkpoint

    func write(to writer: inout ByteWriter) {
        calls.write(to: &writer)
        failedUsage.write(of: calls.rows, to: &writer)
        histograms.write(to: &writer)
        finishReasons.write(to: &writer)
        tools.write(to: &writer)
        unattributed.write(to: &writer)
        writer.varint(UInt64(otherCosts.count))
        for costs in otherCosts { costs.write(to: &writer) }
    }

    /// - Parameter version: Of the checkpoint's section; before 3, what failed calls used is among the rest, and costs
    ///   that do not count are not there.
    mutating func read(_ reader: inout ByteReader, version: UInt32) -> Bool {
        calls.read(&reader) && (version < 3 || failedUsage.read(&reader, of: &calls.rows)) && histograms.read(&reader)
            && finishReasons.read(&reader) && tools.read(&reader) && unattributed.read(&reader)
            && (version < 3 || readOtherCosts(&reader))
    }

    private mutating func readOtherCosts(_ reader: inout ByteReader) -> Bool {
        guard let count = reader.varint(), count <= UInt64(calls.count) else { return false }
        for _ in 0..<count {
            guard let costs = OtherCosts(&reader) else { return false }
            otherCosts.append(costs)
        }
        return true
    }
}

extension CallHistograms {
    fileprivate mutating func add(_ call: borrowing FoundCall, isOutputCounted: Bool) {
        let seconds = Double(call.durationNanoseconds) / 1e9
        duration.add(seconds, weight: call.weight, bounds: GenAIBounds.seconds)
        if let first = call.timeToFirstToken {
            timeToFirstToken.add(first, weight: call.weight, bounds: GenAIBounds.timeToFirstToken)
            let output = call.hasUsage ? call.usage.output : 0
            if output > 1, seconds > first {
                timePerOutputToken.add(
                    (seconds - first) / Double(output - 1), weight: call.weight,
                    bounds: GenAIBounds.timePerOutputToken)
            }
        }
        addTokens(call, isOutputCounted: isOutputCounted)
    }

    fileprivate mutating func addTokens(_ call: borrowing FoundCall, isOutputCounted: Bool) {
        guard call.hasUsage else { return }
        inputTokens.add(Double(call.usage.input), weight: call.weight, bounds: GenAIBounds.tokens)
        if isOutputCounted {
            outputTokens.add(Double(call.usage.output), weight: call.weight, bounds: GenAIBounds.tokens)
        }
    }
}

extension UInt64 {
    func multipliedClamped(by other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }

    mutating func addClamped(_ other: UInt64) { self = addingClamped(other) }
}
