/// What one column, or another part, of a block takes on the disk.
package struct ColumnSummary: Hashable, Sendable {
    /// `span`, `event`, `link`; empty for what belongs to the block as a whole.
    package let table: String
    /// The key of an attribute, or the name of the part, such as `spanID` or `trace index`.
    package let name: String
    /// The type of an attribute's values, such as `string`; empty for other parts.
    package let type: String
    /// Values in all row groups; 0 for parts that are no column.
    package let values: Int
    /// Entries of its dictionary; 0 where it has none.
    package let dictionaryEntries: Int
    /// Bytes in the file, its dictionary included.
    package let storedBytes: Int
    /// Bytes before compression.
    package let rawBytes: Int

    /// Every byte of a block's file, by what it is for: columns by table, then the rest.
    static func all(of footer: BlockFooter, fileBytes: UInt64) -> [ColumnSummary] {
        var parts: [ColumnSummary] = []
        for (table, directory) in zip(TableKind.allCases, footer.tables) {
            parts += directory.columns.map { ColumnSummary($0, table: "\(table)") }
        }
        parts.append(ColumnSummary(part: "scopes", [footer.scopes]))
        parts.append(ColumnSummary(part: "operations", [footer.operations]))
        parts.append(ColumnSummary(part: "trace index", footer.tracePages))
        // What is left is header, footer and trailer.
        let rest = max(0, Int(clamping: fileBytes) - parts.reduce(0) { $0 + $1.storedBytes })
        parts.append(ColumnSummary(part: "header and footer", storedBytes: rest, rawBytes: rest))
        return parts
    }

    private init(_ column: ColumnDirectory, table: String) {
        let pages = column.pages.map(\.page) + column.dictionary.map(\.page)
        self.table = table
        name = column.role == .attribute ? String(decoding: column.key, as: UTF8.self) : "\(column.role)"
        type = column.role == .attribute ? "\(column.kind)" : ""
        values = column.pages.reduce(0) { $0 + Int($1.count) }
        dictionaryEntries = column.dictionaryCount
        storedBytes = pages.reduce(0) { $0 + Int($1.storedBytes) }
        rawBytes = pages.reduce(0) { $0 + Int($1.rawBytes) }
    }

    private init(part name: String, _ pages: [PageReference]) {
        self.init(
            part: name, storedBytes: pages.reduce(0) { $0 + Int($1.storedBytes) },
            rawBytes: pages.reduce(0) { $0 + Int($1.rawBytes) })
    }

    private init(part name: String, storedBytes: Int, rawBytes: Int) {
        table = ""
        self.name = name
        type = ""
        values = 0
        dictionaryEntries = 0
        self.storedBytes = storedBytes
        self.rawBytes = rawBytes
    }

    private init(
        table: String, name: String, type: String, values: Int, dictionaryEntries: Int, storedBytes: Int, rawBytes: Int
    ) {
        self.table = table
        self.name = name
        self.type = type
        self.values = values
        self.dictionaryEntries = dictionaryEntries
        self.storedBytes = storedBytes
        self.rawBytes = rawBytes
    }

    /// The same part of several blocks as one; the largest first.
    package static func merged(_ parts: [ColumnSummary]) -> [ColumnSummary] {
        struct Identity: Hashable {
            let table: String
            let name: String
            let type: String
        }
        var merged: [Identity: ColumnSummary] = [:]
        for part in parts {
            let identity = Identity(table: part.table, name: part.name, type: part.type)
            merged[identity] = merged[identity]?.adding(part) ?? part
        }
        return merged.values.sorted {
            ($0.storedBytes, $1.table, $1.name, $1.type) > ($1.storedBytes, $0.table, $0.name, $0.type)
        }
    }

    private func adding(_ other: ColumnSummary) -> ColumnSummary {
        ColumnSummary(
            table: table, name: name, type: type, values: values + other.values,
            dictionaryEntries: dictionaryEntries + other.dictionaryEntries,
            storedBytes: storedBytes + other.storedBytes, rawBytes: rawBytes + other.rawBytes)
    }
}
