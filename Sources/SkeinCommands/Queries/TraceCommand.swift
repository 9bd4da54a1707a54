import ArgumentParser
import Foundation

/// Shows one trace.
struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Show a trace as a waterfall: the critical path marked, tokens and cost where there are any.")

    @Argument(help: "The trace's id in hexadecimal digits.")
    var id: String

    @Flag(help: "Also list the critical path: the spans that the trace's duration is made of.")
    var criticalPath = false

    @OptionGroup var options: APIOptions

    func run() async throws {
        guard (1...32).contains(id.count), id.allSatisfy(\.isHexDigit) else {
            throw CommandFailure.usage("'\(id)' is no trace id, expected up to 32 hexadecimal digits")
        }
        let client = try APIClient(options.api)
        let body = try await client.get("/api/skein/v1/traces/\(id)")
        if options.json {
            Terminal.output(String(decoding: body, as: UTF8.self) + "\n")
            return
        }
        let trace = try APIClient.decode(TraceAnswer.self, body)
        let style = Style.forOutput(environment: ProcessInfo.processInfo.environment)
        Terminal.output(trace.text(columns: Terminal.columns, style: style, listsCriticalPath: criticalPath))
    }
}

/// `GET /api/skein/v1/traces/{id}`.
struct TraceAnswer: Decodable {
    struct Tokens: Decodable {
        var inputTokens: UInt64?
        var outputTokens: UInt64?
        var cacheReadTokens: UInt64?
        var reasoningTokens: UInt64?
    }

    struct Service: Decodable {
        let name: String
    }

    struct Summary: Decodable {
        let rootServiceName: String
        let rootTraceName: String
        let startTimeUnixNano: String
        let durationNs: UInt64
        let spanCount: Int
        let errorCount: Int
        let services: [Service]
        let tokens: Tokens?
        let costUSD: Double?
        let costSource: String?
        let computedCostUSD: Double?
        let reportedCostUSD: Double?

        /// Nil where no model was called.
        var cost: String? {
            guard let costUSD, let costSource else { return nil }
            return CostText.text(
                costUSD, source: costSource, hasTokens: tokens != nil, computed: computedCostUSD,
                reported: reportedCostUSD)
        }
    }

    struct Span: Decodable {
        let spanID: String
        let depth: Int
        let service: String
        let operation: String
        let status: String
        let statusMessage: String?
        let startTimeUnixNano: String
        let durationNs: UInt64
        let selfTimeNs: UInt64
        let onCriticalPath: Bool
        let tokens: Tokens?
        let costUSD: Double?
        let costSource: String?
        let computedCostUSD: Double?
        let reportedCostUSD: Double?

        /// Nil where no model was called.
        ///
        /// - Parameter showsBoth: With the cost that does not count, where there is one.
        func cost(showsBoth: Bool) -> String? {
            guard let costUSD, let costSource else { return nil }
            return CostText.text(
                costUSD, source: costSource, hasTokens: tokens != nil, computed: showsBoth ? computedCostUSD : nil,
                reported: showsBoth ? reportedCostUSD : nil)
        }
    }

    struct Segment: Decodable {
        let spanID: String
        let startTimeUnixNano: String
        let durationNs: UInt64
    }

    let traceID: String
    let summary: Summary
    let spans: [Span]
    let criticalPath: [Segment]

    func text(columns: Int, style: Style, listsCriticalPath: Bool) -> String {
        let start = UInt64(summary.startTimeUnixNano) ?? 0
        var result = style.bold("trace \(traceID)") + "\n"
        result += TextWidth.fit("\(summary.rootServiceName): \(summary.rootTraceName)", columns) + "\n"
        result += overview + "\n\n"
        let rows = spans.map { span in
            Waterfall.Row(
                depth: span.depth, service: span.service, operation: span.operation,
                offset: (UInt64(span.startTimeUnixNano) ?? start) &- start, duration: span.durationNs,
                isError: span.status == "error", isOnCriticalPath: span.onCriticalPath,
                inputTokens: span.tokens?.inputTokens, outputTokens: span.tokens?.outputTokens,
                cost: span.cost(showsBoth: columns >= Self.bothCostsColumnsMin))
        }
        result += Waterfall(rows: rows, total: summary.durationNs).text(columns: columns, style: style)
        result += "\n" + style.dim("● on the critical path, which is what the duration is made of") + "\n"
        if listsCriticalPath { result += "\n" + criticalPathTable(style) }
        return result
    }

    /// Below it bars and names need the room of a second cost; the summary has both.
    private static let bothCostsColumnsMin = 100

    private var overview: String {
        var parts = [
            Quantity.duration(summary.durationNs),
            summary.spanCount == 1 ? "1 span" : "\(Quantity.count(summary.spanCount)) spans",
            summary.services.count == 1 ? "1 service" : "\(summary.services.count) services",
        ]
        if summary.errorCount > 0 { parts.append("\(summary.errorCount) with errors") }
        if let tokens = summary.tokens {
            parts.append("tokens \(tokens.inputTokens ?? 0) in, \(tokens.outputTokens ?? 0) out")
        }
        if let cost = summary.cost { parts.append("cost \(cost)") }
        return parts.joined(separator: " · ")
    }

    /// Operations listed under the waterfall; what comes after them is a sum, so that a trace of thousands of spans
    /// still ends with what matters.
    private static let criticalPathRowsMax = 8

    /// Time on the critical path by operation, the largest first.
    private func criticalPathTable(_ style: Style) -> String {
        var table = TextTable([
            .init(title: "critical path"), .init(title: "time", alignsRight: true),
            .init(title: "share", alignsRight: true),
        ])
        let names = Dictionary(spans.map { ($0.spanID, "\($0.service): \($0.operation)") }) { first, _ in first }
        var times: [String: UInt64] = [:]
        for segment in criticalPath { times[names[segment.spanID] ?? "", default: 0] += segment.durationNs }
        let sorted = times.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
        for (name, time) in sorted.prefix(Self.criticalPathRowsMax) where time > 0 {
            let share = Double(time) / Double(max(1, summary.durationNs)) * 100
            table.add([TextWidth.fit(name, 70), Quantity.duration(time), "\(Quantity.fixed(share, 1)) %"])
        }
        let rest = sorted.dropFirst(Self.criticalPathRowsMax)
        guard !rest.isEmpty else { return table.text(style) }
        let restTime = rest.reduce(0) { $0 + $1.value }
        return table.text(style) + style.dim("and \(rest.count) more with \(Quantity.duration(restTime))") + "\n"
    }
}
