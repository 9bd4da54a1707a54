import Benchmarking
import Glibc
import HTTPServing

/// Measures what receiving costs by protocol, from the socket to the acknowledgement, with the client apart.
///
///     skein-bench-ingest            prints the table
///     skein-bench-ingest http       only what comes over this protocol, `http` or `grpc`
///     skein-bench-ingest windows    instead by the sizes of HTTP/2's windows and frames
///     skein-bench-ingest --check    exits 1 when a threshold on allocations is exceeded
@main
struct IngestBench {
    /// Best of so many.
    private static let repetitions = 3

    /// Allocations a span that a row may not exceed: some percent above what is measured.
    private static let thresholds = [
        "ingest over HTTP": 0.14, "ingest over HTTP, gzip": 0.14, "ingest over gRPC": 0.14,
        "ingest over gRPC, gzip": 0.14,
    ]

    static func main() async {
        do {
            switch CommandLine.arguments.dropFirst() {
            case []: try await report(IngestCase.protocols)
            case ["http"]: try await report(IngestCase.protocols.filter { $0.transport == .http })
            case ["grpc"]: try await report(IngestCase.protocols.filter { $0.transport == .grpc })
            case ["windows"]: try await report(IngestCase.windows)
            case ["--check"]:
                let violations = thresholdsExceeded(try await report(IngestCase.protocols))
                for violation in violations { message("over its threshold: \(violation)") }
                if !violations.isEmpty { exit(1) }
            case let arguments where arguments.first == "--client": try await runAsClient(Array(arguments.dropFirst()))
            default:
                message("usage: skein-bench-ingest [--check | http | grpc | windows]")
                exit(2)
            }
        } catch {
            message("skein-bench-ingest: \(error)")
            exit(1)
        }
    }

    @discardableResult
    private static func report(_ cases: [IngestCase]) async throws -> [Measurement] {
        if let failure = AllocationCounter.selfCheckFailure() {
            throw BenchmarkError("the allocation counter is wrong: \(failure)")
        }
        print(
            "\(IngestCase.bodiesCount) bodies of \(IngestCase.spansPerBody) spans over \(IngestCase.connections) "
                + "connections; CPU time of the receiving process, best of \(repetitions)\n")
        var rows = [try Baselines.decodeAndCompress(try Traffic(), Meter())]
        for each in cases { rows.append(try await measure(each)) }
        print(Report.text(rows), terminator: "")
        return rows
    }

    private static func measure(_ each: IngestCase) async throws -> Measurement {
        let counting = try await IngestRun(each)
        let counted = try AllocationCounter.count { try counting.go() }
        await counting.finish()
        var times: [Double] = []
        for _ in 0..<repetitions {
            let run = try await IngestRun(each)
            let start = CPUClock.process.now()
            try run.go()
            times.append(Double(CPUClock.process.now() &- start))
            await run.finish()
        }
        let best = times.min() ?? 0
        return Measurement(
            name: each.name, unit: "span", nanoseconds: best / Double(IngestCase.spans),
            spread: best > 0 ? (times.max() ?? 0) / best - 1 : 0,
            allocations: Double(counted.allocations) / Double(IngestCase.spans), baseline: Baselines.decodeAndZstd)
    }

    private static func thresholdsExceeded(_ rows: [Measurement]) -> [String] {
        rows.compactMap { row in
            guard let limit = thresholds[row.name], row.allocations > limit else { return nil }
            return "\(row.name): \(row.allocations) allocations a span, at most \(limit)"
        }
    }

    private static func runAsClient(_ arguments: [String]) async throws {
        guard arguments.count == 3, let transport = IngestCase.Transport(rawValue: arguments[0]),
            let encoding = ContentEncoding(rawValue: arguments[1]), let port = Int(arguments[2])
        else { throw BenchmarkError("no such client") }
        try await IngestClient(encoding: encoding, port: port).run(transport)
    }

    private static func message(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
