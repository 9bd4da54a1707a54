/// A trace drawn for the terminal: one line a span, its bar on a common time axis, the critical path marked.
package struct Waterfall {
    /// One line, in the order of the tree.
    package struct Row: Sendable {
        var depth: Int
        var service: String
        var operation: String
        /// Nanoseconds after the start of the trace.
        var offset: UInt64
        var duration: UInt64
        var isError: Bool
        var isOnCriticalPath: Bool
        var inputTokens: UInt64?
        var outputTokens: UInt64?
        /// In words; nil where no model was called.
        var cost: String?

        package init(
            depth: Int, service: String, operation: String, offset: UInt64, duration: UInt64, isError: Bool = false,
            isOnCriticalPath: Bool = false, inputTokens: UInt64? = nil, outputTokens: UInt64? = nil,
            cost: String? = nil
        ) {
            self.depth = depth
            self.service = service
            self.operation = operation
            self.offset = offset
            self.duration = duration
            self.isError = isError
            self.isOnCriticalPath = isOnCriticalPath
            self.inputTokens = inputTokens
            self.outputTokens = outputTokens
            self.cost = cost
        }
    }

    private let rows: [Row]
    private let total: UInt64

    /// On a narrow terminal the costs and bars give way first, then the names.
    private static func barColumnsMin(_ columns: Int) -> Int { columns < 80 ? 8 : 20 }

    /// - Parameters:
    ///   - rows: In the order of the tree.
    ///   - total: Nanoseconds from the first start to the last end.
    package init(rows: [Row], total: UInt64) {
        self.rows = rows
        self.total = total
    }

    /// The drawing, as wide as `columns`.
    package func text(columns: Int, style: Style) -> String {
        let costWidth = columns < 80 ? 0 : rows.map { TextWidth.columns($0.cost ?? "") }.max() ?? 0
        let hasTokens = costWidth > 0 || rows.contains { $0.inputTokens != nil || $0.outputTokens != nil }
        let step = columns < 80 ? " " : "  "
        let names = rows.map { String(repeating: step, count: min($0.depth, 16)) + $0.operation }
        let tokens = rows.map { Self.tokens($0, costWidth: costWidth) }
        let durations = rows.map { Quantity.duration($0.duration) }
        let serviceWidth = min(columns < 80 ? 10 : 20, rows.map { TextWidth.columns($0.service) }.max() ?? 0)
        let durationWidth = durations.map(TextWidth.columns).max() ?? 0
        let tokenWidth = hasTokens ? max(6, tokens.map(TextWidth.columns).max() ?? 0) : 0
        let fixed = serviceWidth + durationWidth + (hasTokens ? tokenWidth + 1 : 0) + 6
        let nameWidth = min(
            names.map(TextWidth.columns).max() ?? 0, max(12, columns - fixed - Self.barColumnsMin(columns)))
        let barWidth = max(Self.barColumnsMin(columns), min(60, columns - fixed - nameWidth))
        var result = ""
        for (index, row) in rows.enumerated() {
            let mark = row.isOnCriticalPath ? style.yellow("●") : " "
            let name = TextWidth.pad(TextWidth.fit(names[index], nameWidth), nameWidth)
            let service = TextWidth.pad(TextWidth.fit(row.service, serviceWidth), serviceWidth)
            result += "\(mark) \(style.cyan(service)) \(row.isError ? style.red(name) : name) "
            result += bar(row, barWidth, style) + " " + TextWidth.padLeft(durations[index], durationWidth)
            if !tokens[index].isEmpty || hasTokens && row.isError {
                result += " " + style.dim(TextWidth.padLeft(tokens[index], tokenWidth))
            }
            if row.isError { result += " " + style.red("error") }
            result += "\n"
        }
        return result
    }

    private func bar(_ row: Row, _ width: Int, _ style: Style) -> String {
        guard total > 0 else { return TextWidth.pad("▏", width) }
        let scale = Double(width) / Double(total)
        let start = min(width - 1, Int(Double(min(row.offset, total)) * scale))
        let length = max(1, min(width - start, Int((Double(min(row.duration, total)) * scale).rounded())))
        let blocks = String(repeating: row.isOnCriticalPath ? "█" : "▒", count: length)
        let drawn = row.isError ? style.red(blocks) : row.isOnCriticalPath ? style.yellow(blocks) : style.blue(blocks)
        return String(repeating: " ", count: start) + drawn + String(repeating: " ", count: width - start - length)
    }

    /// Tokens, and behind them the cost where it is wanted.
    private static func tokens(_ row: Row, costWidth: Int) -> String {
        let hasTokens = row.inputTokens != nil || row.outputTokens != nil
        let tokens = hasTokens ? "\(row.inputTokens ?? 0)→\(row.outputTokens ?? 0)" : ""
        guard costWidth > 0, hasTokens || row.cost != nil else { return tokens }
        return tokens + " " + TextWidth.padLeft(row.cost ?? "", costWidth)
    }
}
