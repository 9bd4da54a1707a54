/// Prints finished spans for people: one block for each, with its attributes and events. For development.
///
/// ```
/// 2026-01-02T03:04:05.678Z   12.34 ms  4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7  client    chat gpt-5  ok
///     gen_ai.request.model        "gpt-5"
///     gen_ai.usage.input_tokens   1200
///     + 3.20 ms  first_chunk
/// ```
///
/// Whatever text a span holds, no control character of it reaches the terminal.
public final class ConsoleSpanExporter: SpanExporter {
    private let isColored: Bool
    /// Nil when all was written, else why not.
    private let write: @Sendable (String) -> String?

    /// Prints to standard error.
    ///
    /// - Parameter isColored: nil means on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    public init(isColored: Bool? = nil) {
        self.isColored = isColored ?? StandardError.isColorTerminal
        write = { StandardError.write($0) }
    }

    /// Hands the text of each batch to `write`, which is called on one thread at a time.
    public init(isColored: Bool = false, write: @escaping @Sendable (String) -> Void) {
        self.isColored = isColored
        self.write = { text in
            write(text)
            return nil
        }
    }

    /// Prints the batch.
    public func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
        do {
            let text = try SpanText.blocks(batch, isColored: isColored)
            if let problem = write(text) { return .failure("cannot print spans: \(problem)") }
            return .success()
        } catch {
            return .failure("cannot print spans: \(error)")
        }
    }

    /// Does nothing: all was printed.
    public func shutdown() {}
}
