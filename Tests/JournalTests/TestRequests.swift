import Glibc
import Journal
import OTLP
import TraceStorage

/// A directory that goes away with its owner.
final class TestDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/skein-journal-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { preconditionFailure("mkdtemp: errno \(errno)") }
        path = String(cString: made)
    }

    deinit {
        for name in names { unlink(path + "/" + name) }
        rmdir(path)
    }

    var names: [String] { ((try? POSIXFileSystem().list(path)) ?? []).sorted() }
    var segments: [String] { names.filter { $0.hasSuffix(".journal") } }

    func read(_ name: String) -> [UInt8] {
        guard let file = fopen(path + "/" + name, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        return bytes
    }

    func write(_ name: String, _ bytes: [UInt8]) {
        guard let file = fopen(path + "/" + name, "w") else { preconditionFailure("fopen: errno \(errno)") }
        defer { fclose(file) }
        precondition(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }

    /// A small journal with everything on.
    func configuration(_ durability: JournalDurability = .os) -> JournalConfiguration {
        var configuration = JournalConfiguration(directory: path)
        configuration.durability = durability
        configuration.syncInterval = .zero
        return configuration
    }
}

enum TestRequest {
    /// 2025-01-01 in unix nanoseconds.
    static let start: UInt64 = 1_735_689_600_000_000_000

    /// A request of some spans that no other number gives.
    static func body(_ number: Int, spans: Int = 1, padding: Int = 0) -> [UInt8] {
        var writer = WireWriter()
        writer.message(1) { resource in
            resource.message(2) { scope in
                for span in 0..<spans {
                    scope.message(2) { writer in
                        writer.traceID(1, TraceID(high: 0x5EED, low: UInt64(number) + 1))
                        writer.spanID(2, SpanID(UInt64(span) + 1))
                        writer.string(5, "call " + String(repeating: "x", count: padding))
                        writer.fixed64(7, start)
                        writer.fixed64(8, start + 1000)
                    }
                }
            }
        }
        return writer.takeBytes()
    }

    static func make(
        _ number: Int, spans: Int = 1, padding: Int = 0, receivedAt: UInt64? = nil, tenant: TenantID = .default,
        receiver: String = "otlp_http"
    ) throws -> JournalRequest {
        let body = body(number, spans: spans, padding: padding)
        return JournalRequest(
            batch: try SpanBatch(decoding: body), receivedAt: receivedAt ?? start + UInt64(number), tenant: tenant,
            receiver: receiver, digest: RequestDigest(body: body, tenant: tenant))
    }
}

extension JournalReader {
    /// Everything up to the end of a drained journal.
    func rest(maxRecords: Int = 256) throws -> [JournalEntry] {
        var result: [JournalEntry] = []
        while !isFinished { result += try next(maxRecords: maxRecords) }
        return result
    }
}

/// Opens a directory's journal as it is, reads all of it and closes it again.
func contents(of configuration: JournalConfiguration) async throws -> [JournalEntry] {
    let journal = try Journal.open(configuration)
    let reader = try journal.reader("contents", policy: .mustNotSkip, cursor: .external(.beginning))
    try journal.start()
    await journal.drain()
    let entries = try reader.rest()
    await journal.shutdown()
    return entries
}
