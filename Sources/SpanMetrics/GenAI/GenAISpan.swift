import OTLP

/// What a span says about work of agents, in one vocabulary whatever it was sent in.
///
/// A class, so that looking at the spans of a trace from all sides copies none of their texts.
// Nothing changes a span once it is gathered.
final class GenAISpan: @unchecked Sendable {
    enum Role: UInt8, Sendable {
        /// May describe a call of a model; so may others that describe the same call.
        case call
        /// An agent, workflow, chain or task: its usage repeats that of the calls below it.
        case aggregate
        case tool
        /// Retrieval, memory, guardrail and what else is neither of the above.
        case step
    }

    var spanID = SpanID.invalid
    var parentSpanID = SpanID.invalid
    /// Unix nanoseconds.
    var start: UInt64 = 0
    /// Unix nanoseconds; not before `start`.
    var end: UInt64 = 0
    /// When the collector took it, unix nanoseconds.
    var receivedAt: UInt64 = 0
    var role = Role.step
    /// A hash of the names of span and scope: what one library calls by one name are different calls.
    var origin: UInt64 = 0
    /// How many spans this one stands for.
    var weight: UInt64 = 1
    var isError = false
    /// Seconds.
    var timeToFirstToken: Double?
    var isInputExclusive = false
    var usage = ReportedUsage()
    /// In US dollars, as somebody before us worked it out.
    var reportedCost: Double?

    var service = ""
    /// As the conventions name it: `chat`, `embeddings`, `invoke_agent`, ...
    var operation = ""
    var provider = ""
    var requestModel = ""
    var responseModel = ""
    /// A hash of the response's id; 0 where there is none.
    var responseID: UInt64 = 0
    var agent = ""
    var tool = ""
    var conversation = ""
    var errorType = ""
    var finishReasons: [String] = []
    /// The values of the configured attribution keys, in their order; empty text where there is none.
    var attribution: [String] = []

    init() {}

    var durationNanoseconds: UInt64 { end - start }
}
