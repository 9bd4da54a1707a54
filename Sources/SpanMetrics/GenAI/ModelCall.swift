import OTLP

/// One call of a model, put together from all spans that describe it.
package struct ModelCall: Hashable, Sendable {
    package var traceID: TraceID
    /// The innermost span.
    package var spanID: SpanID
    /// Unix nanoseconds; from the outermost span, as `end`.
    package var start: UInt64
    package var end: UInt64
    /// How many calls this one stands for.
    package var weight: UInt64
    package var isError: Bool
    package var operation: String
    package var provider: String
    package var requestModel: String
    package var responseModel: String
    package var service: String
    package var agent: String
    package var conversation: String
    /// The values of the configured attribution keys, in their order; empty text where there is none.
    package var attribution: [String]
    package var errorType: String
    package var finishReasons: [String]
    /// Seconds.
    package var timeToFirstToken: Double?
    /// Nil when no span said anything about tokens.
    package var usage: TokenUsage?
    /// In US dollars, as a span had it.
    package var reportedCost: Double?
    /// It follows a failed call of the same parent to the same model.
    package var retries: UInt64

    package var durationNanoseconds: UInt64 { end - start }

    /// The model that answered, or the one that was asked for.
    package var model: String { responseModel.isEmpty ? requestModel : responseModel }
}

/// Usage that a span of an agent or workflow reports beyond that of the calls that were found below it.
package struct UnattributedUsage: Hashable, Sendable {
    package var traceID: TraceID
    package var spanID: SpanID
    /// Unix nanoseconds.
    package var start: UInt64
    package var weight: UInt64
    package var service: String
    package var agent: String
    package var conversation: String
    package var attribution: [String]
    package var usage: TokenUsage
}

/// A run of a tool.
package struct ToolRun: Hashable, Sendable {
    package var spanID: SpanID
    package var weight: UInt64
    package var isError: Bool
    package var service: String
    package var agent: String
    package var tool: String
    /// When its span arrived, unix nanoseconds.
    package var receivedAt: UInt64
}

/// What became known of model calls, once and for all.
package struct GenAIFindings: Sendable {
    package var calls: [ModelCall] = []
    /// Usage of calls that were counted before it was known.
    package var supplements: [ModelCall] = []
    package var tools: [ToolRun] = []
    package var unattributed: [UnattributedUsage] = []
    /// Spans about calls that had been counted.
    package var lateSpans: UInt64 = 0

    package init() {}

    package mutating func append(_ other: GenAIFindings) {
        calls += other.calls
        supplements += other.supplements
        tools += other.tools
        unattributed += other.unattributed
        lateSpans += other.lateSpans
    }
}

// MARK: - from numbers

extension GenAIFindings {
    init(_ found: NumberedFindings, _ texts: TextTable) {
        calls = found.calls.map { ModelCall($0, texts) }
        supplements = found.supplements.map { ModelCall($0.call, texts) }
        tools = found.tools.map { ToolRun($0, texts) }
        unattributed = found.unattributed.map { UnattributedUsage($0, texts) }
        lateSpans = found.lateSpans
    }
}

extension ModelCall {
    init(_ found: FoundCall, _ texts: TextTable) {
        let names = texts.names(found.texts.names)
        self.init(
            traceID: found.traceID, spanID: found.spanID, start: found.start, end: found.end, weight: found.weight,
            isError: found.isError, operation: texts.text(names.operation), provider: texts.text(names.provider),
            requestModel: texts.text(names.requestModel), responseModel: texts.text(names.responseModel),
            service: texts.text(names.service), agent: texts.text(found.texts.agent),
            conversation: texts.text(found.texts.conversation), attribution: texts.texts(found.texts.attribution),
            errorType: found.isError ? texts.text(names.errorType) : "",
            finishReasons: texts.texts(names.finishReasons), timeToFirstToken: found.timeToFirstToken,
            usage: found.hasUsage ? found.usage : nil, reportedCost: found.reportedCost, retries: found.retries)
    }
}

extension ToolRun {
    init(_ found: FoundToolRun, _ texts: TextTable) {
        self.init(
            spanID: found.spanID, weight: found.weight, isError: found.isError, service: texts.text(found.service),
            agent: texts.text(found.agent), tool: texts.text(found.tool), receivedAt: found.receivedAt)
    }
}

extension UnattributedUsage {
    init(_ found: FoundRest, _ texts: TextTable) {
        self.init(
            traceID: found.traceID, spanID: found.spanID, start: found.start, weight: found.weight,
            service: texts.text(found.service), agent: texts.text(found.agent),
            conversation: texts.text(found.conversation), attribution: texts.texts(found.attribution),
            usage: found.usage)
    }
}
