import OTLP

/// What a span says about work of agents, in one vocabulary whatever it was sent in: plain numbers, its names and texts
/// those of the collector's ``TextTable``.
struct GenAISpan: Sendable {
    enum Role: UInt8, Sendable {
        /// May describe a call of a model; so may others that describe the same call.
        case call
        /// An agent, workflow, chain or task: its usage repeats that of the calls below it.
        case aggregate
        case tool
        /// Retrieval, memory, guardrail and what else is neither of the above.
        case step
    }

    /// How a span was counted.
    enum Counted: UInt8, Sendable {
        case withUsage, withoutUsage
    }

    var spanID = SpanID.invalid
    var parentSpanID = SpanID.invalid
    /// Unix nanoseconds.
    var start: UInt64 = 0
    /// Unix nanoseconds; not before `start`.
    var end: UInt64 = 0
    /// When the collector took it, unix nanoseconds.
    var receivedAt: UInt64 = 0
    /// How many spans this one stands for.
    var weight: UInt32 = 1
    var names = NamesNumber.none
    var conversation = TextNumber.none
    /// The values of the configured attribution keys, in their order; empty text where there is none.
    var attribution = AttributionValues.none
    /// A hash of the response's id; 0 where there is none.
    var responseID: UInt64 = 0
    var usage = ReportedUsage()
    /// Seconds.
    @ReportedNumber var timeToFirstToken: Double?
    /// That of its names.
    var role = Role.step
    var isError = false
    /// Its status says so; of a tool.
    var isOK = false
    /// It has usage, and nothing says what kind of work it is.
    var isOfUnknownKind = false
    var isInputExclusive = false
    /// As the library that made the span says, at most ``attemptsMax``; 0 where it does not.
    var attempts: UInt8 = 0
    /// What it is part of was counted.
    var counted: Counted?
    /// In US dollars, as somebody before us worked it out.
    @ReportedNumber var reportedCost: Double?

    /// More fit no checkpoint.
    static let attemptsMax: UInt64 = 15

    init() {}

    var durationNanoseconds: UInt64 { end - start }
}

/// The tier of a call as far as a span says it; raw values are those of checkpoints.
enum PricedTier: UInt8, Sendable {
    case unsaid = 0
    case standard = 1
    case flex = 2
    case priority = 3
    case batch = 4

    /// - Parameter text: As APIs have it. `auto` says nothing.
    init(_ text: String) {
        switch text.lowercased() {
        case "default", "standard", "standard_only": self = .standard
        case "flex": self = .flex
        case "priority": self = .priority
        case "batch", "batches": self = .batch
        default: self = .unsaid
        }
    }

    var tier: ServiceTier {
        switch self {
        case .unsaid, .standard: .standard
        case .flex: .flex
        case .priority: .priority
        case .batch: .batch
        }
    }
}
