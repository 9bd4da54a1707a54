import OTLP
import TraceStorage

/// Reads all of a block and compares its parts with one another.
struct BlockVerification {
    let reader: BlockReader
    let block: BlockSummary

    /// Problems that are listed for one block; the rest is counted.
    private static let problemsMax = 20

    /// What is wrong, each with its place; empty for a sound block.
    func problems() -> [String] {
        var found: [String] = []
        checkManifest(&found)
        checkPages(&found)
        // Rows of a page that does not check cannot be read: the page is what is wrong.
        if found.isEmpty { checkRows(&found) }
        guard found.count > Self.problemsMax else { return found }
        return found.prefix(Self.problemsMax) + ["and \(found.count - Self.problemsMax) more"]
    }

    private func checkManifest(_ found: inout [String]) {
        let footer = reader.footer
        let pairs: [(what: String, manifest: UInt64, block: UInt64)] = [
            ("bytes", block.fileBytes, reader.fileBytes), ("spans", block.spans, UInt64(footer.rows)),
            ("smallest start time", block.startMin, footer.startMin),
            ("largest start time", block.startMax, footer.startMax),
            ("smallest received-at", block.receivedMin, footer.receivedMin),
            ("largest received-at", block.receivedMax, footer.receivedMax),
        ]
        for pair in pairs where pair.manifest != pair.block {
            found.append("\(pair.what): \(pair.block), the manifest says \(pair.manifest)")
        }
        if footer.tenant != block.tenant {
            found.append("tenant \"\(footer.tenant.name)\", the manifest says \"\(block.tenant.name)\"")
        }
    }

    /// The checksum of every page, whether a row refers to it or not.
    private func checkPages(_ found: inout [String]) {
        let footer = reader.footer
        var pages = [footer.scopes, footer.operations] + footer.tracePages
        for column in footer.tables.flatMap(\.columns) {
            pages += column.pages.filter { $0.count > 0 && column.layout != .none }.map(\.page)
            pages += column.dictionary.map(\.page)
        }
        for page in pages {
            do { _ = try reader.page(page) } catch { found.append("\(error)") }
        }
    }

    /// Every span, and what the footer and the trace index say about them.
    private func checkRows(_ found: inout [String]) {
        let rows = BlockRows(reader)
        let footer = reader.footer
        var spans = 0
        var startMin = UInt64.max
        var startMax: UInt64 = 0
        for index in 0..<footer.groupCount {
            do throws(StorageError) {
                var group = GroupContent()
                try rows.forEach(index) { row throws(StorageError) in
                    spans += 1
                    startMin = min(startMin, row.start)
                    startMax = max(startMax, row.start)
                    let scope = try rows.scope(row.scope, in: &group.collector)
                    group.append(row, scope: scope)
                }
                try checkSpans(&group, index, &found)
                for trace in group.traces {
                    guard let entry = try reader.find(trace), entry.groups.contains(index) else {
                        found.append("row group \(index): the trace index does not lead to its spans of \(trace)")
                        continue
                    }
                }
            } catch {
                found.append("\(error)")
            }
        }
        if spans != footer.rows { found.append("\(spans) spans can be read, of \(footer.rows)") }
        if spans > 0, startMin != footer.startMin || startMax != footer.startMax {
            found.append(
                "spans start from \(startMin) to \(startMax), the footer says \(footer.startMin) to "
                    + "\(footer.startMax)")
        }
    }

    /// The rows of a row group as the request that a client would get.
    private struct GroupContent {
        var collector = SpanCollector()
        var traces: Set<TraceID> = []
        /// The rows that are in `collector`; one that equals another in every byte is in it once.
        private(set) var rows: [(trace: TraceID, id: SpanID, start: UInt64)] = []

        mutating func append(_ row: BlockRows.Row, scope: Int) {
            traces.insert(row.trace)
            collector.append(span: row.bytes, id: row.id, scope: scope)
            if collector.count > rows.count { rows.append((row.trace, row.id, row.start)) }
        }
    }

    /// Decodes the spans and compares them with the columns that they came from.
    private func checkSpans(
        _ group: inout GroupContent, _ index: Int, _ found: inout [String]
    ) throws(StorageError) {
        let batch: SpanBatch?
        do { batch = try group.collector.finish() } catch { throw .corrupt(message: "spans do not decode: \(error)") }
        let spans = batch?.spans ?? []
        guard spans.count == group.rows.count else {
            throw .corrupt(message: "\(spans.count) spans come out of \(group.rows.count) rows")
        }
        for (span, row) in zip(spans, group.rows)
        where span.traceID != row.trace || span.spanID != row.id || span.startTime != row.start {
            found.append("span \(row.id) of trace \(row.trace): its bytes are not those of its columns")
        }
        if let batch { checkLongest(batch, index, &found) }
    }

    /// Compares the longest span of each service with what searches go by.
    private func checkLongest(_ batch: SpanBatch, _ index: Int, _ found: inout [String]) {
        let footer = reader.footer
        guard footer.longest.serviceCount > 0 else { return }
        var longest = [UInt64?](repeating: nil, count: footer.longest.serviceCount)
        for resource in batch.resources {
            var number = 0
            if let service = batch.attribute("service.name", in: resource.attributes), service.kind == .string {
                let name = batch.slice(service.slice)
                guard let known = footer.services.firstIndex(where: { $0.elementsEqual(name) }) else {
                    found.append("row group \(index): the footer does not name its service \(text(name))")
                    continue
                }
                number = known + 1
            }
            for scope in batch.scopes[resource.scopes.indices] {
                for span in scope.spans.indices {
                    longest[number] = max(longest[number] ?? 0, batch.spans[span].durationNanoseconds)
                }
            }
        }
        for (number, duration) in longest.enumerated() {
            let stated = footer.longest.duration(group: index, service: number)
            guard stated != duration else { continue }
            let service = number == 0 ? "no service" : "service \(text(footer.services[number - 1][...]))"
            found.append(
                "row group \(index): the longest span of \(service) takes \(duration.map { "\($0) ns" } ?? "nothing"), "
                    + "the footer says \(stated.map { "\($0) ns" } ?? "nothing")")
        }
    }

    private func text(_ bytes: ArraySlice<UInt8>) -> String { "'\(String(decoding: bytes, as: UTF8.self))'" }
}
