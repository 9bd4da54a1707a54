import OTLP
import TraceStorage

/// What one column takes on disk, over all blocks of a store.
package struct ColumnUsage: Sendable, Hashable {
    /// `span`, `event`, `link`, or `block` for what belongs to no column: footers, scopes, the index of traces.
    package let table: String
    /// The key of an attribute, or the name of the column's role.
    package let name: String
    /// The type of an attribute's values; empty for others.
    package let type: String
    /// How its pages are encoded, such as `dictionary`; several where blocks or row groups differ.
    package fileprivate(set) var codec = ""
    package fileprivate(set) var values = 0
    /// Bytes in the files, and before compression; dictionaries included.
    package fileprivate(set) var storedBytes = 0
    package fileprivate(set) var rawBytes = 0
}

extension EmbeddedStore {
    /// What the columns of all blocks take, the largest first. Reads footers and the pages' heads; spans that are not
    /// sealed yet have no columns.
    ///
    /// - Throws: ``StorageError`` for a block that cannot be read.
    package func columnUsage() throws(StorageError) -> [ColumnUsage] {
        var tally = ColumnTally()
        for block in state.withLock({ $0.blocks }) {
            let reader = try BlockReader(
                file: try block.open(files), block: block.entry.number, name: block.path, cache: cache,
                context: QueryContext())
            try tally.add(reader, fileBytes: Int(clamping: block.entry.fileBytes))
        }
        return tally.usage
    }
}

/// Sums what columns of blocks take.
private struct ColumnTally {
    private struct Key: Hashable {
        let table: String
        let name: [UInt8]
        let type: String
    }

    private var columns: [Key: (usage: ColumnUsage, codecs: Set<String>)] = [:]

    /// The largest first; what belongs to no column last.
    var usage: [ColumnUsage] {
        columns.values.map { entry in
            var usage = entry.usage
            usage.codec = entry.codecs.sorted().joined(separator: ", ")
            return usage
        }
        .sorted { ($0.storedBytes, $1.table, $1.name, $1.type) > ($1.storedBytes, $0.table, $0.name, $0.type) }
    }

    mutating func add(_ reader: BlockReader, fileBytes: Int) throws(StorageError) {
        var rest = fileBytes
        for (table, kind) in zip(reader.footer.tables, TableKind.allCases) {
            for column in table.columns where column.pages.contains(where: { $0.count > 0 }) {
                rest -= try add(column, "\(kind)", reader)
            }
        }
        add(Key(table: "block", name: Array("footer, scopes, traces".utf8), type: ""), ["pages"], 0, rest, rest)
    }

    /// Bytes in the file.
    private mutating func add(
        _ column: ColumnDirectory, _ table: String, _ reader: BlockReader
    ) throws(StorageError) -> Int {
        let isAttribute = column.role == .attribute
        let key = Key(
            table: table, name: isAttribute ? column.key : Array("\(column.role)".utf8),
            type: isAttribute ? "\(column.kind)" : "")
        var codecs: Set<String> = []
        var (values, stored, raw) = (0, 0, 0)
        for page in column.pages where page.count > 0 {
            values += Int(page.count)
            guard column.layout != .none else { continue }
            stored += Int(page.page.storedBytes)
            raw += Int(page.page.rawBytes)
            codecs.insert(column.codec(try reader.page(page.page)))
        }
        for page in column.dictionary {
            stored += Int(page.page.storedBytes)
            raw += Int(page.page.rawBytes)
        }
        add(key, codecs, values, stored, raw)
        return stored
    }

    private mutating func add(_ key: Key, _ codecs: Set<String>, _ values: Int, _ stored: Int, _ raw: Int) {
        let name = String(decoding: key.name, as: UTF8.self)
        var entry = columns[key] ?? (ColumnUsage(table: key.table, name: name, type: key.type), [])
        entry.usage.values += values
        entry.usage.storedBytes += stored
        entry.usage.rawBytes += raw
        entry.codecs.formUnion(codecs)
        columns[key] = entry
    }
}

extension ColumnDirectory {
    /// The encoding of a page with this content.
    fileprivate func codec(_ content: [UInt8]) -> String {
        switch layout {
        case .none: "none"
        case .fixed: "ids"
        case .integers:
            switch content.first ?? 0 {
            case 0: "offsets"
            case 1: "deltas"
            default: "decimals"
            }
        case .bytes:
            switch content.first ?? 0 {
            case 0: "bytes"
            case 1: "dictionary"
            default: "hex digits"
            }
        }
    }
}
