/// A table for the terminal: a header, rows, columns as wide as their widest cell.
package struct TextTable {
    package struct Column: Sendable {
        let title: String
        let alignsRight: Bool

        package init(title: String, alignsRight: Bool = false) {
            self.title = title
            self.alignsRight = alignsRight
        }
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Cells without style; one for each column.
    package mutating func add(_ cells: [String]) { rows.append(cells) }

    /// Header and rows, each line ended, none with blanks at its end.
    package func text(_ style: Style) -> String {
        let widths = columns.indices.map { index in
            ([columns[index].title] + rows.map { $0[index] }).map(TextWidth.columns).max() ?? 0
        }
        var result = style.dim(line(columns.map(\.title), widths)) + "\n"
        for row in rows { result += line(row, widths) + "\n" }
        return result
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = cells.indices.map { index in
            columns[index].alignsRight
                ? TextWidth.padLeft(cells[index], widths[index]) : TextWidth.pad(cells[index], widths[index])
        }
        return String(padded.joined(separator: "  ").trimmingSuffix { $0 == " " })
    }
}

extension String {
    fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> Substring {
        var result = self[...]
        while let last = result.last, isTrimmed(last) { result.removeLast() }
        return result
    }
}

/// Numbers as people read them.
package enum Quantity {
    /// `1.23s`, `45.6ms`, `789µs`, `12ns`.
    package static func duration(_ nanoseconds: UInt64) -> String {
        let value = Double(nanoseconds)
        return switch nanoseconds {
        case 60_000_000_000...:
            "\(nanoseconds / 60_000_000_000)m\(significant(value.truncatingRemainder(dividingBy: 6e10) / 1e9))s"
        case 1_000_000_000...: "\(significant(value / 1e9))s"
        case 1_000_000...: "\(significant(value / 1e6))ms"
        case 1_000...: "\(significant(value / 1e3))µs"
        default: "\(nanoseconds)ns"
        }
    }

    /// Three significant digits, no exponent below a thousand.
    package static func significant(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        if value == 0 { return "0" }
        let decimals = value.magnitude >= 100 ? 0 : value.magnitude >= 10 ? 1 : 2
        return fixed(value, decimals)
    }

    /// With so many decimal places, rounded.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (value * scale).rounded()
        guard scaled.magnitude < 9e15 else { return "\(value)" }
        let digits = String(Int64(scaled.magnitude))
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let whole = padded.dropLast(decimals)
        let sign = scaled < 0 ? "-" : ""
        return decimals == 0 ? sign + whole : "\(sign)\(whole).\(padded.suffix(decimals))"
    }

    /// `123 bytes`, `45.6 KiB`, `7.89 MiB`.
    package static func bytes(_ value: Int) -> String {
        switch value {
        case (1 << 30)...: significant(Double(value) / Double(1 << 30)) + " GiB"
        case (1 << 20)...: significant(Double(value) / Double(1 << 20)) + " MiB"
        case (1 << 10)...: significant(Double(value) / Double(1 << 10)) + " KiB"
        default: "\(value) bytes"
        }
    }

    /// `12,345`.
    package static func count(_ value: Int) -> String {
        var result = ""
        for (index, digit) in String(value.magnitude).reversed().enumerated() {
            if index > 0, index % 3 == 0 { result.append(",") }
            result.append(digit)
        }
        return (value < 0 ? "-" : "") + String(result.reversed())
    }
}
