import ArgumentParser
import Foundation

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
            some of its calls have no price.
            """)

    @Option(
        help:
            "What to group by: model, provider, agent, service, operation, conversation, user, department, application."
    )
    var by = "model"

    @Option(help: "How far back to look, such as 24h.")
    var since: String?

    @Option(help: "A month of UTC instead, such as 2026-11.")
    var month: String?

    @Option(help: "table, csv or json.")
    var format = Format.table

    @OptionGroup var options: APIOptions

    func run() async throws {
        if since != nil, month != nil { throw CommandFailure.usage("--since and --month exclude each other") }
        let client = try APIClient(options.api)
        let since = month == nil ? since ?? "24h" : nil
        let body = try await client.get(
            "/api/skein/v1/usage", [("by", by), ("since", since), ("month", month)])
        if options.json || format == .json {
            Terminal.output(String(decoding: body, as: UTF8.self) + "\n")
            return
        }
        let answer = try APIClient.decode(UsageAnswer.self, body)
        let keys = by.split(separator: ",").map(String.init)
        if format == .csv {
            Terminal.output(answer.csv(by: keys))
            return
        }
        guard answer.total.calls > 0 || answer.total.inputTokens > 0 || answer.total.outputTokens > 0 else {
            Terminal.message("no calls of models in \(month ?? "the last \(since ?? "")")")
            return
        }
        Terminal.output(
            answer.text(by: keys, Style.forOutput(environment: ProcessInfo.processInfo.environment)))
        if answer.partial { Terminal.message("some records of usage are damaged and were left out") }
        if answer.total.unpricedCalls > 0 {
            Terminal.message(
                "\(Quantity.count(answer.total.unpricedCalls)) calls have no price: give one in connectors.gen_ai.prices.file"
            )
        }
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
        let unpricedCalls: Int

        var isEmpty: Bool { calls == 0 && inputTokens == 0 && outputTokens == 0 }
    }

    struct Row: Decodable {
        let key: [String: String?]
        let sum: Sum

        enum CodingKeys: String, CodingKey { case key }

        init(from decoder: any Decoder) throws {
            key = try decoder.container(keyedBy: CodingKeys.self).decode([String: String?].self, forKey: .key)
            sum = try Sum(from: decoder)
        }
    }

    let rows: [Row]
    let total: Sum
    let unattributed: Sum
    let other: Sum?
    let partial: Bool

    func text(by keys: [String], _ style: Style) -> String {
        var columns = keys.map { TextTable.Column(title: $0) }
        for title in ["calls", "errors", "input", "cache read", "output", "reasoning", "cost"] {
            columns.append(.init(title: title, alignsRight: true))
        }
        var table = TextTable(columns)
        for row in rows {
            table.add(keys.map { TextWidth.fit((row.key[$0] ?? nil) ?? "–", 50) } + Self.cells(row.sum))
        }
        func add(_ name: String, _ sum: Sum) {
            table.add([name] + keys.dropFirst().map { _ in "" } + Self.cells(sum))
        }
        if let other { add("(other)", other) }
        if !unattributed.isEmpty { add("(none)", unattributed) }
        add("total", total)
        return table.text(style)
    }

    private static func cells(_ sum: Sum) -> [String] {
        let counts = [
            sum.calls, sum.errors, sum.inputTokens, sum.cacheReadTokens, sum.outputTokens, sum.reasoningTokens,
        ]
        return counts.map(Quantity.count) + [cost(sum)]
    }

    private static func cost(_ sum: Sum) -> String {
        let isWhole = sum.costSource != "unknown" || sum.inputTokens == 0 && sum.outputTokens == 0
        if sum.costUSD == 0 { return isWhole ? "$0" : "unknown" }
        return "$\(Quantity.fixed(sum.costUSD, sum.costUSD < 1 ? 4 : 2))\(isWhole ? "" : "+")"
    }

    /// RFC 4180, a header first; the rows, what has none of the keys, and the total.
    func csv(by keys: [String]) -> String {
        let numbers = [
            "calls", "errors", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
            "reasoning_tokens", "cost_usd", "cost_source", "unpriced_calls",
        ]
        var text = Self.line(["kind"] + keys + numbers)
        for row in rows { text += Self.line(["row"] + keys.map { (row.key[$0] ?? nil) ?? "" } + Self.fields(row.sum)) }
        let blank = keys.map { _ in "" }
        if let other { text += Self.line(["other"] + blank + Self.fields(other)) }
        text += Self.line(["unattributed"] + blank + Self.fields(unattributed))
        return text + Self.line(["total"] + blank + Self.fields(total))
    }

    private static func fields(_ sum: Sum) -> [String] {
        [
            sum.calls, sum.errors, sum.inputTokens, sum.cacheReadTokens, sum.cacheWriteTokens, sum.outputTokens,
            sum.reasoningTokens,
        ].map(String.init) + ["\(sum.costUSD)", sum.costSource, "\(sum.unpricedCalls)"]
    }

    private static func line(_ fields: [String]) -> String {
        fields.map(field).joined(separator: ",") + "\r\n"
    }

    private static func field(_ text: String) -> String {
        // A spreadsheet takes what begins so for a formula, and anybody can choose a user's name.
        let safe =
            ["=", "+", "-", "@", "\t", "\r"].contains(where: text.hasPrefix) && Double(text) == nil ? "'" + text : text
        guard safe.contains(where: { "\",\r\n".contains($0) }) else { return safe }
        return "\"" + safe.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }
}
