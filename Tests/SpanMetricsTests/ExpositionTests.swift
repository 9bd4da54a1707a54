import Foundation
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct ExpositionTests {
    private static func metrics(exemplars: Bool = true) throws -> REDMetrics {
        var configuration = SpanMetricsConfiguration()
        configuration.areExemplarsEnabled = exemplars
        configuration.dimensions = [.init(name: "quo te", default: "a\"b\\c\nd")]
        let metrics = try REDMetrics(configuration)
        metrics.record(
            try .of(
                [
                    SpanFixture("GET /é", id: 0xAB).with {
                        ($0.start, $0.end) = (1_700_000_000_000_000_000, 1_700_000_000_007_500_000)
                    },
                    SpanFixture("x").with { ($0.start, $0.end, $0.kind) = (0, .max, 99) },
                ], position: 1, receivedAt: 1_700_000_000_009_000_000))
        return metrics
    }

    @Test func promtoolFindsNothingWrong() throws {
        var writer = PrometheusTextWriter(format: .prometheusText)
        writer.family("skein_queue_spans", type: .gauge, help: "Spans \\ that\nwait.")
        writer.sample(PrometheusLabels([("queue", "a\\\"\n")]), 2.5)
        writer.sample(PrometheusLabels([("queue", "b")]), -Double.infinity)
        writer.family("skein_spans", type: .counter, help: "Spans.")
        writer.sample(.none, 12 as UInt64)
        writer.family("skein_wait_seconds", type: .histogram, help: "Waits.", unit: "seconds")
        writer.histogram(bounds: PrometheusBounds([0.001, 1e-7 + 1, 20]), counts: [1, 0, 2, 4], sum: 1e20)
        let red = try Self.metrics().snapshot().exposition(.prometheusText)
        let text = writer.takeBytes() + red
        #expect(try promtool(text) == "")
        #expect(text.last == UInt8(ascii: "\n"))
        // The check would find what is wrong.
        #expect(try promtool(Array("# TYPE a counter\na 1\na 2\n".utf8)) != "")
    }

    @Test func openMetricsHasExemplarsUnitsAndAnEnd() throws {
        let text = String(decoding: try Self.metrics().snapshot().exposition(.openMetrics), as: UTF8.self)
        #expect(text.hasSuffix("# EOF\n"))
        #expect(text.contains("# TYPE traces_span_metrics_calls counter\n"))
        #expect(text.contains("# UNIT traces_span_metrics_duration_milliseconds milliseconds\n"))
        let trace = TraceID(high: 1, low: 1).hex
        #expect(
            text.contains(
                ",le=\"8.0\"} 1 # {trace_id=\"\(trace)\",span_id=\"00000000000000ab\"} 7.5 1700000000.009\n"))
        #expect(text.contains("le=\"6.0\"} 0\n"))
        #expect(text.contains("quo_te=\"a\\\"b\\\\c\\nd\""))
    }

    /// Prometheus refuses an exemplar of a series that comes before the one it has, by time and then by value.
    @Test(arguments: [nil, 160, 3])
    func exemplarsOfASeriesNeverBecomeOlder(_ exponentialBucketsMax: Int?) throws {
        var configuration = SpanMetricsConfiguration()
        configuration.areExemplarsEnabled = true
        configuration.exponentialBucketsMax = exponentialBucketsMax
        configuration.namingProfiles = [.otel, .tempo]
        let metrics = try REDMetrics(configuration)
        var random = SeededGenerator(seed: 7)
        var known: [Substring: (time: Double, value: Double)] = [:]
        var count = 0
        for position in 1...300 as ClosedRange<UInt64> {
            // Spans end in another order than they arrive, and clocks are set.
            let late = UInt64.random(in: 0...4, using: &random) * 700_000
            let received = 1_700_000_000_000_000_000 + position / 3 * 1_500_000 - late
            let spans = (0..<3).map { index in
                SpanFixture("x", id: position * 10 + index).with {
                    $0.end = received - UInt64.random(in: 0...5_000_000_000, using: &random)
                    $0.start = $0.end - UInt64.random(in: 0...120_000_000, using: &random)
                }
            }
            metrics.record(try .of(spans, position: position, receivedAt: received))
            let text = String(decoding: metrics.snapshot().exposition(.openMetrics), as: UTF8.self)
            for line in text.split(separator: "\n") {
                guard let mark = line.firstRange(of: " # {"), let space = line[..<mark.lowerBound].lastIndex(of: " ")
                else { continue }
                let words = line[mark.upperBound...].split(separator: " ")
                let new = (time: try #require(Double(words[2])), value: try #require(Double(words[1])))
                if let old = known.updateValue(new, forKey: line[..<space]) {
                    #expect((old.time, old.value) <= (new.time, new.value), "\(line[..<space]) at \(position)")
                }
                count += 1
            }
        }
        #expect(count > 1_000)
    }

    @Test func everyOpenMetricsSampleBelongsToTheFamilyBeforeIt() throws {
        let text = String(decoding: try Self.metrics().snapshot().exposition(.openMetrics), as: UTF8.self)
        var family = ""
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("#") {
                if words[1] == "EOF" { continue }
                #expect(["HELP", "TYPE", "UNIT"].contains(words[1]))
                family = String(words[2])
            } else {
                #expect(line.hasPrefix(family))
            }
        }
    }

    @Test func partsOfAnAnswerAreTheWholeAnswer() throws {
        let snapshot = try Self.metrics().snapshot()
        for format in [ExpositionFormat.prometheusText, .openMetrics] {
            var parts: [[UInt8]] = []
            var writer = PrometheusTextWriter(format: format, chunkBytes: 100) { parts.append($0) }
            snapshot.write(to: &writer)
            writer.finish()
            #expect(parts.count > 3)
            #expect(Array(parts.joined()) == snapshot.exposition(format))
        }
    }

    @Test(
        arguments: [
            (nil, ExpositionFormat.prometheusText), ("*/*", .prometheusText), ("text/plain", .prometheusText),
            ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", .openMetrics),
            ("application/openmetrics-text;version=2.0.0", .prometheusText),
            ("application/openmetrics-text;q=0", .prometheusText),
            ("text/plain;q=0.9,application/openmetrics-text;q=0.3", .prometheusText),
        ] as [(String?, ExpositionFormat)])
    func negotiation(_ accept: String?, _ format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: accept) == format)
    }

    @Test(arguments: [("http.method", "http_method"), ("2x", "key_2x"), ("_x", "key_x"), ("__x", "__x"), ("é", "key_")])
    func labelNames(_ name: String, _ expected: String) {
        #expect(PrometheusName.label(name) == expected)
    }

    @Test(arguments: [("traces.span.metrics.calls", "traces_span_metrics_calls"), ("a..b", "a_b"), ("9x", "_9x")])
    func metricNames(_ name: String, _ expected: String) {
        #expect(PrometheusName.metric(name) == expected)
    }

    @Test(
        arguments: [
            ("a.duration", "ms", MetricType.histogram, "a_duration_milliseconds"),
            ("a.calls", "", .counter, "a_calls"), ("a.calls.total", "", .counter, "a_calls"),
            ("a.usage", "{token}", .histogram, "a_usage"), ("a.size", "By", .counter, "a_size_bytes"),
            ("a.share", "1", .gauge, "a_share_ratio"), ("a.count", "1", .counter, "a_count"),
            ("a.rate", "By/s", .gauge, "a_rate_bytes_per_second"),
            ("a.rate", "{span}/min", .gauge, "a_rate_per_minute"),
            ("a_wait_seconds", "seconds", .histogram, "a_wait_seconds"), ("a.seconds", "s", .gauge, "a_seconds"),
        ])
    func familyNames(_ name: String, _ unit: String, _ type: MetricType, _ expected: String) {
        #expect(MetricFamily(name, type: type, help: "", unit: unit).prometheusName == expected)
    }

    @Test func labelsGiveBackWhatTheyWereMadeOf() {
        let pairs = [("a", ""), ("b", "x"), ("c", "\"\\n\n,=\"é\\"), ("d", "\\"), ("e", "y")]
        let labels = PrometheusLabels(pairs.map { (name: $0.0, value: $0.1) })
        #expect(labels.pairs.map(\.name) == pairs.map(\.0))
        #expect(labels.pairs.map(\.value) == pairs.map(\.1))
        #expect(PrometheusLabels.none.pairs.isEmpty)
    }

    @Test func keysOfLabelsAreOpenTelemetrys() {
        let keys = MetricLabelKeys.standard.adding(["http.method", "2x"])
        #expect(
            ["service_name", "http_method", "key_2x", "user"].map(keys.key) == [
                "service.name", "http.method", "2x", "user",
            ])
    }

    /// What `promtool check metrics` complains about, its advice on names left out.
    private func promtool(_ text: [UInt8]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/promtool")
        process.arguments = ["check", "metrics"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardError = output
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(text))
        try input.fileHandleForWriting.close()
        let answer = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let advice = "traces_span_metrics_duration_milliseconds use base unit \"seconds\" instead of \"milliseconds\""
        return answer.split(separator: "\n").filter { $0 != advice }.joined(separator: "\n")
    }
}
