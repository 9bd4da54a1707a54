import Collector
import Foundation
import OTLP
import SpanMetrics
import Synchronization
import TraceStorage

/// A whole collector on free ports.
struct CollectorFixture {
    let directory: TestDirectory
    let collector: Collector
    private let announced: Box<[String]>

    init(
        _ directory: TestDirectory? = nil, _ change: (inout CollectorConfiguration) -> Void = { _ in }
    ) throws {
        let directory = try directory ?? TestDirectory()
        self.directory = directory
        let free = ListenEndpoint(host: "127.0.0.1", port: 0)
        var configuration = CollectorConfiguration()
        configuration.storage.directory = directory.path
        configuration.receiver.http?.endpoint = free
        configuration.receiver.grpc?.endpoint = free
        configuration.prometheusEndpoint = free
        configuration.telemetry.metricsEndpoint = free
        configuration.telemetry.healthEndpoint = free
        change(&configuration)
        let lines = Box<[String]>([])
        announced = lines
        collector = try Collector(configuration, logger: quiet, announce: { lines.value += [$0] })
    }

    /// A collector that takes spans.
    static func started(
        _ directory: TestDirectory? = nil, _ change: (inout CollectorConfiguration) -> Void = { _ in }
    ) async throws -> CollectorFixture {
        let fixture = try CollectorFixture(directory, change)
        try await fixture.collector.start()
        return fixture
    }

    struct NotListening: Error {
        let name: String
    }

    /// A client for the listener of that name: `listening <name> <host>:<port>`.
    func client(_ name: String) throws -> HTTPClient { try HTTPClient(port: try port(name)) }

    func port(_ name: String) throws -> Int {
        for line in announced.value {
            let words = line.split(separator: " ")
            guard words.count == 3, words[0] == "listening", words[1] == name else { continue }
            if let port = words[2].split(separator: ":").last.flatMap({ Int($0) }) { return port }
        }
        throw NotListening(name: name)
    }

    /// Spans counted by the RED metrics.
    var counted: Int {
        Exposition(collector.red.snapshot().exposition(.prometheusText)).total("traces_span_metrics_calls_total")
    }

    var stored: Int { collector.reader.statistics().spans }
}

/// What a scrape shows.
struct Exposition {
    let text: String

    init(_ bytes: [UInt8]) { text = String(decoding: bytes, as: UTF8.self) }

    /// The lines that are samples.
    var samples: [Substring] { text.split(separator: "\n").filter { !$0.hasPrefix("#") } }

    /// Name and labels of each sample.
    var series: [String] { samples.map { String($0.prefix(upTo: $0.lastIndex(of: " ") ?? $0.endIndex)) } }

    func total(_ name: String) -> Int {
        samples.filter { $0.hasPrefix(name + "{") || $0.hasPrefix(name + " ") }
            .reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
    }
}
