/// The table in docs/architecture.md: `| target | holds | may import |`, lowest first.
struct TargetTable {
    struct Row {
        let target: String
        let mayImport: [String]
    }

    struct Malformed: Error {
        let line: String
    }

    let rows: [Row]

    /// - Parameter text: The whole page.
    init(_ text: String) throws {
        let lines = text.split(separator: "\n").map(String.init)
        guard let header = lines.firstIndex(of: "| target | holds | may import |") else {
            throw Malformed(line: "no table of targets")
        }
        rows = try lines[(header + 2)...].prefix { $0.hasPrefix("|") }.map { line in
            let cells = line.split(separator: "|").map { Self.names($0) }
            guard cells.count == 3, let target = cells[0].first, cells[0].count == 1 else {
                throw Malformed(line: line)
            }
            return Row(target: target, mayImport: cells[2])
        }
    }

    /// A target's last column, and that of every target in it, but for Foundation.
    func closure(_ target: String) -> Set<String> {
        guard let row = rows.first(where: { $0.target == target }) else { return [] }
        return row.mayImport.reduce(into: Set(row.mayImport)) { result, name in
            result.formUnion(closure(name).subtracting(["Foundation"]))
        }
    }

    /// The words in backquotes.
    private static func names(_ cell: Substring) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}
