import OTLP

/// A call of a model as ``ModelCall`` has it, its texts by their numbers.
struct FoundCall: Sendable {
    var traceID: TraceID
    var spanID: SpanID
    /// Unix nanoseconds.
    var start: UInt64
    var end: UInt64
    var weight: UInt64
    var texts: Texts
    /// Seconds.
    var timeToFirstToken: Double?
    /// False when no span said anything about tokens.
    var hasUsage: Bool
    var usage: TokenUsage
    /// In US dollars.
    var reportedCost: Double?
    /// Attempts at it before that failed.
    var retries: UInt64

    /// What a call's series depend on, and its conversation.
    struct Texts: Sendable {
        /// All but the agent.
        var names: NamesNumber
        var agent: TextNumber
        /// Why it failed is among the names, if it did.
        var isError: Bool
        var attribution: AttributionValues
        var conversation: TextNumber
    }

    var isError: Bool { texts.isError }
    var durationNanoseconds: UInt64 { end - start }
}

/// Usage of a call that was counted before it was known.
struct FoundSupplement: Sendable {
    /// With all that is known of it now.
    var call: FoundCall
    /// What a span had reported when the call was counted, in US dollars.
    var countedCost: Double?
}

/// A run of a tool as ``ToolRun`` has it.
struct FoundToolRun: Sendable {
    var spanID: SpanID
    var weight: UInt64
    var isError: Bool
    var isOK: Bool
    var service: TextNumber
    var agent: TextNumber
    var tool: TextNumber
    /// Unix nanoseconds.
    var receivedAt: UInt64
}

/// Usage beyond that of the calls that were found, as ``UnattributedUsage`` has it.
struct FoundRest: Sendable {
    var traceID: TraceID
    var spanID: SpanID
    /// Unix nanoseconds.
    var start: UInt64
    var weight: UInt64
    var service: TextNumber
    var agent: TextNumber
    var conversation: TextNumber
    var attribution: AttributionValues
    var usage: TokenUsage
}

/// What became known of model calls, as ``GenAIFindings`` has it.
struct NumberedFindings: Sendable {
    var calls: [FoundCall] = []
    /// Usage of calls that were counted before it was known.
    var supplements: [FoundSupplement] = []
    var tools: [FoundToolRun] = []
    var unattributed: [FoundRest] = []
    /// Spans about calls that had been counted.
    var lateSpans: UInt64 = 0
    /// When nothing more was expected about the last of it, unix nanoseconds.
    var settledAt: UInt64 = 0

    /// What is found at most before it is to be given on; some hundred bytes each.
    static let callsMax = 1_024

    var isFull: Bool { calls.count >= Self.callsMax || tools.count >= Self.callsMax * 4 }

    var isEmpty: Bool {
        calls.isEmpty && supplements.isEmpty && tools.isEmpty && unattributed.isEmpty && lateSpans == 0
    }

    /// Begins anew in the room that it has.
    mutating func clear() {
        calls.removeAll(keepingCapacity: true)
        supplements.removeAll(keepingCapacity: true)
        tools.removeAll(keepingCapacity: true)
        unattributed.removeAll(keepingCapacity: true)
        lateSpans = 0
    }
}
