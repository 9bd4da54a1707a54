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
    /// Scratch.
    private var key = SeriesTableKey()
    private let seed: UInt64
    /// The attribution values in the rows of calls, found once no further rows are made.
    private var values: KeyTable?

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
        calls = SeriesTable(labelNames: Self.callLabels + attribution, limit: limit, seed: seed)
        histograms = SeriesTable(labelNames: Self.callLabels + ["error_type"], limit: limit, seed: seed)
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

    /// The row of what is over the limit, when no call with an attribution value has a row of its own, nor gets one.
    mutating func overflowRow(forCallsWith value: TextNumber, _ texts: TextTable) -> Int? {
        guard let overflow = calls.overflow else { return nil }
        let values = values ?? valuesInUse()
        self.values = values
        return texts.withBytes(of: value) { values.index(of: $0) } == nil ? overflow : nil
    }

    private func valuesInUse() -> KeyTable {
        var result = KeyTable(seed: seed)
        for row in 0..<calls.count {
            var reader = ByteReader(calls.table.key(row))
            guard reader.byte() == 0 else { continue }
            for _ in Self.callLabels { _ = reader.block() }
            while let value = reader.block() { value.withUnsafeBytes { _ = result.number(of: $0) } }
        }
        return result
    }

    /// The row of the histograms of a call.
    mutating func histogramsRow(_ call: borrowing FoundCall, _ texts: TextTable) -> Int {
        setKey(call, texts)
        key.append(Self.errorLabel(call, texts))
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
    }

    /// - Parameter version: Of the checkpoint's section; before 3, what failed calls used is among the rest.
    mutating func read(_ reader: inout ByteReader, version: UInt32) -> Bool {
        calls.read(&reader) && (version < 3 || failedUsage.read(&reader, of: &calls.rows)) && histograms.read(&reader)
            && finishReasons.read(&reader) && tools.read(&reader) && unattributed.read(&reader)
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
