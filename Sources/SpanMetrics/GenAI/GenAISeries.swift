import OTLP

/// The series of one tenant about calls of models and runs of tools.
struct GenAISeries: Sendable {
    private(set) var calls: SeriesTable<CallCounts>
    private(set) var histograms: SeriesTable<CallHistograms>
    private(set) var finishReasons: SeriesTable<EventCount>
    private(set) var tools: SeriesTable<EventCount>
    private(set) var unattributed: SeriesTable<EventCount>

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

    private static func key(_ call: ModelCall) -> SeriesTableKey {
        var key = SeriesTableKey()
        key.append(call.service)
        key.append(call.agent)
        key.append(call.operation)
        key.append(call.provider)
        key.append(call.requestModel)
        key.append(call.responseModel)
        return key
    }

    private static func attributedKey(_ key: SeriesTableKey, _ call: ModelCall) -> SeriesTableKey {
        var key = key
        for value in call.attribution { key.append(value) }
        return key
    }

    mutating func add(_ call: ModelCall, _ cost: CallCost) {
        let key = Self.key(call)
        calls.update(Self.attributedKey(key, call)) { row in
            row.calls = row.calls.addingClamped(call.weight)
            if call.isError { row.errors = row.errors.addingClamped(call.weight) }
            if call.isRetry { row.retries = row.retries.addingClamped(call.weight) }
            row.add(call, cost)
        }
        histograms.update(key.adding(call.errorLabel)) { row in
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
        for reason in call.finishReasons {
            finishReasons.update(key.adding(reason)) { $0.count = $0.count.addingClamped(call.weight) }
        }
    }

    /// Adds the usage of a call that was counted without it.
    mutating func supplement(_ call: ModelCall, _ cost: CallCost) {
        let key = Self.key(call)
        calls.update(Self.attributedKey(key, call)) { $0.add(call, cost) }
        histograms.update(key.adding(call.errorLabel)) { $0.addTokens(call) }
    }

    mutating func add(_ run: ToolRun) {
        let status = run.isError ? "STATUS_CODE_ERROR" : "STATUS_CODE_UNSET"
        tools.update(SeriesTableKey().adding(run.service).adding(run.agent).adding(run.tool).adding(status)) {
            $0.count = $0.count.addingClamped(run.weight)
        }
    }

    mutating func add(_ rest: UnattributedUsage) {
        for (type, tokens) in [("input", rest.usage.input), ("output", rest.usage.output)] where tokens > 0 {
            unattributed.update(SeriesTableKey().adding(rest.service).adding(rest.agent).adding(type)) {
                $0.count = $0.count.addingClamped(tokens.multipliedClamped(by: rest.weight))
            }
        }
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
        guard let usage = call.usage else { return }
        tokens += usage.multiplied(by: call.weight)
        let dollars = cost.usd * Double(call.weight)
        switch cost.source {
        case .computed: computedCost += dollars
        case .reported: reportedCost += dollars
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
