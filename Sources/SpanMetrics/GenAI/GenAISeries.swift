import OTLP

/// The series of one tenant about calls of models and runs of tools.
struct GenAISeries: Sendable {
    private(set) var calls: SeriesTable<CallCounts>
    private(set) var histograms: SeriesTable<CallHistograms>
    private(set) var finishReasons: SeriesTable<EventCount>
    private(set) var tools: SeriesTable<EventCount>
    private(set) var unattributed: SeriesTable<EventCount>
    /// Scratch.
    private var key = SeriesTableKey()

    private static let callLabels = [
        "service_name", "gen_ai_agent_name", "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
        "gen_ai_response_model",
    ]

    init(_ configuration: GenAIConfiguration, seed: UInt64) {
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
    private mutating func setKey(_ call: ModelCall) {
        key.clear()
        key.append(call.service)
        key.append(call.agent)
        key.append(call.operation)
        key.append(call.provider)
        key.append(call.requestModel)
        key.append(call.responseModel)
    }

    /// The row of the counts of a call.
    mutating func countsRow(_ call: ModelCall) -> Int {
        setKey(call)
        for value in call.attribution { key.append(value) }
        return calls.row(of: key.bytes)
    }

    /// The row of the histograms of a call.
    mutating func histogramsRow(_ call: ModelCall) -> Int {
        setKey(call)
        key.append(call.errorLabel)
        return histograms.row(of: key.bytes)
    }

    mutating func finishReasonRow(_ call: ModelCall, _ reason: String) -> Int {
        setKey(call)
        key.append(reason)
        return finishReasons.row(of: key.bytes)
    }

    mutating func addCounts(_ call: ModelCall, _ cost: CallCost, row: Int) {
        calls.update(row) { row in
            row.calls = row.calls.addingClamped(call.weight)
            if call.isError { row.errors = row.errors.addingClamped(call.weight) }
            if call.isRetry { row.retries = row.retries.addingClamped(call.weight) }
            row.add(call, cost)
        }
    }

    mutating func addHistograms(_ call: ModelCall, row: Int) {
        histograms.update(row) { row in
            let seconds = Double(call.durationNanoseconds) / 1e9
            row.duration.add(seconds, weight: call.weight, bounds: GenAIBounds.seconds)
            if let first = call.timeToFirstToken {
                row.timeToFirstToken.add(first, weight: call.weight, bounds: GenAIBounds.timeToFirstToken)
                if let usage = call.usage, usage.output > 1, seconds > first {
                    row.timePerOutputToken.add(
                        (seconds - first) / Double(usage.output - 1), weight: call.weight,
                        bounds: GenAIBounds.timePerOutputToken)
                }
            }
            row.addTokens(call)
        }
    }

    mutating func addFinishReason(row: Int, weight: UInt64) {
        finishReasons.update(row) { $0.count = $0.count.addingClamped(weight) }
    }

    /// Adds the usage of a call that was counted without it.
    mutating func supplement(_ call: ModelCall, _ cost: CallCost) {
        calls.update(countsRow(call)) { $0.add(call, cost) }
        histograms.update(histogramsRow(call)) { $0.addTokens(call) }
    }

    mutating func row(_ run: ToolRun) -> Int {
        key.clear()
        key.append(run.service)
        key.append(run.agent)
        key.append(run.tool)
        key.append(run.isError ? "STATUS_CODE_ERROR" : "STATUS_CODE_UNSET")
        return tools.row(of: key.bytes)
    }

    mutating func add(_ run: ToolRun, row: Int) {
        tools.update(row) { $0.count = $0.count.addingClamped(run.weight) }
    }

    mutating func add(_ rest: UnattributedUsage) {
        add(rest, "input", rest.usage.input)
        add(rest, "output", rest.usage.output)
    }

    private mutating func add(_ rest: UnattributedUsage, _ type: String, _ tokens: UInt64) {
        guard tokens > 0 else { return }
        key.clear()
        key.append(rest.service)
        key.append(rest.agent)
        key.append(type)
        unattributed.update(key) { $0.count = $0.count.addingClamped(tokens.multipliedClamped(by: rest.weight)) }
    }

    // MARK: checkpoint

    func write(to writer: inout ByteWriter) {
        calls.write(to: &writer)
        histograms.write(to: &writer)
        finishReasons.write(to: &writer)
        tools.write(to: &writer)
        unattributed.write(to: &writer)
    }

    mutating func read(_ reader: inout ByteReader) -> Bool {
        calls.read(&reader) && histograms.read(&reader) && finishReasons.read(&reader) && tools.read(&reader)
            && unattributed.read(&reader)
    }
}

extension CallCounts {
    fileprivate mutating func add(_ call: ModelCall, _ cost: CallCost) {
        if let usage = call.usage { tokens += usage.multiplied(by: call.weight) }
        let dollars = cost.usd * Double(call.weight)
        switch cost.source {
        case .computed: computedCost += dollars
        case .reported: reportedCost += dollars
        case .unknown where call.usage == nil: break
        case .unknown: unpriced = unpriced.addingClamped(call.weight)
        }
    }
}

extension CallHistograms {
    fileprivate mutating func addTokens(_ call: ModelCall) {
        guard let usage = call.usage else { return }
        inputTokens.add(Double(usage.input), weight: call.weight, bounds: GenAIBounds.tokens)
        if call.operation != "embeddings" {
            outputTokens.add(Double(usage.output), weight: call.weight, bounds: GenAIBounds.tokens)
        }
    }
}

extension ModelCall {
    /// The conventions' `error.type`, which is never empty for a failed call.
    fileprivate var errorLabel: String { isError ? (errorType.isEmpty ? "_OTHER" : errorType) : "" }
}

extension UInt64 {
    func multipliedClamped(by other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
