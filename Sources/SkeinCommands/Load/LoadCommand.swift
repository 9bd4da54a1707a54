import ArgumentParser
import Collector
import OTLP

/// Sends the traffic of a multi-agent system to a collector and measures how it is taken.
struct LoadCommand: AsyncParsableCommand {
    enum TransportProtocol: String, ExpressibleByArgument, CaseIterable {
        case grpc, http

        var standardEndpoint: String { self == .http ? "http://127.0.0.1:4318" : "http://127.0.0.1:4317" }
    }

    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Send realistic multi-agent traffic and report spans/s, latency and failures.",
        discussion: """
            Each connection has one request on its way at a time. What the receiver asks to send again is sent again \
            with the same body. Latency is the time until a request is acknowledged, retries included; with --rate it \
            counts from when the request was due. Exit status 1 when spans were lost.
            """)

    @Option(help: "Where to send; default http://127.0.0.1:4318 for http, http://127.0.0.1:4317 for grpc.")
    var endpoint: String?

    @Option(name: .customLong("protocol"), help: "OTLP over grpc or http.")
    var transport = TransportProtocol.http

    @Option(help: "Spans a second; 0 is as fast as it goes.")
    var rate = 0.0

    @Option(help: "How long to send, such as 30s or 5m.")
    var duration = "30s"

    @Option(help: "Connections, 1 to \(LoadOptions.connections.upperBound).")
    var connections = 4

    @Option(help: "Repeat the same traces, ids and values in every run; only their times follow the clock.")
    var seed: UInt64?

    @Option(help: "Spans of one request, 1 to \(LoadOptions.spansPerRequest.upperBound).")
    var spansPerRequest = 512

    @Flag(help: "Services also send spans of their requests to others, as a service graph needs them.")
    var clientSpans = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() async throws {
        let options = try validated()
        let target = try await makeTarget()
        let progress = Terminal.isErrorATerminal ? LoadProgress() : nil
        let report = await LoadRun(options: options, target: target).run(progress)
        await target.close()
        guard report.wasAnswered else {
            let address = endpoint ?? transport.standardEndpoint
            throw CommandFailure.failed("no answer from \(address): connection failed; is a collector running there?")
        }
        Terminal.output(json ? try report.json() : report.text())
        guard report.lostSpans == 0 else {
            throw CommandFailure.failed("\(report.lostSpans) spans were lost")
        }
    }

    private func validated() throws(CommandFailure) -> LoadOptions {
        guard rate.isFinite, rate >= 0 else {
            throw .usage("--rate \(rate) is not valid, expected spans a second, or 0 for as fast as it goes")
        }
        guard let time = GoDuration.parse(duration), time > .zero else {
            throw .usage("--duration '\(duration)' is not valid, expected a duration such as 30s")
        }
        guard LoadOptions.connections.contains(connections) else {
            throw .usage("--connections \(connections) is not valid, expected \(LoadOptions.connections)")
        }
        guard LoadOptions.spansPerRequest.contains(spansPerRequest) else {
            throw .usage("--spans-per-request \(spansPerRequest) is not valid, expected \(LoadOptions.spansPerRequest)")
        }
        return LoadOptions(
            seed: seed ?? .random(in: 0...(.max)) ^ ProcessStatistics.now(), spansPerRequest: spansPerRequest,
            clientSpans: clientSpans, spansPerSecond: rate, duration: time, connections: connections)
    }

    private func makeTarget() async throws(CommandFailure) -> any LoadTarget {
        switch transport {
        case .http: try HTTPLoadTarget(endpoint: endpoint ?? transport.standardEndpoint, connections: connections)
        case .grpc:
            try await GRPCLoadTarget(endpoint: endpoint ?? transport.standardEndpoint, connections: connections)
        }
    }
}

/// What to send, and how fast.
struct LoadOptions {
    /// More connections than this say nothing more about a collector, and cost a descriptor each.
    static let connections = 1...512
    /// 16,384 spans are 8 MiB: under the 20 MiB that receivers take over HTTP.
    static let spansPerRequest = 1...16_384

    let seed: UInt64
    let spansPerRequest: Int
    /// Whether services have client's spans of their requests to others.
    let clientSpans: Bool
    /// 0 is as fast as it goes.
    let spansPerSecond: Double
    let duration: Duration
    let connections: Int
}
