import TraceStorage

/// What one column, or another part, of a block takes on the disk.
package struct ColumnSummary: Hashable, Sendable {
    /// `span`, `event`, `link`; empty for what belongs to the block as a whole.
    package let table: String
    /// The key of an attribute, or the name of the part, such as `spanID` or `trace index`.
    package let name: String
    /// The type of an attribute's values, such as `string`; empty for other parts.
    package let type: String
    /// How its pages are encoded, such as `dictionary`; several where row groups differ, none for parts that are no
    /// column.
    package let encodings: Set<String>
    /// Values in all row groups; 0 for parts that are no column.
    package let values: Int
    /// Entries of its dictionary; 0 where it has none.
    package let dictionaryEntries: Int
    /// Bytes in the file, its dictionary included.
    package let storedBytes: Int
    /// Bytes before compression.
    package let rawBytes: Int

    /// Every byte of a block's file, by what it is for: columns by table, then the rest.
    static func all(of reader: BlockReader) throws(StorageError) -> [ColumnSummary] {
        let footer = reader.footer
        var parts: [ColumnSummary] = []
        for (table, directory) in zip(TableKind.allCases, footer.tables) {
            for column in directory.columns { parts.append(try ColumnSummary(column, table: "\(table)", reader)) }
        }
        parts.append(ColumnSummary(part: "scopes", [footer.scopes]))
        parts.append(ColumnSummary(part: "operations", [footer.operations]))
        parts.append(ColumnSummary(part: "trace index", footer.tracePages))
        // What is left is header, footer and trailer.
        let rest = max(0, Int(clamping: reader.fileBytes) - parts.reduce(0) { $0 + $1.storedBytes })
        parts.append(ColumnSummary(part: "header and footer", storedBytes: rest, rawBytes: rest))
        return parts
    }

    private init(_ column: ColumnDirectory, table: String, _ reader: BlockReader) throws(StorageError) {
        let values = column.layout == .none ? [] : column.pages.filter { $0.count > 0 }.map(\.page)
        let pages = values + column.dictionary.map(\.page)
        var encodings: Set<String> = []
        for page in values { encodings.insert(column.encoding(try reader.page(page))) }
        self.init(
            table: table,
            name: column.role == .attribute ? String(decoding: column.key, as: UTF8.self) : "\(column.role)",
            type: column.role == .attribute ? "\(column.kind)" : "", encodings: encodings,
            values: column.pages.reduce(0) { $0 + Int($1.count) }, dictionaryEntries: column.dictionaryCount,
            storedBytes: pages.reduce(0) { $0 + Int($1.storedBytes) },
            rawBytes: pages.reduce(0) { $0 + Int($1.rawBytes) })
    }

    private init(part name: String, _ pages: [PageReference]) {
        self.init(
            part: name, storedBytes: pages.reduce(0) { $0 + Int($1.storedBytes) },
            rawBytes: pages.reduce(0) { $0 + Int($1.rawBytes) })
    }

    private init(part name: String, storedBytes: Int, rawBytes: Int) {
        self.init(
            table: "", name: name, type: "", encodings: [], values: 0, dictionaryEntries: 0, storedBytes: storedBytes,
            rawBytes: rawBytes)
    }

    private init(
        table: String, name: String, type: String, encodings: Set<String>, values: Int, dictionaryEntries: Int,
        storedBytes: Int, rawBytes: Int
    ) {
        self.table = table
        self.name = name
        self.type = type
        self.encodings = encodings
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
            table: table, name: name, type: type, encodings: encodings.union(other.encodings),
            values: values + other.values, dictionaryEntries: dictionaryEntries + other.dictionaryEntries,
            storedBytes: storedBytes + other.storedBytes, rawBytes: rawBytes + other.rawBytes)
    }
}

extension ColumnDirectory {
    /// The encoding of a page of values with this content.
    fileprivate func encoding(_ content: [UInt8]) -> String {
        switch (layout, content.first ?? 0) {
        case (.none, _): "none"
        case (.fixed, _): "ids"
        case (.integers, 0): "offsets"
        case (.integers, 1): "deltas"
        case (.integers, _): "decimals"
        case (.bytes, 0): "bytes"
        case (.bytes, 1): "dictionary"
        case (.bytes, _): "hex digits"
        }
    }
}
