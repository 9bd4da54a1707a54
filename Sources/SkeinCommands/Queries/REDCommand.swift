import ArgumentParser
import Foundation

/// Shows rate, errors and duration.
struct REDCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "red", abstract: "Show rate, errors and p50, p95, p99 of durations, from stored spans.",
        discussion: "skein red --by service,span.gen_ai.request.model --since 24h")

    @Option(
        help: "What to group by: service, operation, kind, status, or attributes such as span.gen_ai.request.model.")
    var by = "service,operation"

    @Option(help: "How far back to look, such as 15m or 24h.")
    var since = "1h"

    @Option(name: .customLong("where"), help: "Only spans that match a TraceQL query, such as '{ kind = server }'.")
    var query: String?

    @OptionGroup var options: APIOptions

    func run() async throws {
        let client = try APIClient(options.api)
        let body = try await client.get("/api/skein/v1/red", [("by", by), ("since", since), ("q", query)])
        if options.json {
            Terminal.output(String(decoding: body, as: UTF8.self) + "\n")
            return
        }
        let answer = try APIClient.decode(REDAnswer.self, body)
        let style = Style.forOutput(environment: ProcessInfo.processInfo.environment)
        guard !answer.rows.isEmpty else {
            Terminal.message("no spans in the last \(since)")
            return
        }
        Terminal.output(answer.text(by: by.split(separator: ",").map(String.init), style))
        if answer.partial {
            let reasons = (answer.partialReasons ?? ["the range reaches beyond what is stored"])
            Terminal.message("spans are not counted: \(reasons.joined(separator: "; "))")
        }
    }
}

/// `GET /api/skein/v1/red`.
struct REDAnswer: Decodable {
    /// A group key's value; any JSON scalar.
    struct KeyText: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                text = "–"
            } else if let string = try? container.decode(String.self) {
                text = string
            } else if let flag = try? container.decode(Bool.self) {
                text = "\(flag)"
            } else if let integer = try? container.decode(Int64.self) {
                text = "\(integer)"
            } else if let number = try? container.decode(Double.self) {
                text = "\(number)"
            } else {
                text = "…"
            }
        }
    }

    struct Row: Decodable {
        let key: [String: KeyText]
        let count: Double
        let rate: Double
        let errors: Double
        let errorRate: Double
        let p50Ns: UInt64
        let p95Ns: UInt64
        let p99Ns: UInt64
    }

    let rows: [Row]
    let partial: Bool
    let partialReasons: [String]?

    func text(by keys: [String], _ style: Style) -> String {
        var columns = keys.map { TextTable.Column(title: $0) }
        for title in ["count", "rate", "errors", "p50", "p95", "p99"] {
            columns.append(.init(title: title, alignsRight: true))
        }
        var table = TextTable(columns)
        for row in rows {
            var cells = keys.map { TextWidth.fit(row.key[$0]?.text ?? "", 50) }
            let errors =
                row.errors == 0 ? "0" : "\(Self.number(row.errors)) (\(Quantity.fixed(row.errorRate * 100, 1)) %)"
            cells += [Self.number(row.count), "\(Quantity.significant(row.rate))/s", errors]
            cells += [row.p50Ns, row.p95Ns, row.p99Ns].map(Quantity.duration)
            table.add(cells)
        }
        return table.text(style)
    }

    /// Adjusted counts are whole unless spans were sampled.
    private static func number(_ value: Double) -> String {
        value == value.rounded() && value < 9e15 ? Quantity.count(Int(value)) : Quantity.fixed(value, 1)
    }
}
