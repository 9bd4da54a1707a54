import AgentTraffic
import Benchmarking
import Glibc
import OTLP
import SpanMetrics
import TraceStorage

/// What answers about usage cost, over so many days of so many calls of models.
enum UsageBenchmark {
    private static let hour: UInt64 = 3_600_000_000_000
    private static let start: UInt64 = 1_767_225_600_000_000_000

    static func run(days: Int, callsPerDay: Int) throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: directory.path), seed: 1)
        try metrics.open()
        let begin = CPUClock.process.now()
        let calls = try fill(metrics, days: days, callsPerDay: callsPerDay)
        print(
            "\(calls) calls on \(days) days, \(directory.fileBytes >> 20) MiB, \(seconds(since: begin)) s of CPU to "
                + "write them; then CPU s, rows and the most that was resident, MiB\n")
        let configuration = metrics.configuration
        let month = TimeRange(start: start, end: start + UInt64(days) * 24 * hour)
        let starts = (0..<days).map { start + UInt64($0) * 24 * hour }
        for (names, isDaily) in [
            (["model"], false), (["user", "model"], false), (["user", "model"], true), (["conversation"], false),
        ] {
            var query = UsageQuery(
                range: month, by: names.compactMap { UsageQuery.Key($0, configuration: configuration) })
            if isDaily { query.steps = .from(starts) }
            for attempt in ["first", "again"] {
                let begin = CPUClock.process.now()
                let rows: String
                do throws(StorageError) {
                    rows = "\(try query.run(on: metrics) { () throws(StorageError) in }.rows.count)"
                } catch { rows = "\(error)" }
                let name = names.joined(separator: ",") + (isDaily ? " by day" : "")
                print("\(name), \(attempt): \(seconds(since: begin)) \(rows) \(residentMebibytes())")
            }
        }
    }

    /// - Returns: calls that were counted.
    private static func fill(_ metrics: GenAIMetrics, days: Int, callsPerDay: Int) throws -> UInt64 {
        var position: UInt64 = 0
        for hours in 0..<UInt64(days * 24) {
            let time = start + hours * hour
            var traffic = AgentTraffic(seed: hours, startTime: time)
            let goal = (hours + 1) * UInt64(callsPerDay) / 24
            while metrics.statistics.calls < goal {
                position += 1
                let batch = try SpanBatch(decoding: traffic.request(spans: Traffic.spansPerBody))
                let receivedAt = time + hour / 2 + position * 1_000_000_000 % (hour / 4)
                metrics.record(
                    StoredBatch(batch: batch, position: JournalPosition(position), receivedAt: receivedAt))
                if position % 100 == 0 { try metrics.prepareCheckpoint() }
            }
        }
        try metrics.prepareCheckpoint()
        return metrics.statistics.calls
    }

    private static func seconds(since begin: UInt64) -> String {
        let hundredths = (CPUClock.process.now() &- begin) / 10_000_000
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    private static func residentMebibytes() -> Int {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return usage.ru_maxrss / 1_024
    }
}
