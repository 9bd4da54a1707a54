/// How urgently a provider was asked to answer, which some of them price.
package enum ServiceTier: String, CaseIterable, Sendable {
    case standard, flex, priority
    /// `_batches` in LiteLLM's names.
    case batch = "batches"

    /// The tier costs less than the standard one, or as much.
    var isDiscount: Bool { self == .flex || self == .batch }
}

/// What of a call has a price of its own.
enum PriceBucket: CaseIterable, Sendable {
    case input, cacheRead, cacheWrite, cacheWriteHour, audioInput, output, reasoning, audioOutput

    func tokens(of usage: TokenUsage) -> UInt64 {
        switch self {
        case .input: usage.uncachedInput
        case .cacheRead: usage.cacheRead
        case .cacheWrite: usage.cacheWrite
        case .cacheWriteHour: usage.cacheWriteHour
        case .audioInput: usage.audioInput
        case .output: usage.visibleOutput
        case .reasoning: usage.reasoning
        case .audioOutput: usage.audioOutput
        }
    }

    /// Whose price counts where the list has none for this bucket; the rules are those of ``ModelPrice``.
    var substitute: PriceBucket? {
        switch self {
        case .cacheRead, .audioInput: .input
        case .cacheWriteHour: .cacheWrite
        case .reasoning, .audioOutput: .output
        case .input, .cacheWrite, .output: nil
        }
    }
}
