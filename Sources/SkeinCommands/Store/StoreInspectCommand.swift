import ArgumentParser
import EmbeddedStore
import Foundation
import OTLP
import TraceStorage

/// Shows what a store holds and where its bytes go.
struct StoreInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what is stored: spans, bytes, blocks, and what each column takes.")

    @OptionGroup var store: StoredDataOptions

    @Flag(help: "List the blocks.")
    var blocks = false

    @Flag(help: "List the columns of all blocks together, the largest first.")
    var columns = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let inspection = try store.open()
        let parts = columns ? try Self.parts(inspection) : nil
        let report = StoreReportText(inspection: inspection, listsBlocks: blocks, parts: parts)
        if json {
            Terminal.output(report.json() + "\n")
        } else {
            Terminal.output(report.text(Style.forOutput(environment: ProcessInfo.processInfo.environment)))
        }
    }

    /// The columns of all blocks; a block that does not check fails the command.
    private static func parts(_ inspection: StoreInspection) throws(CommandFailure) -> [ColumnSummary] {
        let progress = StoreProgress(blocks: inspection.blocks.count)
        defer { progress.end() }
        do throws(StorageError) { return try inspection.columns { progress.show($0) } } catch {
            throw .failed("\(error); 'skein store verify' checks all blocks")
        }
    }
}

/// The answer of `skein store inspect`.
struct StoreReportText {
    let inspection: StoreInspection
    let listsBlocks: Bool
    /// Columns, where they were asked for.
    let parts: [ColumnSummary]?

    private var spans: Int { inspection.blocks.reduce(0) { $0 + Int(clamping: $1.spans) } }
    private var bytes: Int { inspection.blocks.reduce(0) { $0 + Int(clamping: $1.fileBytes) } }

    func text(_ style: Style) -> String {
        var text = "\(inspection.directory): \(Quantity.count(spans)) spans in \(inspection.blocks.count) blocks, "
        text += Quantity.bytes(bytes)
        if spans > 0 { text += ", \(Quantity.fixed(Double(bytes) / Double(spans), 1)) bytes a span" }
        text += "\n"
        if let first = inspection.blocks.map(\.receivedMin).min(), let last = inspection.blocks.map(\.receivedMax).max()
        {
            text += "received from \(Self.time(first)) to \(Self.time(last))\n"
        }
        text += "journal position \(inspection.position.rawValue)\n"
        if !inspection.quarantined.isEmpty {
            text += style.red("put aside because they did not check: \(inspection.quarantined.joined(separator: ", "))")
            text += "\n"
        }
        if !inspection.unnamed.isEmpty {
            text += "not named by the manifest: \(inspection.unnamed.joined(separator: ", "))\n"
        }
        if listsBlocks { text += "\n" + blockTable().text(style) }
        if let parts { text += "\n" + columnTable(parts).text(style) }
        return text
    }

    private func blockTable() -> TextTable {
        var table = TextTable([
            .init(title: "block"), .init(title: "spans", alignsRight: true), .init(title: "bytes", alignsRight: true),
            .init(title: "B/span", alignsRight: true), .init(title: "received"), .init(title: "to"),
            .init(title: "spans start"), .init(title: "to"), .init(title: ""),
        ])
        for block in inspection.blocks {
            table.add([
                block.name, Quantity.count(Int(clamping: block.spans)), Quantity.count(Int(clamping: block.fileBytes)),
                block.spans == 0 ? "–" : Quantity.fixed(Double(block.fileBytes) / Double(block.spans), 1),
                Self.time(block.receivedMin), Self.time(block.receivedMax), Self.time(block.startMin),
                Self.time(block.startMax), block.isOutOfRange ? "times far from receipt" : "",
            ])
        }
        return table
    }

    private func columnTable(_ parts: [ColumnSummary]) -> TextTable {
        var table = TextTable([
            .init(title: "of"), .init(title: "column"), .init(title: "type"), .init(title: "encoding"),
            .init(title: "values", alignsRight: true),
            .init(title: "dictionary", alignsRight: true), .init(title: "bytes", alignsRight: true),
            .init(title: "B/span", alignsRight: true), .init(title: "share", alignsRight: true),
            .init(title: "ratio", alignsRight: true),
        ])
        for part in parts {
            table.add([
                part.table.isEmpty ? "block" : part.table, TextWidth.fit(part.name, 50), part.type,
                part.encodings.sorted().joined(separator: ", "),
                part.values == 0 ? "" : Quantity.count(part.values),
                part.dictionaryEntries == 0 ? "" : Quantity.count(part.dictionaryEntries),
                Quantity.count(part.storedBytes), Quantity.fixed(Double(part.storedBytes) / Double(max(spans, 1)), 2),
                Quantity.fixed(Double(part.storedBytes) / Double(max(bytes, 1)) * 100, 1) + " %",
                part.storedBytes == 0 ? "" : Quantity.fixed(Double(part.rawBytes) / Double(part.storedBytes), 1),
            ])
        }
        return table
    }

    func json() -> String {
        var json = JSONWriter()
        json.object { json in
            json.string("directory", inspection.directory)
            json.int("spans", spans)
            json.int("bytes", bytes)
            json.int("journalPosition", inspection.position.rawValue)
            json.array("quarantined") { json in for name in inspection.quarantined { json.string(name) } }
            json.array("unnamed") { json in for name in inspection.unnamed { json.string(name) } }
            json.int("blockCount", inspection.blocks.count)
            if listsBlocks {
                json.array("blocks") { json in for block in inspection.blocks { Self.write(block, &json) } }
            }
            if let parts { json.array("columns") { json in for part in parts { Self.write(part, &json) } } }
        }
        return String(decoding: json.takeBytes(), as: UTF8.self)
    }

    private static func write(_ block: BlockSummary, _ json: inout JSONWriter) {
        json.object { json in
            json.string("name", block.name)
            json.int("spans", block.spans)
            json.int("bytes", block.fileBytes)
            json.int64String("startMinUnixNano", block.startMin)
            json.int64String("startMaxUnixNano", block.startMax)
            json.int64String("receivedMinUnixNano", block.receivedMin)
            json.int64String("receivedMaxUnixNano", block.receivedMax)
            json.bool("outOfRange", block.isOutOfRange)
            json.string("tenant", block.tenant.name)
        }
    }

    private static func write(_ part: ColumnSummary, _ json: inout JSONWriter) {
        json.object { json in
            json.string("table", part.table)
            json.string("name", part.name)
            json.string("type", part.type)
            json.array("encodings") { json in for encoding in part.encodings.sorted() { json.string(encoding) } }
            json.int("values", part.values)
            json.int("dictionaryEntries", part.dictionaryEntries)
            json.int("storedBytes", part.storedBytes)
            json.int("rawBytes", part.rawBytes)
        }
    }

    /// Unix nanoseconds as RFC 3339 to the second, in UTC.
    static func time(_ nanoseconds: UInt64) -> String {
        Date(timeIntervalSince1970: Double(nanoseconds / 1_000_000_000)).formatted(.iso8601)
    }
}
