import Benchmarking
import CSQLite
import OTLP
import TraceStorage

/// Spans as rows of SQLite, as one would keep them without a store of one's own: a row a span, an index on the trace
/// id, one on service and duration, attributes as one JSON object. Written as fast as it goes: no journal, no
/// synchronisation, one transaction, prepared statements.
final class SQLiteSpans {
    static let model = "gen_ai.request.model"

    private static let schema = """
        PRAGMA page_size = 8192;
        PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;
        PRAGMA cache_size = -262144;
        CREATE TABLE span (
            trace_id BLOB NOT NULL, span_id BLOB NOT NULL, parent_id BLOB, service TEXT, name TEXT NOT NULL,
            kind INTEGER NOT NULL, start INTEGER NOT NULL, duration INTEGER NOT NULL, status INTEGER NOT NULL,
            message TEXT, model TEXT, attributes TEXT NOT NULL, events TEXT);
        CREATE INDEX span_trace ON span (trace_id);
        CREATE INDEX span_service ON span (service, duration);
        """

    // Closed with the last reference; used by one thread.
    private let database: OpaquePointer

    init(path: String) throws {
        var opened: OpaquePointer?
        guard sqlite3_open(path, &opened) == SQLITE_OK, let opened else {
            throw BenchmarkError("SQLite cannot open \(path)")
        }
        database = opened
        try execute(Self.schema)
    }

    deinit { sqlite3_close(database) }

    func insert(_ batches: [SpanBatch]) throws {
        try execute("BEGIN")
        let statement = try prepare("INSERT INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        defer { sqlite3_finalize(statement) }
        for batch in batches {
            for span in batch.spans {
                bind(span, of: batch, to: statement)
                guard sqlite3_step(statement) == SQLITE_DONE else { throw failure() }
                sqlite3_reset(statement)
            }
        }
        try execute("COMMIT")
    }

    private func bind(_ span: SpanRow, of batch: SpanBatch, to statement: OpaquePointer) {
        bind(span.traceID.high, span.traceID.low, to: statement, 1)
        bind(span.spanID.rawValue, to: statement, 2)
        if span.parentSpanID.isValid {
            bind(span.parentSpanID.rawValue, to: statement, 3)
        } else {
            sqlite3_bind_null(statement, 3)
        }
        bind(batch.serviceName(of: batch.resource(of: span)), to: statement, 4)
        bind(batch.string(span.name), to: statement, 5)
        sqlite3_bind_int(statement, 6, span.kind)
        sqlite3_bind_int64(statement, 7, Int64(bitPattern: span.startTime))
        sqlite3_bind_int64(statement, 8, Int64(bitPattern: span.durationNanoseconds))
        sqlite3_bind_int(statement, 9, span.statusCode)
        bind(span.statusMessage.isEmpty ? nil : batch.string(span.statusMessage), to: statement, 10)
        bind(
            batch.attribute(Array(Self.model.utf8), in: span.attributes).map { batch.string($0.slice) }, to: statement,
            11)
        bind(json(batch, span.attributes), to: statement, 12)
        bind(events(batch, span), to: statement, 13)
    }

    private func json(_ batch: SpanBatch, _ rows: RowRange) -> String {
        var text = "{"
        for index in rows.indices {
            let row = batch.attributes[index]
            if index > Int(rows.start) { text += "," }
            text += "\"" + batch.string(row.key) + "\":"
            switch row.kind {
            case .string: text += "\"" + batch.string(row.slice) + "\""
            case .int: text += "\(row.int)"
            case .double: text += "\(Double(bitPattern: row.payload))"
            case .bool: text += row.payload == 0 ? "false" : "true"
            default: text += OTLPJSON.text(batch.value(of: row))
            }
        }
        return text + "}"
    }

    private func events(_ batch: SpanBatch, _ span: SpanRow) -> String? {
        guard span.events.count > 0 else { return nil }
        let texts = span.events.indices.map { index in
            let event = batch.events[index]
            return "{\"time\":\(event.time),\"name\":\"\(batch.string(event.name))\",\"attributes\":"
                + json(batch, event.attributes) + "}"
        }
        return "[" + texts.joined(separator: ",") + "]"
    }

    // MARK: questions

    /// All columns of a trace's spans; how many spans there were.
    func trace(_ id: TraceID) throws -> Int {
        let statement = try prepare("SELECT * FROM span WHERE trace_id = ?")
        defer { sqlite3_finalize(statement) }
        bind(id.high, id.low, to: statement, 1)
        var count = 0
        while sqlite3_step(statement) == SQLITE_ROW {
            for column in 0..<sqlite3_column_count(statement) { keep(sqlite3_column_bytes(statement, column)) }
            count += 1
        }
        return count
    }

    /// How many rows a question without parameters has.
    func rows(_ question: String) throws -> Int {
        let statement = try prepare(question)
        defer { sqlite3_finalize(statement) }
        var count = 0
        while sqlite3_step(statement) == SQLITE_ROW {
            for column in 0..<sqlite3_column_count(statement) { keep(sqlite3_column_bytes(statement, column)) }
            count += 1
        }
        return count
    }

    // MARK: calls

    private func bind(_ words: UInt64..., to statement: OpaquePointer, _ index: Int32) {
        let bytes = words.flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
        sqlite3_bind_blob(statement, index, bytes, Int32(bytes.count), Self.copied)
    }

    private func bind(_ text: String?, to statement: OpaquePointer, _ index: Int32) {
        guard let text else {
            sqlite3_bind_null(statement, index)
            return
        }
        sqlite3_bind_text(statement, index, text, Int32(text.utf8.count), Self.copied)
    }

    /// `SQLITE_TRANSIENT`, a macro that Swift does not import.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    private func prepare(_ text: String) throws -> OpaquePointer {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(database, text, -1, &statement, nil) == SQLITE_OK, let statement else {
            throw failure()
        }
        return statement
    }

    private func execute(_ text: String) throws {
        guard sqlite3_exec(database, text, nil, nil, nil) == SQLITE_OK else { throw failure() }
    }

    private func failure() -> BenchmarkError { BenchmarkError("SQLite: " + String(cString: sqlite3_errmsg(database))) }
}
