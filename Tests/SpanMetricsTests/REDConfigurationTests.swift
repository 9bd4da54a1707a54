import Foundation
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// What the configuration does to the series.
@Suite struct REDConfigurationTests {
    private static let second: UInt64 = 1_000_000_000

    private static func samples(_ metrics: REDMetrics, now: UInt64 = 0) -> Samples {
        Samples(metrics.snapshot(now: now).exposition(.prometheusText))
    }

    private static func metrics(_ change: (inout SpanMetricsConfiguration) -> Void) throws -> REDMetrics {
        var configuration = SpanMetricsConfiguration()
        change(&configuration)
        return try REDMetrics(configuration)
    }

    // MARK: names

    private static let spans = [
        SpanFixture("get").with { ($0.start, $0.end) = (0, 3_000_000) },
        SpanFixture("get").with { ($0.start, $0.end) = (0, 40_000_000_000) },
        SpanFixture("get").with { ($0.start, $0.end, $0.traceState) = (0, 16_384_000_000, "ot=th:8") },
    ]
    private static let rest = "span_name=\"get\",span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_UNSET\""

    @Test func everyProfileHasItsNames() throws {
        let metrics = try Self.metrics { $0.namingProfiles = NamingProfile.allCases }
        let batch = try StoredBatch.of(Self.spans, position: 1)
        metrics.record(batch)
        let samples = Self.samples(metrics)
        let labels = "service_name=\"shop\"," + Self.rest
        for calls in ["traces_span_metrics_calls_total", "traces_span_metrics_calls", "calls_total"] {
            #expect(samples["\(calls){\(labels)}"] == 4)
        }
        for duration in [
            "traces_span_metrics_duration_milliseconds", "traces_span_metrics_duration", "duration_milliseconds",
        ] {
            #expect(samples["\(duration)_bucket{\(labels),le=\"4\"}"] == 1)
            #expect(samples["\(duration)_count{\(labels)}"] == 4)
            #expect(samples["\(duration)_sum{\(labels)}"] == 72_771)
        }
        let tempo = "service=\"shop\"," + Self.rest
        #expect(samples["traces_spanmetrics_calls_total{\(tempo)}"] == 4)
        #expect(samples["traces_spanmetrics_latency_bucket{\(tempo),le=\"0.002\"}"] == 0)
        #expect(samples["traces_spanmetrics_latency_bucket{\(tempo),le=\"0.004\"}"] == 1)
        #expect(samples["traces_spanmetrics_latency_bucket{\(tempo),le=\"16.384\"}"] == 3)
        #expect(samples["traces_spanmetrics_latency_bucket{\(tempo),le=\"+Inf\"}"] == 4)
        #expect(samples["traces_spanmetrics_latency_sum{\(tempo)}"] == 72.771)
        let bytes = batch.batch.spans.reduce(0) { $0 + Int($1.raw.count) }
        #expect(samples["traces_spanmetrics_size_total{\(tempo)}"] == Double(bytes))
    }

    /// The rules of OpenMetrics: no two families of one name, and a counter's samples end in `_total`.
    @Test func openMetricsStaysValidWithAllProfiles() throws {
        let metrics = try Self.metrics {
            $0.namingProfiles = NamingProfile.allCases
            $0.areExemplarsEnabled = true
        }
        metrics.record(try .of(Self.spans, position: 1, receivedAt: 5_123_000_000))
        let text = String(decoding: metrics.snapshot().exposition(.openMetrics), as: UTF8.self)
        var types: [Substring: Substring] = [:]
        var sampleNames: Set<Substring> = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE") {
                #expect(types.updateValue(words[3], forKey: words[2]) == nil, "\(line)")
            } else if !line.hasPrefix("#") {
                sampleNames.insert(line.prefix { $0 != "{" })
            }
        }
        for (name, type) in types where type == "counter" {
            #expect(sampleNames.contains(name + "_total"))
            #expect(!types.keys.contains(name + "_total") && !sampleNames.contains(name))
        }
        #expect(types["traces_span_metrics_calls"] == "unknown")
        #expect(types["traces_span_metrics_calls_total"] == "unknown")
        #expect(types["traces_spanmetrics_calls"] == "counter")
        #expect(text.contains("traces_spanmetrics_latency_bucket"))
        // The exemplar of Tempo's bucket is in seconds and lies in it.
        #expect(text.contains(",le=\"0.004\"} 1 # {") && text.contains("\"} 0.003 5.123\n"))
    }

    @Test func namesThatMeetAreRefused() {
        func error(_ change: (inout SpanMetricsConfiguration) -> Void) -> String? {
            var configuration = SpanMetricsConfiguration()
            change(&configuration)
            do throws(SpanMetricsConfigurationError) { try configuration.validate() } catch {
                return "\(error.key): \(error)"
            }
            return nil
        }
        #expect(error { $0.namingProfiles = [] }?.hasPrefix("naming_profiles: the list is empty") == true)
        #expect(
            error { ($0.namingProfiles, $0.namespace) = ([.otel, .legacy], "") }?.contains("both give the name")
                == true)
        #expect(error { $0.namingProfiles = [.otel, .otel] }?.contains("expected each profile once") == true)
        #expect(
            error { ($0.namingProfiles, $0.namespace) = ([.otel, .tempo], "traces.spanmetrics") }?.contains(
                "'traces_spanmetrics_calls_total'") == true)
        #expect(
            error {
                $0.namingProfiles = [.tempo]
                $0.dimensions = [.init(name: "service")]
            } == "dimensions: 'service' is a label already, expected one that is none yet")
        #expect(error { $0.areEventsEnabled = true }?.hasPrefix("events.dimensions: the list is empty") == true)
        #expect(
            error { $0.eventDimensions = [.init(name: "event.name")] }?.hasPrefix("events.dimensions: has no effect")
                == true)
        #expect(
            error { $0.callsDimensions = [.init(name: "a.b"), .init(name: "a_b")] }?.hasPrefix(
                "calls_dimensions: 'a_b'")
                == true)
    }

    // MARK: labels

    @Test func namesOfOthersAreRefused() {
        #expect(throws: SpanMetricsConfigurationError.reservedLabel("__name__", key: "dimensions")) {
            try Self.metrics { $0.dimensions = [.init(name: "__name__", default: nil)] }
        }
        for namespace in ["gen_ai.client", "traces.service.graph.request"] {
            #expect(throws: SpanMetricsConfigurationError.takenNamespace(namespace)) {
                try Self.metrics { $0.namespace = namespace }
            }
        }
    }

    @Test func aLongNameIsCutBetweenCharacters() throws {
        let metrics = try Self.metrics { _ in }
        let name = "x" + String(repeating: "é", count: 300)
        metrics.record(try .of([SpanFixture(name), SpanFixture(name + "and more")], position: 1))
        let labels =
            "service_name=\"shop\","
            + Self.rest
            .replacing("\"get\"", with: "\"x" + String(repeating: "é", count: 255) + "\"")
        #expect(Self.samples(metrics)["traces_span_metrics_calls_total{\(labels)}"] == 2)
    }

    @Test func whatOverflowsAnywhereIsCounted() throws {
        let metrics = try Self.metrics {
            $0.aggregationCardinalityLimit = 3
            $0.histogramDimensions = [.init(name: "user.id", default: nil)]
        }
        let spans = (0..<10).map { number in
            SpanFixture("get").with { $0.attributes = [KeyValue("user.id", .string("u\(number)"))] }
        }
        metrics.record(try .of(spans, position: 1))
        #expect(metrics.statistics.spansOverflowed == 7)
    }

    @Test func withoutAHistogramTempoHasNoneEither() throws {
        let metrics = try Self.metrics {
            $0.namingProfiles = [.tempo]
            $0.isHistogramEnabled = false
        }
        metrics.record(try .of(Self.spans, position: 1))
        let text = String(decoding: metrics.snapshot().exposition(.prometheusText), as: UTF8.self)
        #expect(text.contains("traces_spanmetrics_calls_total{") && !text.contains("traces_spanmetrics_latency"))
    }

    @Test func callsAndDurationsMayHaveLabelsOfTheirOwn() throws {
        let metrics = try Self.metrics {
            $0.excludeDimensions = [.spanKind, .statusCode, .spanName]
            $0.dimensions = [.init(name: "a")]
            $0.callsDimensions = [.init(name: "b", default: "none")]
            $0.histogramDimensions = [.init(name: "c")]
        }
        let spans = ["1", "2"].flatMap { b in
            ["x", "y", "z"].map { c in
                SpanFixture("get").with {
                    $0.attributes = [
                        KeyValue("a", .string("A")), KeyValue("c", .string(c)), KeyValue("b", .string(b)),
                    ]
                }
            }
        }
        metrics.record(try .of(spans + [SpanFixture("put")], position: 1))
        let samples = Self.samples(metrics)
        #expect(samples["traces_span_metrics_calls_total{service_name=\"shop\",a=\"A\",b=\"1\"}"] == 3)
        #expect(samples["traces_span_metrics_calls_total{service_name=\"shop\",b=\"none\"}"] == 1)
        let count = "traces_span_metrics_duration_milliseconds_count"
        #expect(samples["\(count){service_name=\"shop\",a=\"A\",c=\"y\"}"] == 2)
        #expect(samples["\(count){service_name=\"shop\"}"] == 1)
        #expect(metrics.statistics.series == 3 + 4)
    }

    @Test func eventsAreCountedByTheirDimensions() throws {
        let metrics = try Self.metrics {
            $0.areEventsEnabled = true
            $0.excludeDimensions = [.spanKind, .statusCode]
            $0.eventDimensions = [.init(name: "event.name"), .init(name: "exception.type")]
        }
        let span = SpanFixture("get").with {
            $0.traceState = "ot=th:8"
            $0.events = [
                .init("exception", attributes: [KeyValue("exception.type", .string("Timeout"))]),
                .init("exception", attributes: [KeyValue("exception.type", .string("Timeout"))]), .init("log"),
            ]
        }
        metrics.record(try .of([span, SpanFixture("put")], position: 1))
        let samples = Self.samples(metrics)
        let name = "traces_span_metrics_events_total{service_name=\"shop\",span_name=\"get\",event_name="
        #expect(samples[name + "\"exception\",exception_type=\"Timeout\"}"] == 4)
        #expect(samples[name + "\"log\"}"] == 2)
        #expect(samples.values.keys.count { $0.hasPrefix("traces_span_metrics_events") } == 2)
    }

    @Test func listedInstrumentationScopesAreLabels() throws {
        let metrics = try Self.metrics { $0.instrumentationScopes = ["agents"] }
        let spans = ["agents", "http"].map { scope in SpanFixture("get").with { $0.scope = scope } }
        metrics.record(try .of(spans, position: 1))
        let samples = Self.samples(metrics)
        let labels = "{service_name=\"shop\"," + Self.rest
        let name = "traces_span_metrics_calls_total"
        #expect(samples["\(name)\(labels),span_instrumentation_scope_name=\"agents\"}"] == 1)
        #expect(samples["\(name)\(labels)}"] == 1)
    }

    @Test func keysOfTheResourceAreLabelsOfAllMetrics() throws {
        func made(_ keys: [String]) throws -> REDMetrics {
            try Self.metrics {
                $0.resourceKeys = keys
                $0.excludeDimensions = [.spanKind, .statusCode]
                $0.histogramDimensions = [.init(name: "c")]
                $0.areEventsEnabled = true
                $0.eventDimensions = [.init(name: "event.name")]
            }
        }
        let metrics = try made(["host.name", "process.pid"])
        // What a span says itself is not what its resource says.
        let spans: [SpanFixture] = [("a", 1), ("b", 1), ("a", 2)].map { host, pid in
            SpanFixture("get").with {
                $0.resource += [KeyValue("host.name", .string(host)), KeyValue("process.pid", .int(Int64(pid)))]
                $0.attributes = [KeyValue("host.name", .string("other")), KeyValue("c", .string("C"))]
                $0.events = [.init("e")]
            }
        }
        metrics.record(try .of(spans + spans + [SpanFixture("get")], position: 1))
        let samples = Self.samples(metrics)
        let labels = "{service_name=\"shop\",span_name=\"get\""
        for (host, pid) in [("a", 1), ("b", 1), ("a", 2)] {
            let own = labels + ",host_name=\"\(host)\",process_pid=\"\(pid)\""
            #expect(samples["traces_span_metrics_calls_total\(own)}"] == 2)
            #expect(samples["traces_span_metrics_duration_milliseconds_count\(own),c=\"C\"}"] == 2)
            #expect(samples["traces_span_metrics_events_total\(own),event_name=\"e\"}"] == 2)
        }
        #expect(samples["traces_span_metrics_calls_total\(labels)}"] == 1)
        let again = try made(["host.name", "process.pid"])
        #expect(try again.restore(metrics.checkpointSection()) == .restored)
        #expect(again.snapshot().exposition(.openMetrics) == metrics.snapshot().exposition(.openMetrics))
        #expect(try made(["host.name"]).restore(metrics.checkpointSection()) != .restored)
    }

    // MARK: expiry

    @Test func seriesThatGetNoSpansAreGoneAndBeginAgain() throws {
        func played(_ times: [(String, UInt64)]) throws -> REDMetrics {
            let metrics = try Self.metrics { $0.expirationNanoseconds = 60 * Self.second }
            for (index, (name, time)) in times.enumerated() {
                metrics.record(
                    try .of([SpanFixture(name)], position: UInt64(index) + 1, receivedAt: time * Self.second))
            }
            return metrics
        }
        func calls(_ metrics: REDMetrics, _ name: String, now: UInt64 = 0) -> Double? {
            let labels = Self.rest.replacing("get", with: name)
            return Self.samples(metrics, now: now * Self.second)[
                "traces_span_metrics_calls_total{service_name=\"shop\",\(labels)}"]
        }
        let metrics = try played([("a", 1000), ("a", 1030), ("b", 1031)])
        #expect(calls(metrics, "a") == 2)
        #expect(calls(metrics, "a", now: 1089) == 2)
        #expect(calls(metrics, "a", now: 1090) == nil)
        #expect(calls(metrics, "b", now: 1090) == 1)
        // By the times of other spans, too, and the memory is given back.
        let later = try played([("a", 1000), ("b", 1031), ("b", 1080), ("b", 1125)])
        #expect(calls(later, "a") == nil)
        #expect(calls(later, "b") == 3)
        #expect(later.statistics.series == 1)
        // It begins at zero whether or not it was given up meanwhile.
        #expect(calls(try played([("a", 1000), ("a", 1061)]), "a") == 1)
        #expect(calls(try played([("a", 1000), ("b", 1200), ("a", 1201)]), "a") == 1)
        #expect(calls(try played([("a", 1000), ("a", 1059)]), "a") == 2)
    }

    // MARK: checkpoint

    @Test(arguments: [nil, 160]) func everyTableSurvivesARestart(exponential: Int?) throws {
        func made() throws -> REDMetrics {
            try Self.metrics {
                $0.namingProfiles = NamingProfile.allCases
                $0.exponentialBucketsMax = exponential
                $0.callsDimensions = [.init(name: "b")]
                $0.areEventsEnabled = true
                $0.eventDimensions = [.init(name: "event.name")]
                $0.aggregationCardinalityLimit = 5
                $0.expirationNanoseconds = 1000 * Self.second
            }
        }
        func batch(_ position: UInt64) throws -> StoredBatch {
            let spans = (0..<8).map { index in
                SpanFixture("op \(index)").with {
                    ($0.start, $0.end) = (0, position * 1_000_003 * UInt64(index + 1))
                    $0.events = [.init("e")]
                }
            }
            return try .of(spans, position: position, receivedAt: (100 + position) * Self.second)
        }
        let whole = try made()
        let first = try made()
        for position in 1...6 as ClosedRange<UInt64> {
            whole.record(try batch(position))
            if position <= 3 { first.record(try batch(position)) }
        }
        let second = try made()
        #expect(try second.restore(first.checkpointSection()) == .restored)
        #expect(second.checkpointSection() == first.checkpointSection())
        for position in 1...6 as ClosedRange<UInt64> { second.record(try batch(position)) }
        #expect(second.snapshot().exposition(.prometheusText) == whole.snapshot().exposition(.prometheusText))
        #expect(second.snapshot().startTime == 101 * Self.second)
        // Cut anywhere, a section is refused and changes nothing.
        var section = first.checkpointSection()
        while section.payload.popLast() != nil {
            #expect(throws: CheckpointError.self) { try second.restore(section) }
        }
        #expect(second.snapshot().exposition(.prometheusText) == whole.snapshot().exposition(.prometheusText))
    }

    @Test func aProfileThatIsSwitchedOnLeavesTheCountersAlone() throws {
        let before = try REDMetrics()
        before.record(try .of(Self.spans, position: 1))
        let after = try Self.metrics { $0.namingProfiles = [.otel, .tempo] }
        #expect(try after.restore(before.checkpointSection()) == .restored)
        after.record(try .of(Self.spans, position: 2))
        let samples = Self.samples(after)
        #expect(samples["traces_span_metrics_calls_total{service_name=\"shop\",\(Self.rest)}"] == 8)
        #expect(samples["traces_spanmetrics_latency_count{service=\"shop\",\(Self.rest)}"] == 4)
        let back = try REDMetrics()
        #expect(try back.restore(after.checkpointSection()) == .restored)
        #expect(Self.samples(back)["traces_span_metrics_calls_total{service_name=\"shop\",\(Self.rest)}"] == 8)
    }

    // MARK: cardinality

    /// Bytes of the process that are in memory.
    private static func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return try #require(Int(pages)) * 4096
    }

    /// A million spans that would make 50,000 series, where 20,000 are allowed.
    @Test func aMillionSpansOfFiftyThousandSeriesKeepTheLimit() throws {
        let rounds = 20
        let batches = try (0..<50).map { batch in
            try SpanBatch.of(
                (0..<1000).map { index in
                    SpanFixture("operation \(batch * 1000 + index)").with {
                        ($0.start, $0.end) = (0, UInt64(index) * 7_000_000)
                    }
                })
        }
        let before = try Self.residentBytes()
        let metrics = try REDMetrics()
        var position: UInt64 = 0
        var afterFirstRound = 0
        for _ in 0..<rounds {
            for batch in batches {
                position += 1
                metrics.record(StoredBatch(batch: batch, position: JournalPosition(position), receivedAt: position))
            }
            if afterFirstRound == 0 { afterFirstRound = try Self.residentBytes() }
        }
        // Other tests of the process may allocate some of it.
        #expect(afterFirstRound - before < 64 << 20)
        #expect(try Self.residentBytes() - afterFirstRound < 16 << 20)
        #expect(metrics.statistics.spans == 1_000_000)
        #expect(metrics.statistics.series == 20_001)
        #expect(metrics.statistics.spansOverflowed == 600_000)
        var calls = 0.0
        var counts = 0.0
        var series = 0
        let samples = Self.samples(metrics)
        for (name, value) in samples.values {
            if name.hasPrefix("traces_span_metrics_calls_total{s") {
                #expect(value == Double(rounds))
                series += 1
                calls += value
            } else if name.hasPrefix("traces_span_metrics_duration_milliseconds_count{") {
                counts += value
            }
        }
        let overflow = try #require(samples["traces_span_metrics_calls_total{otel_metric_overflow=\"true\"}"])
        #expect(overflow == 600_000)
        #expect(series == 20_000)
        #expect(calls + overflow == 1_000_000)
        #expect(counts == 1_000_000)
    }
}
