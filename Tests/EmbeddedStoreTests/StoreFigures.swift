import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Figures of the store, printed when asked for: `SKEIN_STORE_FIGURES=1000000` is the number of spans.
@Suite struct StoreFigures {
    private static let spans = getenv("SKEIN_STORE_FIGURES").flatMap { Int(String(cString: $0)) } ?? 0

    private static func cpuNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static func measured(_ body: () throws -> Void) rethrows -> UInt64 {
        let start = cpuNanoseconds()
        try body()
        return cpuNanoseconds() - start
    }

    @Test(.enabled(if: spans > 0)) func printFigures() throws {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        var source = AgentSpans(seed: 1)
        var (decode, append, seal) = (UInt64(0), UInt64(0), UInt64(0))
        var bytes = 0
        var traces: [TraceID] = []
        for position in 1...max(1, Self.spans / 512) {
            let request = source.request(spans: 512)
            bytes += request.count
            var batch = SpanBatch.empty
            decode += try Self.measured { batch = try SpanBatch(decoding: request) }
            traces.append(batch.spans[position % 512].traceID)
            let stored = StoredBatch(
                batch: batch, position: JournalPosition(UInt64(position)),
                receivedAt: 1_760_000_000_000_000_000 + UInt64(position) * 10_000_000)
            append += try Self.measured { try store.append(stored) }
            if store.statistics().liveSpans > 65_536 - 512 { seal += try Self.measured { try store.flush() } }
        }
        seal += try Self.measured { try store.flush() }
        let spans = store.statistics().spans
        let disk = store.statistics().diskBytes
        print("spans \(spans), OTLP bytes/span \(bytes / spans), disk bytes/span \(Double(disk) / Double(spans))")
        print(
            "ns/span: decode \(decode / UInt64(spans)), append \(append / UInt64(spans)), seal \(seal / UInt64(spans))")
        try Self.lookups(store, traces)
        try Self.scans(store, spans)
    }

    private static func lookups(_ store: EmbeddedStore, _ traces: [TraceID]) throws {
        for round in ["cold", "warm"] {
            var times: [UInt64] = []
            for trace in traces.prefix(2000) {
                times.append(
                    try measured { _ = try store.trace(trace, tenant: .default, context: QueryContext()) })
            }
            times.sort()
            print(
                "trace lookup, \(round), us: p50 \(times[times.count / 2] / 1000), p99 \(times[times.count * 99 / 100] / 1000), "
                    + "max \((times.last ?? 0) / 1000)")
        }
    }

    private static func scans(_ store: EmbeddedStore, _ spans: Int) throws {
        let model = FieldReference.attribute(.span, key: "gen_ai.request.model")
        let plans: [(String, ScanPlan)] = [
            ("count", ScanPlan(fields: [])),
            ("duration by model", ScanPlan(fields: [model, .duration])),
            (
                "model = x, duration",
                ScanPlan(predicate: .compare(model, .equal, .string("gpt-4.1")), fields: [.duration])
            ),
            (
                "service and duration > 3.9 s",
                ScanPlan(
                    predicate: .and([
                        .compare(.serviceName, .equal, .string("gateway")),
                        .compare(.duration, .greater, .int(3_900_000_000)),
                    ]), fields: [.traceID, .startTime, .duration])
            ),
            (
                "an id that is in one span",
                ScanPlan(
                    predicate: .tag(key: "gen_ai.response.id", text: "chatcmpl-none"), fields: [.traceID])
            ),
        ]
        for (name, plan) in plans {
            var rows = 0
            let time = try measured {
                try store.scan(plan, context: QueryContext()) { answer in
                    rows += answer.count
                    return true
                }
            }
            print("scan \(name): \(rows) rows, \(time / UInt64(spans)) ns/span, \(time / 1_000_000) ms")
        }
    }
}
