import Benchmarking
import Glibc

/// Measures what a span costs, against named baselines in the same run.
///
///     skein-bench               prints the table
///     skein-bench store sdk     only these parts of it, and the baselines
///     skein-bench scale 1 3 10  what queries cost over so many millions of spans, in a temporary directory
///     skein-bench agents 1 3    what the agent graph of so many millions of spans costs
///     skein-bench usage 30 33000  what answers about usage cost over so many days of so many calls a day
///     skein-bench --check       exits 1 when a threshold on allocations or bytes is exceeded
///     skein-bench --self-check  only proves that allocations are counted exactly
@main
struct SkeinBench {
    private enum Part: String, CaseIterable {
        case otlp, metrics, journal, store, sdk, export

        func measure(_ traffic: Traffic, _ meter: Meter) throws -> [Measurement] {
            switch self {
            case .otlp: try OTLPBenchmarks.measure(traffic, meter)
            case .metrics: try MetricsBenchmarks.measure(meter)
            case .journal: try JournalBenchmarks.measure(traffic, meter)
            case .store: try StoreBenchmarks.measure(traffic, meter)
            case .sdk: try SDKBenchmarks.measure(meter)
            case .export: []
            }
        }
    }

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        if let first = arguments.first, runApart(first, Array(arguments.dropFirst())) { return }
        let flags = arguments.filter { $0.hasPrefix("-") }
        let parts = arguments.filter { !$0.hasPrefix("-") }.map(Part.init(rawValue:))
        guard flags.allSatisfy({ ["--check", "--self-check"].contains($0) }), !parts.contains(nil) else {
            message(
                "usage: skein-bench [--check | --self-check] [\(Part.allCases.map(\.rawValue).joined(separator: " | "))] ..."
            )
            exit(2)
        }
        if let failure = AllocationCounter.selfCheckFailure() {
            message("the allocation counter is wrong: \(failure)")
            exit(1)
        }
        if flags.contains("--self-check") {
            print("allocations are counted exactly")
            return
        }
        do {
            try run(parts.isEmpty ? Part.allCases : parts.compactMap(\.self), checks: flags.contains("--check"))
        } catch {
            message("skein-bench: \(error)")
            exit(1)
        }
    }

    private static func run(_ parts: [Part], checks: Bool) throws {
        let traffic = try Traffic()
        let meter = Meter()
        print(
            "\(traffic.bodies.count) bodies of \(Traffic.spansPerBody) spans, "
                + "\(traffic.bytes / traffic.spans) bytes a span; CPU time, best of \(meter.repetitions)\n")
        var rows = try Baselines.measure(traffic, meter)
        for part in parts { rows += try part.measure(traffic, meter) }
        print(Report.text(rows), terminator: "")
        if parts.contains(.store) { print("\n\(try StoreBenchmarks.columns(traffic))", terminator: "") }
        var violations = Threshold.violations(rows, isComplete: parts.count == Part.allCases.count)
        if parts.contains(.journal) { print("\n\(try JournalBenchmarks.latencies(traffic))", terminator: "") }
        if parts.contains(.export) {
            let export = try ExportBenchmarks.run()
            print("\n\(export.table)", terminator: "")
            violations += export.violations
        }
        for violation in violations { message("over its threshold: \(violation)") }
        if checks, !violations.isEmpty { exit(1) }
    }

    /// What is no part of the table: growth, and the other ends of the export benchmarks, which are this executable too.
    private static func runApart(_ mode: String, _ arguments: [String]) -> Bool {
        switch (mode, arguments.count) {
        case ("--sink", 2):
            guard let down = UInt32(arguments[0]), let stalled = UInt32(arguments[1]) else { return false }
            CountingSink.run(down: down, stalled: stalled)
        case ("--export", 2):
            guard let index = Int(arguments[0]), ExportCase.all.indices.contains(index) else { return false }
            orExit { try ExportCase.all[index].run(endpoint: arguments[1]) }
        case ("scale", 1...):
            let sizes = millions(arguments, of: "scale", max: 1_000)
            orExit { try ScaleBenchmark.run(sizes) }
        case ("agents", 1...):
            let sizes = millions(arguments, of: "agents", max: 100)
            orExit { try AgentGraphBenchmark.run(sizes) }
        case ("usage", 2):
            guard let days = Int(arguments[0]), let calls = Int(arguments[1]), days > 0, calls > 0 else { return false }
            orExit { try UsageBenchmark.run(days: days, callsPerDay: calls) }
        default: return false
        }
        return true
    }

    /// Numbers of millions of spans, in rising order; exits where they are none.
    private static func millions(_ arguments: [String], of mode: String, max: Int) -> [Int] {
        let millions = arguments.compactMap(Int.init).sorted()
        guard millions.count == arguments.count, millions.allSatisfy({ (1...max).contains($0) }) else {
            message("usage: skein-bench \(mode) MILLIONS ...")
            exit(2)
        }
        return millions
    }

    private static func orExit(_ body: () throws -> Void) {
        do { try body() } catch {
            message("skein-bench: \(error)")
            exit(1)
        }
    }

    private static func message(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
