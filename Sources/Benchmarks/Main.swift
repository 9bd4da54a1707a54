import Glibc

/// Measures what a span costs, against named baselines in the same run.
///
///     skein-bench               prints the table
///     skein-bench --check       exits 1 when a threshold on allocations or bytes is exceeded
///     skein-bench --self-check  only proves that allocations are counted exactly
@main
struct SkeinBench {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.allSatisfy({ ["--check", "--self-check"].contains($0) }) else {
            message("usage: skein-bench [--check | --self-check]")
            exit(2)
        }
        if let failure = AllocationCounter.selfCheckFailure() {
            message("the allocation counter is wrong: \(failure)")
            exit(1)
        }
        if arguments.contains("--self-check") {
            print("allocations are counted exactly")
            return
        }
        do {
            try run(checks: arguments.contains("--check"))
        } catch {
            message("skein-bench: \(error)")
            exit(1)
        }
    }

    private static func run(checks: Bool) throws {
        let traffic = try Traffic()
        let meter = Meter()
        print(
            "\(traffic.bodies.count) bodies of \(Traffic.spansPerBody) spans, "
                + "\(traffic.bytes / traffic.spans) bytes a span; CPU time, best of \(meter.repetitions)\n")
        var rows = try Baselines.measure(traffic, meter)
        rows += try OTLPBenchmarks.measure(traffic, meter)
        rows += try JournalBenchmarks.measure(traffic, meter)
        rows += try StoreBenchmarks.measure(traffic, meter)
        rows += try SDKBenchmarks.measure(meter)
        print(Report.text(rows), terminator: "")
        let violations = Threshold.violations(rows)
        for violation in violations { message("over its threshold: \(violation)") }
        if checks, !violations.isEmpty { exit(1) }
    }

    private static func message(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
