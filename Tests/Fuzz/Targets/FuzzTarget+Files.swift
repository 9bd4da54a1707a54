import EmbeddedStore
import FileFaults
import Journal
import OTLP
import TraceStorage

extension FuzzTarget {
    /// A block's spans can all be read or the block is refused; queries on it return.
    static func readBlock(_ bytes: [UInt8]) throws(FuzzFailure) {
        guard let block = try? BlockImage(bytes) else { return }
        var traces: Set<TraceID> = []
        var spans = 0
        _ = try? block.forEachSpan { batch in
            spans += batch.spans.count
            for span in batch.spans.prefix(3) { traces.insert(span.traceID) }
        }
        guard spans <= bytes.count * 64 else { throw FuzzFailure("\(spans) spans came out of \(bytes.count) bytes") }
        let fields: [FieldReference] = [.traceID, .name, .serviceName, .duration, .attribute(.any, key: "tags")]
        for predicate in [
            SpanPredicate.all, .compare(.serviceName, .equal, .string("worker")),
            .compare(.attribute(.any, key: "http.status"), .greater, .int(200)), .tag(key: "tags", text: "a"),
        ] {
            _ = try? block.scan(ScanPlan(predicate: predicate, fields: fields)) { _ in true }
        }
        for trace in traces.prefix(3) { _ = try? block.hasTrace(trace) }
    }

    /// A segment is recovered: its records are read, and a second recovery finds the same ones.
    static func readJournal(_ bytes: [UInt8]) throws(FuzzFailure) {
        let disk = MemoryFileSystem()
        let directory = "/journal"
        let path = "\(directory)/00000000000000000001.journal"
        do {
            try disk.createDirectory(directory)
            try disk.open(path, .create).writeAll(bytes, at: 0, path: path)
        } catch { throw FuzzFailure("\(error)") }
        guard let first = records(disk, directory) else { return }
        guard let second = records(disk, directory) else {
            throw FuzzFailure("a recovered journal cannot be opened again")
        }
        guard first == second else {
            throw FuzzFailure("\(first.count) records at first, \(second.count) after the recovery")
        }
    }

    /// The positions and span counts of all records that can be read; nil when the journal is refused.
    private static func records(_ disk: MemoryFileSystem, _ directory: String) -> [[UInt64]]? {
        defer { disk.endProcess() }
        guard let journal = try? Journal.open(JournalConfiguration(directory: directory), files: disk),
            let reader = try? journal.reader("fuzz", policy: .mustNotSkip, cursor: .external(.beginning))
        else { return nil }
        var records: [[UInt64]] = []
        while let entries = try? reader.next(wait: .zero), !entries.isEmpty {
            for entry in entries { records.append([entry.position.rawValue, UInt64(entry.batch.spans.count)]) }
        }
        return records
    }
}
