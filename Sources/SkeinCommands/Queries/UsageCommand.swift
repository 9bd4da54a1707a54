import ArgumentParser
import Foundation
import QueryAPI

/// Shows tokens and cost.
struct UsageCommand: AsyncParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, csv, json
    }

    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Show calls of models, tokens and cost.",
        discussion: """
            skein usage --by department,model --month 2026-11 --format csv

            Input includes what caches read and wrote, output includes reasoning. A cost with a + is a lower bound: \
            some of its calls have no price. What is attributed and what is not add up to the total. Days and months \
            are those of the collector's query.time_zone.
            """)

    private static let standardKey = "model"

    @Option(
        help: """
            What to group by: model, provider, agent, service, operation, conversation, user, department, application, \
            tenant, environment or variant, or what connectors.gen_ai.attribution names instead.
            """)
    var by = Self.standardKey

    @Option(
        name: .customLong("where"),
        help: """
            Only calls of which a key is or is not something, such as 'user="ada"' or 'model!~gpt-.*', with =, !=, =~ or \
            !~. May be given several times; all have to hold.
            """)
    var conditions: [String] = []

    @Option(help: "How far back to look; 24h when nothing says which time.")
    var since: String?

    @Option(help: "A month instead, such as 2026-11.")
    var month: String?

    @Option(help: "A beginning instead: RFC 3339 or unix nanoseconds.")
    var start: String?

    @Option(help: "An end, as --start; now when absent.")
    var end: String?

    @Option(help: "A line for each hour, day, month or piece of time such as 10m.")
    var step: String?

    @Option(help: "table, csv or json; table when absent.")
    var format: Format?

    @OptionGroup var options: APIOptions

    func run() async throws {
        if let format, format != .json, options.json {
            throw CommandFailure.usage("--json and --format \(format.rawValue) exclude each other")
        }
        let client = try APIClient(options.api)
        // As of a variable of the shell that is not set.
        let by = by.isEmpty ? Self.standardKey : by
        let since = try effectiveSince()
        let body = try await client.get(
            "/api/skein/v1/usage",
            [("by", by), ("since", since), ("month", month), ("start", start), ("end", end), ("step", step)]
                + conditions.map { ("where", $0) })
        if options.json || format == .json {
            Terminal.output(String(decoding: body, as: UTF8.self) + "\n")
            return
        }
        let answer = try APIClient.decode(UsageAnswer.self, body)
        let keys = by.split(separator: ",").map(String.init)
        if format == .csv {
            Terminal.output(answer.csv(by: keys))
            answer.reportGaps()
            return
        }
        guard answer.total.sum.calls > 0 || answer.total.sum.inputTokens > 0 || answer.total.sum.outputTokens > 0 else {
            Terminal.message("no calls of models in \(month ?? since.map { "the last " + $0 } ?? "that time")")
            answer.reportGaps()
            return
        }
        Terminal.output(
            answer.text(by: keys, Style.forOutput(environment: ProcessInfo.processInfo.environment)))
        answer.reportGaps()
        if answer.total.sum.unpricedCalls > 0 {
            let count = answer.total.sum.unpricedCalls
            Terminal.message(
                "\(Quantity.count(count)) \(count == 1 ? "call has" : "calls have") no price: "
                    + "give one in connectors.gen_ai.prices.file")
        } else if answer.total.sum.costSource == "unknown" {
            Terminal.message("a cost with a + lacks that of tokens which are reported beyond those of calls")
        }
    }
}

extension UsageCommand {
    /// Nil where something else says which time is asked for.
    private func effectiveSince() throws -> String? {
        let others = [("--month", month != nil), ("--start", start != nil), ("--end", end != nil)].filter(\.1)
        if since != nil, let first = others.first {
            throw CommandFailure.usage("--since and \(first.0) exclude each other")
        }
        if month != nil, others.count > 1 {
            throw CommandFailure.usage("--month and \(others[1].0) exclude each other")
        }
        if end != nil, start == nil { throw CommandFailure.usage("--end needs --start") }
        return others.isEmpty ? since ?? "24h" : nil
    }
}

/// `GET /api/skein/v1/usage`.
struct UsageAnswer: Decodable {
    struct Sum: Decodable {
        let calls: Int
        let errors: Int
        let inputTokens: Int
        let cacheReadTokens: Int
        let cacheWriteTokens: Int
        let outputTokens: Int
        let reasoningTokens: Int
        let costUSD: Double
        let costSource: String
        /// Nil in the answer of an older collector.
        let computedCostUSD: Double?
        let reportedCostUSD: Double?
        let unpricedCalls: Int

        var isEmpty: Bool { calls == 0 && inputTokens == 0 && outputTokens == 0 }
    }

    /// One step of a series.
    struct Point: Decodable {
        let startTime: String
        /// Unix nanoseconds.
        let start: UInt64
        let sum: Sum

        enum CodingKeys: String, CodingKey { case startTime, startTimeUnixNano }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            startTime = try container.decode(String.self, forKey: .startTime)
            start = UInt64(try container.decode(String.self, forKey: .startTimeUnixNano)) ?? 0
            sum = try Sum(from: decoder)
        }
    }

    /// A sum and, where steps were asked for, its series.
    struct Group: Decodable {
        /// None where it is no row.
        let key: [String: String?]
        let sum: Sum
        let series: [Point]?

        enum CodingKeys: String, CodingKey { case key, series }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            key = try container.decodeIfPresent([String: String?].self, forKey: .key) ?? [:]
            series = try container.decodeIfPresent([Point].self, forKey: .series)
            sum = try Sum(from: decoder)
        }

        /// A line for each step, or one for all.
        var lines: [(point: Point?, sum: Sum)] { series.map { $0.map { ($0, $0.sum) } } ?? [(nil, sum)] }
    }

    let rows: [Group]
    let attributed: Sum
    let unattributed: Group
    let total: Group
    let other: Group?
    let partial: Bool
    let partialReasons: [String]?

    /// Says on standard error what the answer lacks.
    func reportGaps() {
        guard partial else { return }
        Terminal.message("usage is missing: \((partialReasons ?? ["no reason was given"]).joined(separator: "; "))")
    }

    private var hasSteps: Bool { total.series != nil }

    /// Seldom: then both costs are worth a column.
    private var hasReportedCost: Bool { total.sum.reportedCostUSD ?? 0 > 0 }

    /// All lines of rows and of what is beyond them, in the order of time where there are steps.
    private func lines(by keys: [String], none: String) -> [(kind: String, point: Point?, key: [String], sum: Sum)] {
        var lines: [(kind: String, point: Point?, key: [String], sum: Sum)] = []
        for row in rows {
            for line in row.lines {
                lines.append(("row", line.point, keys.map { (row.key[$0] ?? nil) ?? none }, line.sum))
            }
        }
        for line in other?.lines ?? [] { lines.append(("other", line.point, [], line.sum)) }
        if hasSteps {
            for line in unattributed.lines { lines.append(("unattributed", line.point, [], line.sum)) }
            // The sort keeps the order of equal times only by the place.
            return lines.enumerated().sorted { ($0.1.point?.start ?? 0, $0.0) < ($1.1.point?.start ?? 0, $1.0) }
                .map(\.1)
        }
        return lines
    }

    func text(by keys: [String], _ style: Style) -> String {
        var columns = (hasSteps ? ["time"] : []).map { TextTable.Column(title: $0) }
        columns += keys.map { TextTable.Column(title: $0) }
        let titles = ["calls", "errors", "input", "cache read", "output", "reasoning", "cost"]
        for title in titles + (hasReportedCost ? ["computed", "reported"] : []) {
            columns.append(.init(title: title, alignsRight: true))
        }
        var table = TextTable(columns)
        for line in lines(by: keys, none: "–") {
            let key = line.key.isEmpty ? ["(\(line.kind))"] + keys.dropFirst().map { _ in "" } : line.key
            table.add(
                (line.point.map { [$0.startTime] } ?? []) + key.map { TextWidth.fit($0, 50) } + cells(line.sum))
        }
        func add(_ name: String, _ sum: Sum) {
            table.add([name] + (hasSteps ? keys : Array(keys.dropFirst())).map { _ in "" } + cells(sum))
        }
        if !unattributed.sum.isEmpty {
            add("attributed", attributed)
            add("unattributed", unattributed.sum)
        }
        add("total", total.sum)
        return table.text(style)
    }

    private func cells(_ sum: Sum) -> [String] {
        let counts = [
            sum.calls, sum.errors, sum.inputTokens, sum.cacheReadTokens, sum.outputTokens, sum.reasoningTokens,
        ]
        let both = hasReportedCost ? [sum.computedCostUSD, sum.reportedCostUSD].map(Self.cost) : []
        return counts.map(Quantity.count) + [Self.cost(sum)] + both
    }

    /// No call has such a cost where it is 0.
    private static func cost(_ dollars: Double?) -> String {
        if let dollars, dollars > 0 { DollarText.short(dollars) } else { "–" }
    }

    private static func cost(_ sum: Sum) -> String {
        let hasTokens = sum.inputTokens > 0 || sum.outputTokens > 0
        return CostText.text(sum.costUSD, source: sum.costSource, hasTokens: hasTokens)
    }

    /// RFC 4180, a header first; the rows, then what of it is attributed and what is not, which add up to the total.
    func csv(by keys: [String]) -> String {
        let numbers = [
            "calls", "errors", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
            "reasoning_tokens", "cost_usd", "cost_source", "unpriced_calls", "computed_cost_usd", "reported_cost_usd",
        ]
        let time = hasSteps ? ["time"] : []
        var text = CSVText.line(["kind"] + time + keys + numbers)
        let blank = keys.map { _ in "" }
        for line in lines(by: keys, none: "") {
            let kind = hasSteps && line.kind == "unattributed" ? "unattributed_step" : line.kind
            text += CSVText.line(
                [kind] + (line.point.map { [$0.startTime] } ?? []) + (line.key.isEmpty ? blank : line.key)
                    + Self.fields(line.sum))
        }
        for (kind, sum) in [("attributed", attributed), ("unattributed", unattributed.sum), ("total", total.sum)] {
            text += CSVText.line([kind] + time.map { _ in "" } + blank + Self.fields(sum))
        }
        return text
    }

    private static func fields(_ sum: Sum) -> [String] {
        [
            sum.calls, sum.errors, sum.inputTokens, sum.cacheReadTokens, sum.cacheWriteTokens, sum.outputTokens,
            sum.reasoningTokens,
        ].map(String.init) + [DollarText.plain(sum.costUSD), sum.costSource, "\(sum.unpricedCalls)"]
            + [sum.computedCostUSD, sum.reportedCostUSD].map { DollarText.plain($0 ?? 0) }
    }
}
