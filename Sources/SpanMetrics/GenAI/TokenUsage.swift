/// Tokens in buckets that do not overlap, so that each is priced once.
package struct TokenUsage: Hashable, Sendable {
    /// The buckets in the order of files.
    private(set) var counts = SIMD8<UInt64>()

    package init() {}

    init(counts: SIMD8<UInt64>) { self.counts = counts }

    /// Input that no cache had.
    package var uncachedInput: UInt64 {
        get { counts[0] }
        set { counts[0] = newValue }
    }
    package var cacheRead: UInt64 {
        get { counts[1] }
        set { counts[1] = newValue }
    }
    /// Written to a cache that keeps it for 5 minutes, or for a time that is not said.
    package var cacheWrite: UInt64 {
        get { counts[2] }
        set { counts[2] = newValue }
    }
    /// Written to a cache that keeps it for an hour.
    package var cacheWriteHour: UInt64 {
        get { counts[3] }
        set { counts[3] = newValue }
    }
    package var audioInput: UInt64 {
        get { counts[4] }
        set { counts[4] = newValue }
    }
    /// Output other than reasoning and audio.
    package var visibleOutput: UInt64 {
        get { counts[5] }
        set { counts[5] = newValue }
    }
    package var reasoning: UInt64 {
        get { counts[6] }
        set { counts[6] = newValue }
    }
    package var audioOutput: UInt64 {
        get { counts[7] }
        set { counts[7] = newValue }
    }

    /// All input: cache read and write included.
    package var input: UInt64 {
        uncachedInput.addingClamped(cacheRead).addingClamped(cacheWrites).addingClamped(audioInput)
    }
    /// All output: reasoning included.
    package var output: UInt64 { visibleOutput.addingClamped(reasoning).addingClamped(audioOutput) }
    package var cacheWrites: UInt64 { cacheWrite.addingClamped(cacheWriteHour) }
    package var total: UInt64 { input.addingClamped(output) }
    package var isEmpty: Bool { counts == SIMD8() }

    /// Sums stay at the largest number rather than begin again.
    package static func += (sum: inout TokenUsage, other: TokenUsage) {
        let counts = sum.counts &+ other.counts
        sum.counts = counts.replacing(with: .max, where: counts .< sum.counts)
    }

    func multiplied(by weight: UInt64) -> TokenUsage {
        guard weight != 1 else { return self }
        var result = self
        for bucket in counts.indices { result.counts[bucket] = counts[bucket].multipliedClamped(by: weight) }
        return result
    }
}

/// A number of tokens that may not be said, in a quarter of the bytes of an optional one: below
/// ``UInt64/tokensMax``. What is more was not said.
@propertyWrapper struct ReportedCount: Hashable, Sendable {
    private var bits = UInt32.max

    init() {}

    var wrappedValue: UInt64? {
        get { bits == .max ? nil : UInt64(bits) }
        set { bits = newValue.flatMap(UInt32.init(exactly:)) ?? .max }
    }
}

/// A number that may not be said, in half the bytes of an optional one. What is not a number was not said.
@propertyWrapper struct ReportedNumber: Hashable, Sendable {
    private var number = Double.nan

    init() {}

    var wrappedValue: Double? {
        get { number.isNaN ? nil : number }
        set { number = newValue ?? .nan }
    }
}

/// What a span says about tokens, in the words of whoever made it.
struct ReportedUsage: Hashable, Sendable {
    @ReportedCount var input: UInt64?
    @ReportedCount var output: UInt64?
    @ReportedCount var total: UInt64?
    @ReportedCount var cacheRead: UInt64?
    @ReportedCount var cacheWrite: UInt64?
    /// The part of the cache writes that is kept for an hour.
    @ReportedCount var cacheWriteHour: UInt64?
    @ReportedCount var reasoning: UInt64?
    @ReportedCount var audioInput: UInt64?
    @ReportedCount var audioOutput: UInt64?

    /// Nothing about input or output was said, or only that there was none, as of a stream whose end was not awaited.
    /// The parts alone are no usage.
    var isEmpty: Bool { (input ?? 0) == 0 && (output ?? 0) == 0 && (total ?? 0) == 0 }

    /// Takes what is not said here from another span about the same call.
    mutating func complete(with other: ReportedUsage) {
        if isEmpty { (input, output, total) = (other.input, other.output, other.total) }
        input = input ?? other.input
        output = output ?? other.output
        total = total ?? other.total
        cacheRead = cacheRead ?? other.cacheRead
        cacheWrite = cacheWrite ?? other.cacheWrite
        cacheWriteHour = cacheWriteHour ?? other.cacheWriteHour
        reasoning = reasoning ?? other.reasoning
        audioInput = audioInput ?? other.audioInput
        audioOutput = audioOutput ?? other.audioOutput
    }

    /// Whether two spans may speak of the same call: what both say is equal.
    ///
    /// One of them may have left the cached part out of its input.
    func agrees(with other: ReportedUsage) -> Bool {
        func same(_ a: UInt64?, _ b: UInt64?) -> Bool { a == nil || b == nil || a == b }
        guard same(output, other.output) else { return false }
        if same(input, other.input) { return true }
        let inputs = [buckets().input, buckets(isInputExclusive: true).input]
        return inputs.contains(other.buckets().input) || inputs.contains(other.buckets(isInputExclusive: true).input)
    }

    /// The tokens in disjoint buckets.
    ///
    /// Conventions and most libraries count cached tokens as part of the input; Anthropic's API, and libraries that
    /// pass its numbers on, do not. Their input is known by a cached part that is larger than it, or by the total.
    /// Reasoning is part of the output, never added to it.
    ///
    /// - Parameter isInputExclusive: The library is known to leave the cached part out.
    func buckets(isInputExclusive: Bool = false) -> TokenUsage {
        var usage = TokenUsage()
        let input = input ?? inputByTotal
        let output = output ?? outputByTotal
        let read = cacheRead ?? 0
        let hour = cacheWriteHour ?? 0
        let write = max(cacheWrite ?? 0, hour)
        let cached = read.addingClamped(write)
        usage.cacheRead = read
        usage.cacheWriteHour = hour
        usage.cacheWrite = write - hour
        let uncached: UInt64
        if isInputExclusive || cached > input || isExclusiveByTotal(input, cached, output) {
            uncached = input
        } else {
            uncached = input - cached
        }
        usage.audioInput = min(audioInput ?? 0, uncached)
        usage.uncachedInput = uncached - usage.audioInput
        usage.reasoning = min(reasoning ?? 0, output)
        usage.audioOutput = min(audioOutput ?? 0, output - usage.reasoning)
        usage.visibleOutput = output - usage.reasoning - usage.audioOutput
        return usage
    }

    private var inputByTotal: UInt64 {
        guard let total, let output, total >= output else { return output == nil ? total ?? 0 : 0 }
        return total - output
    }

    private var outputByTotal: UInt64 {
        guard let total, let input, total >= input else { return 0 }
        return total - input
    }

    private func isExclusiveByTotal(_ input: UInt64, _ cached: UInt64, _ output: UInt64) -> Bool {
        guard let total, cached > 0, self.input != nil, self.output != nil else { return false }
        return total == input.addingClamped(cached).addingClamped(output)
    }
}
