import ArgumentParser
import Foundation

/// Finds traces.
struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Find traces by a TraceQL query, the newest first.",
        discussion: """
            skein search '{ resource.service.name = "gateway" && duration > 1s }'
            skein search '{ span.gen_ai.request.model =~ "claude.*" && status = error }' --since 6h
            """)

    @Argument(help: "The query, such as '{ status = error }'; '{ }' finds every trace.")
    var query: String

    @Option(help: "How far back to look, such as 15m or 24h.")
    var since = "1h"

    @Option(help: "The most traces to show.")
    var limit = 20

    @OptionGroup var options: APIOptions

    func run() async throws {
        let client = try APIClient(options.api)
        let body = try await client.get(
            "/api/skein/v1/search", [("q", query), ("since", since), ("limit", String(limit))])
        if options.json {
            Terminal.output(String(decoding: body, as: UTF8.self) + "\n")
            return
        }
        let answer = try APIClient.decode(SearchAnswer.self, body)
        let style = Style.forOutput(environment: ProcessInfo.processInfo.environment)
        guard !answer.traces.isEmpty else {
            Terminal.message("no trace matches in the last \(since)")
            return
        }
        Terminal.output(answer.text(style))
        if answer.partial {
            let reasons = (answer.partialReasons ?? []).joined(separator: "; ")
            Terminal.message("more traces may match\(reasons.isEmpty ? "" : ": ")\(reasons)")
        }
    }
}

/// `GET /api/skein/v1/search`.
struct SearchAnswer: Decodable {
    struct Trace: Decodable {
        let traceID: String
        let rootServiceName: String
        let rootTraceName: String
        let startTimeUnixNano: String
        let durationNs: UInt64
        let spanCount: Int
        let errorCount: Int
        let matchedCount: Int
    }

    let traces: [Trace]
    let partial: Bool
    let partialReasons: [String]?

    func text(_ style: Style) -> String {
        var table = TextTable([
            .init(title: "trace"), .init(title: "started"), .init(title: "root"),
            .init(title: "duration", alignsRight: true), .init(title: "spans", alignsRight: true),
            .init(title: "matched", alignsRight: true), .init(title: "errors", alignsRight: true),
        ])
        for trace in traces {
            let root =
                trace.rootTraceName.isEmpty
                ? "<root span not yet received>" : "\(trace.rootServiceName): \(trace.rootTraceName)"
            table.add([
                trace.traceID, Self.time(trace.startTimeUnixNano), TextWidth.fit(root, 50),
                Quantity.duration(trace.durationNs), "\(trace.spanCount)", "\(trace.matchedCount)",
                "\(trace.errorCount)",
            ])
        }
        return table.text(style)
    }

    private static func time(_ nanoseconds: String) -> String {
        let date = Date(timeIntervalSince1970: (Double(nanoseconds) ?? 0) / 1e9)
        return date.formatted(.iso8601.dateTimeSeparator(.space))
    }
}
