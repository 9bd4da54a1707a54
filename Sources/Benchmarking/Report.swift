/// Rows as a table.
package enum Report {
    private static let titles = ["", "CPU ns", "spread", "allocations", "bytes", "per", "ratio", "to", "budget", ""]

    package static func text(_ rows: [Measurement]) -> String {
        let cells = [titles] + rows.map { row in line(row, rows) }
        let widths = titles.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { cells in
            let padded = cells.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - cells[column].count)
                // Names and units stand left, numbers right.
                return [0, 5, 7, 8, 9].contains(column) ? cells[column] + padding : padding + cells[column]
            }
            var text = padded.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text + "\n"
        }.joined()
    }

    /// Text with spaces behind it up to a width; before it for a negative one.
    package static func padded(_ text: String, to width: Int) -> String {
        let padding = String(repeating: " ", count: max(0, abs(width) - text.count))
        return width < 0 ? padding + text : text + padding
    }

    private static func line(_ row: Measurement, _ rows: [Measurement]) -> [String] {
        var ratio = ""
        if let baseline = rows.first(where: { $0.name == row.baseline }), baseline.nanoseconds > 0 {
            ratio = number(row.nanoseconds / baseline.nanoseconds)
            if let bytes = row.bytes, let other = baseline.bytes, other > 0 {
                ratio += " (bytes \(number(bytes / other)))"
            }
        }
        return [
            row.name, number(row.nanoseconds), "+\(Int((row.spread * 100).rounded())) %", number(row.allocations),
            row.bytes.map(number) ?? "", row.unit, ratio, row.baseline ?? "",
        ] + budget(row)
    }

    /// The budget, and whether it is met; two empty cells where there is none.
    private static func budget(_ row: Measurement) -> [String] {
        guard let budget = row.budget else { return ["", ""] }
        var text = "≤ \(number(budget.nanoseconds)) ns"
        if let allocations = budget.allocations { text += ", ≤ \(Int(allocations)) allocations" }
        // Counted over many units, of which a few pay for what all share.
        let isMet = row.nanoseconds <= budget.nanoseconds && row.allocations <= (budget.allocations ?? .infinity) + 0.1
        return [text, isMet ? "met" : "missed"]
    }

    /// Three significant digits.
    private static func number(_ value: Double) -> String {
        if value >= 100 { return "\(Int(value.rounded()))" }
        if value >= 10 { return fixed(value, 1) }
        return value >= 1 || value == 0 ? fixed(value, 2) : fixed(value, 4)
    }

    private static func fixed(_ value: Double, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let digits = String(Int((value * scale).rounded()))
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return "\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
    }
}
