import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct REDMetricsTests {
    @Test func countsAndBucketsEqualAnIndependentCount() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("REDMetricsTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let metrics = try REDMetrics()
        var expectedCalls: [String: UInt64] = [:]
        var expectedBuckets: [String: UInt64] = [:]
        var expectedSums: [String: Double] = [:]
        let kinds = ["SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT"]
        let statuses = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]
        let boundsMs: [Double] = [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000]
        for position in 1...20 as ClosedRange<UInt64> {
            var spans: [SpanFixture] = []
            for _ in 0..<100 {
                let service = ["a", "b"].randomElement(using: &random)!
                let name = ["get", "put", "résumé", "quo\"te\\\n"].randomElement(using: &random)!
                let kind = Int.random(in: 0..<3, using: &random)
                let status = Int.random(in: 0..<3, using: &random)
                // Whole milliseconds hit the bounds exactly now and then.
                let ms =
                    Bool.random(using: &random)
                    ? boundsMs.randomElement(using: &random)! : 0.5 * Double(Int.random(in: 0..<40_000, using: &random))
                spans.append(
                    SpanFixture(name, service: service).with {
                        $0.kind = Int32(kind + 1)
                        $0.status = Int32(status)
                        $0.end = $0.start + UInt64(ms * 1e6)
                    })
                let shown = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
                    "\n", with: "\\n")
                let labels =
                    "service_name=\"\(service)\",span_name=\"\(shown)\",span_kind=\"\(kinds[kind])\",status_code=\"\(statuses[status])\""
                expectedCalls[labels, default: 0] += 1
                expectedSums[labels, default: 0] += ms
                for bound in boundsMs where ms <= bound {
                    expectedBuckets["\(labels),le=\"\(Int(bound))\"", default: 0] += 1
                }
                expectedBuckets["\(labels),le=\"+Inf\"", default: 0] += 1
            }
            metrics.record(try .of(spans, position: position))
        }
        let samples = Samples(metrics.snapshot().exposition(.prometheusText))
        for (labels, count) in expectedCalls {
            #expect(samples["traces_span_metrics_calls_total{\(labels)}"] == Double(count))
            #expect(samples["traces_span_metrics_duration_milliseconds_count{\(labels)}"] == Double(count))
            let sum = try #require(samples["traces_span_metrics_duration_milliseconds_sum{\(labels)}"])
            #expect(abs(sum - (expectedSums[labels] ?? 0)) < 1e-6)
        }
        for (labels, count) in expectedBuckets {
            #expect(samples["traces_span_metrics_duration_milliseconds_bucket{\(labels)}"] == Double(count))
        }
        #expect(samples.values.count == expectedCalls.count * (1 + 17 + 2))
        #expect(metrics.statistics.spans == 2000)
        #expect(metrics.statistics.series == expectedCalls.count)
    }

    @Test func aBatchThatWasCountedIsPassedOver() throws {
        let metrics = try REDMetrics()
        let batch = try StoredBatch.of([SpanFixture("get")], position: 7)
        metrics.record(batch)
        metrics.record(batch)
        metrics.record(try .of([SpanFixture("get")], position: 3))
        #expect(metrics.statistics.spans == 1)
        #expect(metrics.statistics.batchesReplayed == 2)
        #expect(metrics.position == JournalPosition(7))
    }

    @Test func aResourceWithoutServiceNameIsSkippedAndCounted() throws {
        let metrics = try REDMetrics()
        let other = SpanFixture("x", service: nil).with { $0.resource = [KeyValue("service.name", .int(3))] }
        metrics.record(try .of([SpanFixture("get", service: nil), other, SpanFixture("put")], position: 1))
        #expect(metrics.statistics.spans == 1)
        #expect(metrics.statistics.spansWithoutService == 2)
    }

    @Test func spansOverTheCardinalityLimitShareOneSeries() throws {
        var configuration = SpanMetricsConfiguration()
        configuration.aggregationCardinalityLimit = 3
        let metrics = try REDMetrics(configuration)
        let spans = (0..<10).map { SpanFixture("op\($0)") }
        metrics.record(try .of(spans + spans, position: 1))
        let samples = Samples(metrics.snapshot().exposition(.prometheusText))
        #expect(samples["traces_span_metrics_calls_total{otel_metric_overflow=\"true\"}"] == 14)
        #expect(metrics.statistics.spansOverflowed == 14)
        #expect(metrics.statistics.series == 4)
        let total = samples.values.filter { $0.key.hasPrefix("traces_span_metrics_calls_total") }.reduce(0) {
            $0 + $1.value
        }
        #expect(total == 20)
    }

    @Test func dimensionsComeFromSpanThenResourceThenDefault() throws {
        var configuration = SpanMetricsConfiguration()
        configuration.dimensions = [.init(name: "http.method"), .init(name: "2region", default: "none")]
        configuration.excludeDimensions = [.spanName, .spanKind, .statusCode]
        let metrics = try REDMetrics(configuration)
        let resource = [KeyValue("service.name", .string("s")), KeyValue("2region", .string("eu"))]
        metrics.record(
            try .of(
                [
                    SpanFixture("a", service: "s").with { $0.attributes = [KeyValue("http.method", .string("GET"))] },
                    SpanFixture("b", service: "s").with { $0.attributes = [KeyValue("2region", .int(5))] },
                    SpanFixture("c").with {
                        $0.resource = resource
                        // An empty value and none are the same to Prometheus, so they are one series.
                        $0.attributes = [KeyValue("http.method", .string(""))]
                    },
                    SpanFixture("d").with { $0.resource = resource },
                ], position: 1))
        let samples = Samples(metrics.snapshot().exposition(.prometheusText))
        let name = "traces_span_metrics_calls_total"
        #expect(samples["\(name){service_name=\"s\",http_method=\"GET\",key_2region=\"none\"}"] == 1)
        #expect(samples["\(name){service_name=\"s\",key_2region=\"5\"}"] == 1)
        #expect(samples["\(name){service_name=\"s\",key_2region=\"eu\"}"] == 2)
    }

    @Test func namesThatAreNoUTF8AreOneSeriesWithTheirReplacement() throws {
        let metrics = try REDMetrics()
        let broken = SpanFixture("").with { $0.name = [0x61, 0xFF] }
        let other = SpanFixture("").with { $0.name = [0x61, 0xFE] }
        metrics.record(try .of([broken, other, SpanFixture("a\u{FFFD}")], position: 1))
        #expect(metrics.statistics.series == 1)
    }

    @Test func unknownKindsAndStatusesHaveEmptyLabels() throws {
        let metrics = try REDMetrics()
        let spans = [Int32(9), -1, 6].map { kind in SpanFixture("x").with { ($0.kind, $0.status) = (kind, kind) } }
        metrics.record(try .of(spans, position: 1))
        let samples = Samples(metrics.snapshot().exposition(.prometheusText))
        let labels = "service_name=\"shop\",span_name=\"x\",span_kind=\"\",status_code=\"\""
        #expect(samples["traces_span_metrics_calls_total{\(labels)}"] == 3)
    }

    @Test func endBeforeStartIsDurationZero() throws {
        let metrics = try REDMetrics()
        metrics.record(try .of([SpanFixture("x").with { ($0.start, $0.end) = (50_000_000_000, 3) }], position: 1))
        let text = String(decoding: metrics.snapshot().exposition(.prometheusText), as: UTF8.self)
        #expect(text.contains("le=\"2\"} 1\n"))
    }

    @Test func sampledSpansCountAsTheirAdjustedCountAndTheSameAgain() throws {
        func total() throws -> Double {
            let metrics = try REDMetrics()
            // th:c keeps one in four; th:5 keeps 11/16, which is 1.4545 a span.
            let quarter = (1...10).map { id in SpanFixture("x", id: id).with { $0.traceState = "a=b,ot=rv:1;th:c" } }
            let uneven = (1...4000).map { id in
                SpanFixture("y", id: id).with {
                    $0.traceID = TraceID(high: id, low: 77 * id)
                    $0.traceState = "ot=th:5"
                }
            }
            metrics.record(try .of(quarter + uneven, position: 1))
            let samples = Samples(metrics.snapshot().exposition(.prometheusText))
            let base = "traces_span_metrics_calls_total{service_name=\"shop\",span_name="
            let rest = ",span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_UNSET\"}"
            #expect(samples[base + "\"x\"" + rest] == 40)
            return try #require(samples[base + "\"y\"" + rest])
        }
        let first = try total()
        #expect(abs(first / 4000 - 16.0 / 11.0) < 0.04)
        #expect(try total() == first)
    }

    @Test(arguments: [
        ("", 1.0), ("ot=th:0", 1.0), ("ot=th:8", 2.0), ("ot=rv:ab;th:c", 4.0), ("x=1, ot=th:c ", 4.0),
        ("ot=th:C", 4.0), ("ot=th:8 0", 1.0),
        ("ot=th:zz", 1.0), ("ot=th:123456789abcdef", 1.0), ("ot=th:", 1.0), ("oth:8", 1.0),
        ("ot=th:ffffffffffffff", 0x1p56),
    ])
    func weightsOfTraceStates(_ traceState: String, _ weight: Double) {
        #expect(TraceStateWeight.adjustedCount(Array(traceState.utf8)) == weight)
    }

    @Test func theLargestThresholdCountsWithoutOverflow() throws {
        let metrics = try REDMetrics()
        let span = SpanFixture("x").with { ($0.traceState, $0.end) = ("ot=th:ffffffffffffff", .max) }
        // 2^56 a span: 300 of them are more than 64 bits hold, and the counter stays where it is then.
        metrics.record(try .of(Array(repeating: span, count: 300), position: 1))
        let text = String(decoding: metrics.snapshot().exposition(.prometheusText), as: UTF8.self)
        #expect(text.contains("} 18446744073709551615\n"))
    }

    @Test func aConfigurationWithTwoEqualLabelsIsRefused() {
        var configuration = SpanMetricsConfiguration()
        configuration.dimensions = [.init(name: "http.method"), .init(name: "http_method")]
        #expect(throws: SpanMetricsConfigurationError.duplicateDimension("http_method", key: "dimensions")) {
            try REDMetrics(configuration)
        }
        configuration.dimensions = [.init(name: "span.kind")]
        #expect(throws: SpanMetricsConfigurationError.duplicateDimension("span.kind", key: "dimensions")) {
            try REDMetrics(configuration)
        }
        configuration.dimensions = []
        configuration.bucketBoundsNanoseconds = [5, 5]
        #expect(throws: SpanMetricsConfigurationError.bucketsNotAscending(key: "histogram.explicit.buckets")) {
            try REDMetrics(configuration)
        }
    }
}

/// The samples of a text exposition by name and labels as written.
struct Samples {
    var values: [String: Double] = [:]

    init(_ exposition: [UInt8]) {
        for line in String(decoding: exposition, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            values[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
    }

    subscript(_ key: String) -> Double? { values[key] }
}
