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

    /// Labels of samples that attribution may not be called.
    static let ownLabels: Set<String> = Set(callLabels).union([
        "gen_ai_response_finish_reason", "gen_ai_token_type", "gen_ai_tool_name", "status_code", "error_type",
        "cost_source", "otel_metric_overflow", "le", "job", "instance",
    ])

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
    private mutating func setKey(_ call: borrowing FoundCall, _ texts: TextTable) {
        key.clear()
        texts.append(call.texts.service, to: &key)
        texts.append(call.texts.agent, to: &key)
        texts.append(call.texts.operation, to: &key)
        texts.append(call.texts.provider, to: &key)
        texts.append(call.texts.requestModel, to: &key)
        texts.append(call.texts.responseModel, to: &key)
    }

    /// The row of the counts of a call.
    mutating func countsRow(_ call: borrowing FoundCall, _ texts: TextTable) -> Int {
        setKey(call, texts)
        for value in texts.members(call.texts.attribution) { texts.append(value, to: &key) }
        return calls.row(of: key.bytes)
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
        guard let type = call.texts.errorType else { return "" }
        return type.isEmpty ? "_OTHER" : texts.text(type)
    }

    mutating func addCounts(_ call: borrowing FoundCall, _ cost: CallCost, row: Int) {
        calls.rows[row].calls.addClamped(call.weight)
        if call.isError { calls.rows[row].errors.addClamped(call.weight) }
        if call.isRetry { calls.rows[row].retries.addClamped(call.weight) }
        calls.rows[row].add(call, cost)
    }

    mutating func addHistograms(_ call: borrowing FoundCall, row: Int) {
        histograms.rows[row].add(call)
    }

    mutating func addFinishReason(row: Int, weight: UInt64) {
        finishReasons.rows[row].count.addClamped(weight)
    }

    /// Adds the usage of a call that was counted without it.
    mutating func supplement(_ call: borrowing FoundCall, _ cost: CallCost, _ texts: TextTable) {
        let isOutputCounted = call.texts.operation != TextTable.embeddings
        calls.rows[countsRow(call, texts)].add(call, cost)
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

    mutating func add(_ rest: borrowing FoundRest, _ texts: TextTable) {
        add(rest, "input", rest.usage.input, texts)
        add(rest, "output", rest.usage.output, texts)
    }

    private mutating func add(_ rest: borrowing FoundRest, _ type: String, _ tokens: UInt64, _ texts: TextTable) {
        guard tokens > 0 else { return }
        key.clear()
        texts.append(rest.service, to: &key)
        texts.append(rest.agent, to: &key)
        key.append(type)
        unattributed.rows[unattributed.row(of: key.bytes)].count
            .addClamped(tokens.multipliedClamped(by: rest.weight))
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
    fileprivate mutating func add(_ call: borrowing FoundCall, _ cost: CallCost) {
        if call.hasUsage { tokens += call.usage.multiplied(by: call.weight) }
        let dollars = cost.usd * Double(call.weight)
        switch cost.source {
        case .computed: computedCost += dollars
        case .reported: reportedCost += dollars
        case .unknown: if call.hasUsage { unpriced.addClamped(call.weight) }
        }
    }
}

extension CallHistograms {
    fileprivate mutating func add(_ call: borrowing FoundCall) {
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
        addTokens(call, isOutputCounted: call.texts.operation != TextTable.embeddings)
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
