import Alerting
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// Rules over spans that are counted and stored as by a collector.
@Suite struct AlertEvaluatorTests {
    private func evaluator(
        _ rules: [AlertRule], _ sources: AlertSources, groupsMax: Int = 500, fields: SpanFields = SpanFields()
    ) -> AlertEvaluator {
        var configuration = AlertsConfiguration()
        configuration.rules = rules
        configuration.groupsMax = groupsMax
        configuration.fields = fields
        return AlertEvaluator(configuration, sources)
    }

    private func measurements(_ results: [RuleResult], _ place: Int = 0) -> [AlertMeasurement] {
        guard case .measured(let all, _) = results[place].outcome else { return [] }
        return all.sorted { $0.group.text < $1.group.text }
    }

    @Test func errorRatesAreOfTheWindowAndOfEachGroup() throws {
        let world = try SpanWorld()
        var evaluator = evaluator([.above(0.1) { $0.groupings = ["service"] }], world.sources)
        try world.add(1_000, errors: 1_000, service: "a", at: someday)
        #expect(measurements(evaluator.evaluate(at: someday)).isEmpty, "one sample is no window")
        try world.add(80, errors: 20, service: "a", at: someday + minute)
        try world.add(50, errors: 1, service: "b", at: someday + minute)
        let found = measurements(evaluator.evaluate(at: someday + minute))
        #expect(found.map(\.group) == [["service": "a"], ["service": "b"]])
        #expect(found.map(\.value) == [0.25, 0.02])
        #expect(found.map(\.isMet) == [true, false])
        // Six minutes later all of it lies before the window.
        for step in 2...6 { _ = evaluator.evaluate(at: someday + UInt64(step) * minute) }
        try world.add(10, service: "a", at: someday + 7 * minute)
        #expect(measurements(evaluator.evaluate(at: someday + 7 * minute)).map(\.value) == [0])
    }

    @Test func matchersSelectAndRegularExpressionsDo() throws {
        let world = try SpanWorld()
        let rules: [AlertRule] = [
            .above(0) { $0.matchers = [try! .init(parsing: "service=a")] },
            .above(0, name: "B") { $0.matchers = [try! .init(parsing: #"operation=~"POST .*""#)] },
            .above(0, name: "C") { $0.matchers = [try! .init(parsing: "kind!=server")] },
        ]
        var evaluator = evaluator(rules, world.sources)
        _ = evaluator.evaluate(at: someday)
        try world.add(10, errors: 5, service: "a", name: "GET /", at: someday + minute)
        try world.add(10, errors: 1, service: "b", name: "POST /x", at: someday + minute)
        let results = evaluator.evaluate(at: someday + minute)
        #expect(measurements(results, 0).map(\.value) == [0.5])
        #expect(measurements(results, 1).map(\.value) == [0.1])
        #expect(measurements(results, 2).isEmpty, "the spans are of servers")
    }

    @Test func fewRequestsAreNoReason() throws {
        let world = try SpanWorld()
        var evaluator = evaluator([.above(0.1) { $0.minCount = 10 }], world.sources)
        _ = evaluator.evaluate(at: someday)
        try world.add(3, errors: 3, at: someday + minute)
        #expect(measurements(evaluator.evaluate(at: someday + minute)).isEmpty)
        try world.add(7, at: someday + 2 * minute)
        #expect(measurements(evaluator.evaluate(at: someday + 2 * minute)).map(\.value) == [0.3])
    }

    @Test func noTrafficIsSeenOnceTheWindowIsKnown() throws {
        let world = try SpanWorld()
        let rule = AlertRule(name: "NoTraffic", metric: .requestRate, condition: .threshold(.init(.below, 0.1)))
        var evaluator = evaluator([rule], world.sources)
        var met: [Bool] = []
        for step in 0...12 {
            if step == 6 { try world.add(300, at: someday + 6 * minute) }
            met.append(measurements(evaluator.evaluate(at: someday + UInt64(step) * minute)).first?.isMet ?? false)
        }
        // Known from the fifth minute on, busy for five minutes after the sixth.
        #expect(met == [false, false, false, false, false, true, false, false, false, false, false, true, true])
    }

    @Test func quantilesAreThoseOfPrometheus() throws {
        var configuration = SpanMetricsConfiguration()
        configuration.bucketBoundsNanoseconds = [10_000_000, 100_000_000, 1_000_000_000]
        let world = try SpanWorld(configuration)
        let rules: [AlertRule] = [.above(0.05, .latencyP50, name: "50"), .above(0.05, .latencyP95, name: "95")]
        var evaluator = evaluator(rules, world.sources)
        _ = evaluator.evaluate(at: someday)
        try world.add(60, milliseconds: 5, at: someday + minute)
        try world.add(30, milliseconds: 50, at: someday + minute)
        try world.add(10, milliseconds: 5_000, at: someday + minute)
        let results = evaluator.evaluate(at: someday + minute)
        // histogram_quantile(0.5) = 0.01 * 50 / 60; 0.95 lies above the last bound, which is what it gives.
        #expect(abs((measurements(results, 0).first?.value ?? 0) - 0.01 * 50 / 60) < 1e-12)
        #expect(measurements(results, 1).first?.value == 1)
        #expect(measurements(results, 1).first?.isMet == true)
    }

    @Test func aBaselineIsTheSameWindowBefore() throws {
        let world = try SpanWorld()
        var rule = AlertRule(
            name: "Slow", metric: .latencyP95, condition: .baseline(.init(.above, 2), offset: AlertClock.day))
        rule.groupings = ["service"]
        rule.minCount = 10
        var evaluator = evaluator([rule], world.sources)
        let then = someday + minute - AlertClock.day
        try world.add(100, service: "same", milliseconds: 300, at: then - minute)
        try world.add(100, service: "slower", milliseconds: 30, at: then - minute)
        try world.add(5, service: "rare", milliseconds: 30, at: then - minute)
        _ = evaluator.evaluate(at: someday)
        for service in ["same", "slower", "rare", "new"] {
            try world.add(100, service: service, milliseconds: 300, at: someday + minute)
        }
        let found = measurements(evaluator.evaluate(at: someday + minute))
        #expect(found.map { $0.group["service"] } == ["same", "slower"], "without a baseline there is nothing to say")
        #expect(found.map(\.isMet) == [false, true])
        #expect(found.first?.value == found.first?.baseline, "both are equally coarse")
    }

    /// What equals a bound is in the bucket below it, then as now.
    @Test(arguments: [10, 50, 200, 400, 800, 15_000] as [UInt64])
    func aBaselineCountsWhatLiesOnABoundAsTheMetricsDo(_ milliseconds: UInt64) throws {
        let world = try SpanWorld()
        let rules = [AlertMetric.latencyP50, .latencyP99].map { metric in
            AlertRule(
                name: metric.rawValue, metric: metric,
                condition: .baseline(.init(.above, 1.01), offset: AlertClock.day))
        }
        var evaluator = evaluator(rules, world.sources)
        try world.add(100, milliseconds: milliseconds, at: someday - AlertClock.day)
        _ = evaluator.evaluate(at: someday)
        try world.add(100, milliseconds: milliseconds, at: someday + minute)
        let results = evaluator.evaluate(at: someday + minute)
        for place in rules.indices {
            let found = try #require(measurements(results, place).first)
            #expect(found.value <= Double(milliseconds) / 1_000 && found.baseline == found.value)
        }
    }

    @Test func aBaselineOfZeroNeedsALeastValue() throws {
        let world = try SpanWorld()
        var rule = AlertRule(
            name: "Errors", metric: .errorRate, condition: .baseline(.init(.above, 2), offset: AlertClock.day))
        rule.minValue = 0.05
        var evaluator = evaluator([rule], world.sources)
        try world.add(100, at: someday - AlertClock.day)
        _ = evaluator.evaluate(at: someday)
        try world.add(100, errors: 1, at: someday + minute)
        #expect(measurements(evaluator.evaluate(at: someday + minute)).map(\.isMet) == [false])
        try world.add(100, errors: 20, at: someday + 2 * minute)
        #expect(measurements(evaluator.evaluate(at: someday + 2 * minute)).map(\.isMet) == [true])
    }

    @Test func groupsOverTheLimitAreCountedAndTheOthersStay() throws {
        let world = try SpanWorld()
        var evaluator = evaluator([.above(0) { $0.groupings = ["operation"] }], world.sources, groupsMax: 3)
        for index in 0..<3 { try world.add(10, errors: 1, name: "first \(index)", at: someday) }
        _ = evaluator.evaluate(at: someday)
        for index in 0..<3 { try world.add(10, errors: 1, name: "first \(index)", at: someday + minute) }
        for index in 0..<5 { try world.add(10, errors: 1, name: "later \(index)", at: someday + minute) }
        let results = evaluator.evaluate(at: someday + minute)
        #expect(measurements(results).map { $0.group["operation"] } == ["first 0", "first 1", "first 2"])
        #expect(results.first?.groupsOverLimit == 5)
    }

    @Test func dimensionsAreLabels() throws {
        var configuration = SpanMetricsConfiguration()
        configuration.dimensions = [.init(name: "http.route")]
        let world = try SpanWorld(configuration)
        var evaluator = evaluator(
            [.above(0.5) { $0.groupings = ["http_route"] }], world.sources,
            fields: SpanFields(dimensions: ["http_route": "http.route"]))
        _ = evaluator.evaluate(at: someday)
        let span = SpanFixture("GET").with {
            $0.attributes = [KeyValue("http.route", .string("/a \"b\"\\\n"))]
            $0.status = 2
        }
        try world.add([span], at: someday + minute)
        #expect(measurements(evaluator.evaluate(at: someday + minute)).map(\.group) == [["http_route": "/a \"b\"\\\n"]])
    }

    /// What a span itself says under the same key is another thing, also in the past.
    @Test func keysOfTheResourceAreLabels() throws {
        var configuration = SpanMetricsConfiguration()
        configuration.resourceKeys = ["host.name"]
        let world = try SpanWorld(configuration)
        var rule = AlertRule(
            name: "Errors", metric: .errorRate, condition: .baseline(.init(.above, 1), offset: AlertClock.day))
        rule.groupings = ["host_name"]
        let fields = SpanFields(resourceKeys: ["host_name": "host.name"])
        var evaluator = evaluator([rule], world.sources, fields: fields)
        func add(at time: UInt64) throws {
            let span = SpanFixture("GET").with {
                ($0.start, $0.end) = (time, time + 1_000)
                $0.resource += [KeyValue("host.name", .string("a"))]
                $0.attributes = [KeyValue("host.name", .string("b"))]
                $0.status = 2
            }
            try world.add([span], at: time)
        }
        try add(at: someday - AlertClock.day)
        _ = evaluator.evaluate(at: someday)
        try add(at: someday + minute)
        let found = try #require(measurements(evaluator.evaluate(at: someday + minute)).first)
        #expect(found.group == ["host_name": "a"] && found.baseline == 1)
        let alert = Alert(
            key: .init(rule: rule.name, group: found.group), labels: [:], at: someday, value: 1, threshold: 1)
        var settings = AlertsConfiguration.immediate([rule])
        settings.fields = fields
        let url = ExampleTraces(settings, world.sources).queryURL(alert, of: rule, at: someday)
        #expect(url.contains("resource.host.name"))
    }

    @Test func seriesThatEndTakeNothingAway() throws {
        var configuration = SpanMetricsConfiguration()
        configuration.expirationNanoseconds = 2 * minute
        let world = try SpanWorld(configuration)
        let rules: [AlertRule] = [.above(1_000, .requestRate), .above(0, .latencyP95, name: "Latency")]
        var evaluator = evaluator(rules, world.sources)
        try world.add(5_000, name: "once", at: someday)
        _ = evaluator.evaluate(at: someday)
        for step in 1...20 {
            let now = someday + UInt64(step) * minute
            // What ended comes again, from zero.
            try world.add(60, name: step == 15 ? "once" : "always", milliseconds: 50, at: now)
            let results = evaluator.evaluate(at: now)
            #expect(measurements(results).first?.value == Double(60 * min(step, 5)) / 300)
            #expect(measurements(results, 1).count == 1)
        }
    }

    @Test func exponentialHistogramsHaveQuantilesToo() throws {
        var configuration = SpanMetricsConfiguration()
        configuration.exponentialBucketsMax = 160
        let world = try SpanWorld(configuration)
        var evaluator = evaluator([.above(1, .latencyP95)], world.sources)
        _ = evaluator.evaluate(at: someday)
        try world.add(90, milliseconds: 5, at: someday + minute)
        try world.add(10, milliseconds: 3_000, at: someday + minute)
        let found = measurements(evaluator.evaluate(at: someday + minute))
        // Bounds are half an octave apart: 2.9 s and 4.1 s are those around.
        #expect(found.count == 1 && found[0].isMet && (2.0...4.2).contains(found[0].value))
    }

    @Test func whileTheJournalIsReplayedNothingIsSaid() throws {
        let world = try SpanWorld()
        var sources = world.sources
        sources.red = { nil }
        var evaluator = evaluator([.above(0)], sources)
        guard case .unknown = evaluator.evaluate(at: someday)[0].outcome else {
            Issue.record("it said something")
            return
        }
    }

    @Test func theCollectorItselfIsLookedAt() throws {
        let world = try SpanWorld()
        var reading = CollectorReading()
        reading.forwarders = [
            .init(name: "otlp_http/a", queueAgeSeconds: 400, lostSpans: 7),
            .init(name: "otlp_http/b", queueAgeSeconds: 1, lostSpans: 0),
        ]
        reading.refusal = "the disk is full"
        reading.journalFill = 0.9
        reading.damagedBlocks = 1
        var sources = world.sources
        sources.collector = { [reading] in reading }
        let rules: [AlertRule] = [
            .above(300, .forwardQueueAge, name: "1") { $0.groupings = ["exporter"] },
            .above(0, .forwardSkippedSpans, name: "2") { $0.groupings = ["exporter"] },
            .above(0, .refusing, name: "3"), .above(0.8, .journalFill, name: "4"),
            .above(0, .damagedBlocks, name: "5"),
        ]
        var evaluator = evaluator(rules, sources)
        let results = evaluator.evaluate(at: someday)
        #expect(measurements(results, 0).filter(\.isMet).map { $0.group["exporter"] } == ["otlp_http/a"])
        #expect(measurements(results, 1).filter(\.isMet).map { $0.group["exporter"] } == ["otlp_http/a"])
        #expect(measurements(results, 2).map(\.reason) == ["the disk is full"])
        for place in 2..<5 { #expect(measurements(results, place).map(\.isMet) == [true]) }
        // What was lost before the window began is no news.
        _ = evaluator.evaluate(at: someday + minute)
        #expect(measurements(evaluator.evaluate(at: someday + 6 * minute), 1).allSatisfy { !$0.isMet })
    }

    @Test func examplesAreTheFailedAndTheSlowest() throws {
        let world = try SpanWorld()
        try world.add(50, errors: 2, service: "a", milliseconds: 10, at: someday)
        try world.add(3, service: "a", milliseconds: 900, at: someday + second)
        try world.add(50, errors: 9, service: "b", at: someday)
        let failing: AlertRule = .above(0.01) { $0.groupings = ["service"] }
        let slow: AlertRule = .above(0.1, .latencyP95, name: "Slow")
        var configuration = AlertsConfiguration()
        configuration.rules = [failing, slow]
        configuration.externalURL = "http://skein"
        let examples = ExampleTraces(configuration, world.sources)
        var alert = Alert(
            key: .init(rule: "Rule", group: ["service": "a"]), labels: [:], at: someday, value: 0.04, threshold: 0.01)
        let failed = examples.find(alert, of: failing, at: someday + minute)
        #expect(Set(failed) == [TraceID(high: someday, low: 1), TraceID(high: someday, low: 2)])
        alert = Alert(key: .init(rule: "Slow", group: [:]), labels: [:], at: someday, value: 0.5, threshold: 0.1)
        let slowest = examples.find(alert, of: slow, at: someday + minute)
        #expect(slowest.count == 3 && slowest.allSatisfy { $0.high == someday + second })
        // From the bound below: 0.5 s is only estimated from a bucket of 400 to 800 ms.
        let url = examples.queryURL(alert, of: slow, at: someday + minute)
        #expect(url.hasPrefix("http://skein/api/skein/v1/search?q=%7B%20duration%20%3E%3D%20400ms%20%7D&start="))
        // Longer than any span took, as estimates may be.
        alert = Alert(key: .init(rule: "Slow", group: [:]), labels: [:], at: someday, value: 0.98, threshold: 0.1)
        #expect(examples.find(alert, of: slow, at: someday + minute) == slowest)
    }
}
