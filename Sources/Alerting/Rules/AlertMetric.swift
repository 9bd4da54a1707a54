/// What a rule looks at.
package enum AlertMetric: String, CaseIterable, Sendable {
    // Counted as spans arrive.
    case errorRate = "error_rate"
    case requestRate = "request_rate"
    case latencyP50 = "latency_p50"
    case latencyP95 = "latency_p95"
    case latencyP99 = "latency_p99"
    case toolErrorRate = "tool_error_rate"
    // Added up from records of usage.
    case tokens
    case inputTokens = "input_tokens"
    case outputTokens = "output_tokens"
    case costUSD = "cost_usd"
    case modelCalls = "model_calls"
    case modelErrorRate = "model_error_rate"
    // The collector itself.
    case forwardQueueAge = "forward_queue_age"
    case forwardSkippedSpans = "forward_skipped_spans"
    case refusing
    case journalFill = "journal_fill"
    case damagedBlocks = "damaged_blocks"

    /// Where the numbers come from.
    package enum Source: Sendable {
        case spans, tools, usage, collector
    }

    package var source: Source {
        switch self {
        case .errorRate, .requestRate, .latencyP50, .latencyP95, .latencyP99: .spans
        case .toolErrorRate: .tools
        case .tokens, .inputTokens, .outputTokens, .costUSD, .modelCalls, .modelErrorRate: .usage
        case .forwardQueueAge, .forwardSkippedSpans, .refusing, .journalFill, .damagedBlocks: .collector
        }
    }

    package enum Unit: Sendable {
        /// 0 to 1, written `5%` or `0.05`.
        case share
        /// Written `10s`; seconds.
        case duration
        case perSecond, dollars, number, flag
    }

    package var unit: Unit {
        switch self {
        case .errorRate, .toolErrorRate, .modelErrorRate, .journalFill: .share
        case .latencyP50, .latencyP95, .latencyP99, .forwardQueueAge: .duration
        case .requestRate: .perSecond
        case .costUSD: .dollars
        case .tokens, .inputTokens, .outputTokens, .modelCalls, .forwardSkippedSpans, .damagedBlocks: .number
        case .refusing: .flag
        }
    }

    /// The share of durations that a latency is about.
    package var quantile: Double? {
        switch self {
        case .latencyP50: 0.5
        case .latencyP95: 0.95
        case .latencyP99: 0.99
        default: nil
        }
    }

    /// Whether it can be summed up over a day or a month.
    package var mayHaveBudget: Bool {
        switch self {
        case .tokens, .inputTokens, .outputTokens, .costUSD, .modelCalls: true
        default: false
        }
    }

    /// Whether a value is that of one moment rather than of a window of time.
    package var isMomentary: Bool { source == .collector && self != .forwardSkippedSpans }
}

/// How bad an alert is, in PagerDuty's words.
package enum AlertSeverity: String, CaseIterable, Sendable, Comparable {
    case info, warning, error, critical

    package static func < (a: AlertSeverity, b: AlertSeverity) -> Bool { a.rank < b.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
