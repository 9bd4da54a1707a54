import Benchmarking
import Foundation

/// Sends spans through the whole SDK to a sink in another process, and counts what arrives.
///
///     skein-bench export
enum ExportBenchmarks {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Shown, never divided by: it was measured apart from this run.
    private static let swiftOTel =
        "swift-otel on a machine of this kind: 31 to 37 CPU-s per million spans exported, 20 to 35 % lost at full speed"

    /// Runs every case and returns the table. Lost spans are a failure, as far as a case does not allow them.
    static func run() throws -> (table: String, violations: [String]) {
        let baseline = ExportCase.all[0]
        var rows: [[String]] = [
            [
                "spans to a local sink", "CPU-s per million", "ratio", "peak MiB", "ended", "arrived", "dropped",
                "budget", "",
            ]
        ]
        var violations: [String] = []
        var baselineNanoseconds = 0.0
        for each in ExportCase.all {
            let (outcome, arrived, distinct) = try measure(each)
            let nanoseconds = Double(outcome.cpuNanoseconds) / Double(outcome.made)
            if each.name == baseline.name { baselineNanoseconds = nanoseconds }
            rows.append(
                [
                    each.name, String(format: "%.2f", nanoseconds / 1_000),
                    String(format: "%.2f", nanoseconds / baselineNanoseconds),
                    String(format: "%.0f", Double(outcome.peakKibibytes) / 1_024), "\(outcome.ended)", "\(arrived)",
                    "\(outcome.dropped)",
                ] + budget(each, nanoseconds / 1_000, outcome))
            if each.kind == .noop { continue }
            let made = outcome.made
            if outcome.ended != made || arrived != outcome.exported || arrived + outcome.dropped != made {
                violations.append("\(each.name): \(arrived) arrived and \(outcome.dropped) dropped of \(made)")
            }
            if distinct != arrived {
                violations.append("\(each.name): only \(distinct) of \(arrived) that arrived are different spans")
            }
            if outcome.dropped > 0, !each.mayDrop {
                violations.append("\(each.name): \(outcome.dropped) dropped")
            }
            if outcome.peakKibibytes > 64 << 10 { violations.append("\(each.name): over 64 MiB resident") }
        }
        return (aligned(rows) + "\n\(swiftOTel)\n", violations)
    }

    private static func measure(_ each: ExportCase) throws -> (ExportCase.Outcome, arrived: Int, distinct: Int) {
        let sink = try Child(["--sink", "\(each.downMilliseconds)", "\(each.stalledMilliseconds)"])
        guard let port = Int(sink.line()) else { throw Failure(description: "the sink does not start") }
        let index = ExportCase.all.firstIndex { $0.name == each.name } ?? 0
        let maker = try Child(["--export", "\(index)", "http://127.0.0.1:\(port)/v1/traces"])
        let text = maker.line()
        maker.finish()
        guard let outcome = ExportCase.Outcome(text) else { throw Failure(description: "\(each.name): \(text)") }
        sink.closeInput()
        let counts = sink.line().split(separator: " ").compactMap { Int($0) }
        sink.finish()
        guard counts.count == 2 else { throw Failure(description: "\(each.name): the sink does not say what arrived") }
        return (outcome, counts[0], counts[1])
    }

    /// The budget of a case, and whether it is met: CPU where there is one, and memory.
    private static func budget(_ each: ExportCase, _ seconds: Double, _ outcome: ExportCase.Outcome) -> [String] {
        if each.kind == .noop { return ["", ""] }
        let isInMemory = outcome.peakKibibytes <= 64 << 10
        guard let budget = each.secondsPerMillionMax else { return ["≤ 64 MiB", isInMemory ? "met" : "missed"] }
        return [String(format: "≤ %.1f CPU-s, ≤ 64 MiB", budget), isInMemory && seconds <= budget ? "met" : "missed"]
    }

    private static func aligned(_ rows: [[String]]) -> String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + padding : padding + row[column]
            }.joined(separator: "  ") + "\n"
        }.joined()
    }
}
