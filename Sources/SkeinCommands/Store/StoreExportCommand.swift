import ArgumentParser
import EmbeddedStore
import OTLP
import QueryAPI
import TraceStorage

/// Writes stored spans as OTLP.
struct StoreExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write stored spans as OTLP, in the forms of the OpenTelemetry Collector's file exporter.",
        discussion: """
            json: one ExportTraceServiceRequest as OTLP/JSON a line. otlp: protobuf, each request behind its length in 4 \
            bytes, most significant first. Every request holds spans of one block only, at most 4096.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case otlp, json }

    @OptionGroup var store: StoredDataOptions

    @Option(help: "The form: otlp or json.")
    var format: Format

    @Option(help: "A file to write, in place of one that is there. Without it standard output.")
    var output: String?

    @Option(help: "Only this trace: its id in hexadecimal digits.")
    var trace: String?

    @Option(help: "Only spans that started so long ago or later, such as 15m or 24h.")
    var since: String?

    func run() throws {
        let inspection = try store.open()
        let wanted = try trace.map(Self.traceID)
        var range = TimeRange.all
        if let since { range.start = try Self.start(since) }
        if output == nil, format == .otlp, Terminal.isOutputATerminal {
            throw CommandFailure.usage("protobuf is not for a terminal; give --output FILE, or --format json")
        }
        let out = try ByteOutput(path: output)
        let progress = StoreProgress(blocks: inspection.blocks.count)
        defer { progress.end() }
        var spans = 0
        for (index, block) in inspection.blocks.enumerated() {
            if output != nil { progress.show(index) }
            do throws(StorageError) {
                try inspection.spans(of: block, in: range, trace: wanted) { batch throws(StorageError) in
                    spans += batch.spans.count
                    write(batch, to: out)
                }
            } catch {
                throw CommandFailure.failed("\(error); 'skein store verify' checks all blocks")
            }
            if let failure = out.failure { throw failure }
        }
        try out.finish()
        if output != nil || !Terminal.isOutputATerminal { Terminal.message("\(Quantity.count(spans)) spans") }
    }

    private func write(_ batch: SpanBatch, to out: ByteOutput) {
        switch format {
        case .json: out.append(OTLPJSON.encode(batch) + [UInt8(ascii: "\n")])
        case .otlp:
            let length = UInt32(batch.bytes.count)
            out.append((0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32($0))) })
            out.append(batch.bytes)
        }
    }

    private static func traceID(_ text: String) throws(CommandFailure) -> TraceID {
        let padded = String(repeating: "0", count: max(0, 32 - text.count)) + text
        guard text.allSatisfy(\.isHexDigit), let id = TraceID(hex: padded) else {
            throw .usage("'\(text)' is no trace id, expected up to 32 hexadecimal digits")
        }
        return id
    }

    /// Unix nanoseconds of `duration` ago.
    private static func start(_ duration: String) throws(CommandFailure) -> UInt64 {
        guard let duration = GoDuration.parse(duration), duration > .zero else {
            throw .usage("--since '\(duration)': expected a duration such as 15m or 24h")
        }
        let (seconds, attoseconds) = duration.components
        let now = TimeText.now()
        let back = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return back.overflow ? 0 : now &- min(now, back.partialValue &+ UInt64(attoseconds / 1_000_000_000))
    }
}
