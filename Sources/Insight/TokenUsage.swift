import OTLP

/// Tokens of model calls; nil where nothing is known. Input includes what was read from or written to a cache, output
/// includes reasoning.
package struct TokenUsage: Hashable, Sendable {
    package var input: Int64?
    package var output: Int64?
    package var cacheRead: Int64?
    package var cacheWrite: Int64?
    package var reasoning: Int64?

    package init(
        input: Int64? = nil, output: Int64? = nil, cacheRead: Int64? = nil, cacheWrite: Int64? = nil,
        reasoning: Int64? = nil
    ) {
        self.input = input
        self.output = output
        self.cacheRead = cacheRead
        self.cacheWrite = cacheWrite
        self.reasoning = reasoning
    }

    package var isEmpty: Bool { self == TokenUsage() }

    /// What a span's own attributes say in the names of OpenTelemetry's GenAI conventions, new and old; the newest
    /// name that is there wins, and what is no whole number from 0 on is left out.
    package init(of span: SpanRow, in batch: SpanBatch) {
        func first(_ keys: [StaticString]) -> Int64? {
            for key in keys {
                if let row = batch.attribute(key, in: span.attributes), let count = Self.count(row) { return count }
            }
            return nil
        }
        input = first(["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"])
        output = first(["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"])
        cacheRead = first(["gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"])
        cacheWrite = first([
            "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_write_input_tokens",
        ])
        reasoning = first(["gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"])
    }

    private static func count(_ row: AttributeRow) -> Int64? {
        switch row.kind {
        case .int where row.int >= 0: row.int
        case .double where row.double >= 0 && row.double < 0x1p53: Int64(row.double)
        default: nil
        }
    }

    package func adding(_ other: TokenUsage) -> TokenUsage {
        merged(other) { a, b in
            let (sum, overflow) = a.addingReportingOverflow(b)
            return overflow ? .max : sum
        }
    }

    /// The larger number of each kind.
    func largest(_ other: TokenUsage) -> TokenUsage { merged(other, max) }

    private func merged(_ other: TokenUsage, _ both: (Int64, Int64) -> Int64) -> TokenUsage {
        func merged(_ a: Int64?, _ b: Int64?) -> Int64? {
            guard let a, let b else { return a ?? b }
            return both(a, b)
        }
        return TokenUsage(
            input: merged(input, other.input), output: merged(output, other.output),
            cacheRead: merged(cacheRead, other.cacheRead), cacheWrite: merged(cacheWrite, other.cacheWrite),
            reasoning: merged(reasoning, other.reasoning))
    }
}
