import Alerting
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// Usage and budgets, from calls of models that arrive as spans.
@Suite struct BudgetTests {
    private final class World {
        let genAI: GenAIMetrics
        private var position: UInt64 = 0
        /// When each call began, whose it is, and its tokens.
        private(set) var calls: [(time: UInt64, user: String, tokens: UInt64)] = []

        init() throws {
            genAI = try GenAIMetrics.inMemory()
        }

        func call(_ user: String, tokens: UInt64, at time: UInt64) throws {
            position += 1
            calls.append((time, user, tokens))
            let span = SpanFixture("chat m", id: position).with {
                $0.traceID = TraceID(high: 7, low: position)
                $0.start = time
                $0.end = time + second
                $0.attributes = [
                    KeyValue("gen_ai.operation.name", .string("chat")),
                    KeyValue("gen_ai.request.model", .string("m")),
                    KeyValue("gen_ai.usage.input_tokens", .int(Int64(tokens))),
                    KeyValue("gen_ai.usage.output_tokens", .int(0)),
                    KeyValue("user.id", .string(user)),
                ]
            }
            genAI.record(try .of([span], position: position, receivedAt: time + second))
            try genAI.prepareCheckpoint()
        }

        var sources: AlertSources {
            AlertSources(
                red: { nil }, genAI: { [genAI] in genAI }, store: InMemoryStore(), collector: { CollectorReading() })
        }

        func evaluator(_ rule: AlertRule, _ calendar: AlertCalendar = .utc) -> AlertEvaluator {
            var configuration = AlertsConfiguration()
            configuration.rules = [rule]
            configuration.calendar = calendar
            return AlertEvaluator(configuration, sources)
        }
    }

    private func values(_ results: [RuleResult]) -> [String: Double] {
        guard case .measured(let all, _) = results[0].outcome else { return [:] }
        return Dictionary(uniqueKeysWithValues: all.map { ($0.group["user"] ?? "", $0.value) })
    }

    /// Days begin 5 h 45 min before those of UTC, and months with them.
    private static let kathmandu = AlertCalendar(name: "Asia/Kathmandu") { period, time in
        let offset = 5 * hour + 45 * minute
        return AlertCalendar.utc.start(of: period, at: time + offset) - offset
    }

    @Test(arguments: [AlertRule.Period.day, .month], [AlertCalendar.utc, kathmandu])
    func sumsOfAPeriodAreThoseOfAllCalls(_ period: AlertRule.Period, _ calendar: AlertCalendar) throws {
        let seed = UInt64.random(in: 0...(.max))
        print("BudgetTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var rule = AlertRule(
            name: "Tokens", metric: .tokens, condition: .budget(.init(amount: 1e9, period: period)))
        rule.groupings = ["user"]
        let world = try World()
        var evaluator = world.evaluator(rule, calendar)
        // From the end of one month into the next.
        var now = someday + 14 * AlertClock.day
        for _ in 0..<400 {
            now += .random(in: 0...3 * hour, using: &random)
            try world.call(
                ["ada", "grace"].randomElement(using: &random)!, tokens: .random(in: 1...999, using: &random), at: now)
            guard Int.random(in: 0..<4, using: &random) == 0 else { continue }
            let at = now + 30 * second
            let start = calendar.start(of: period, at: at)
            var expected: [String: Double] = [:]
            for call in world.calls where call.time >= start { expected[call.user, default: 0] += Double(call.tokens) }
            var found = values(evaluator.evaluate(at: at))
            // Those that have used nothing yet may be missing, and usage of nobody is zero.
            found = found.filter { $0.value > 0 }
            #expect(found == expected)
        }
    }

    @Test func windowsAndBaselinesOfUsageAreOfTheirTimes() throws {
        let world = try World()
        var rule = AlertRule(
            name: "Spike", metric: .tokens, condition: .baseline(.init(.above, 2), offset: 7 * AlertClock.day))
        rule.groupings = ["user"]
        rule.window = hour
        try world.call("ada", tokens: 100, at: someday - 7 * AlertClock.day - 10 * minute)
        try world.call("grace", tokens: 100, at: someday - 7 * AlertClock.day - 10 * minute)
        try world.call("ada", tokens: 5_000, at: someday - 2 * hour)
        try world.call("ada", tokens: 150, at: someday - 20 * minute)
        try world.call("grace", tokens: 900, at: someday - 20 * minute)
        try world.call("new", tokens: 900, at: someday - 20 * minute)
        var evaluator = world.evaluator(rule)
        let results = evaluator.evaluate(at: someday)
        #expect(values(results) == ["ada": 150, "grace": 900])
        guard case .measured(let all, _) = results[0].outcome else { return }
        #expect(all.filter(\.isMet).map { $0.group["user"] } == ["grace"])
        // It costs more than a look at counters, so it has its turn less often.
        guard case .notDue = evaluator.evaluate(at: someday + second)[0].outcome else {
            Issue.record("it was evaluated again after a second")
            return
        }
    }

    @Test func examplesAreTheLargestCalls() throws {
        let world = try World()
        for (index, tokens) in [10, 900, 30, 800, 700].enumerated() {
            try world.call("ada", tokens: UInt64(tokens), at: someday - 20 * minute + UInt64(index) * second)
        }
        try world.call("grace", tokens: 9_999, at: someday - 20 * minute)
        var rule = AlertRule.above(1, .tokens)
        rule.groupings = ["user"]
        rule.window = hour
        var configuration = AlertsConfiguration()
        configuration.rules = [rule]
        let alert = Alert(
            key: .init(rule: rule.name, group: ["user": "ada"]), labels: [:], at: someday, value: 1, threshold: 1)
        let found = ExampleTraces(configuration, world.sources).find(alert, of: rule, at: someday)
        #expect(found.map(\.low) == [2, 4, 5])
    }

    @Test func examplesOfABudgetAreOfItsPeriod() throws {
        let world = try World()
        // Kathmandu's day begins within UTC's, half an hour ago; the larger calls count for the day before.
        let midnight = Self.kathmandu.start(of: .day, at: someday)
        let now = midnight + 30 * minute
        try world.call("ada", tokens: 9_000, at: midnight - 10 * minute)
        try world.call("ada", tokens: 8_000, at: midnight - 1)
        try world.call("ada", tokens: 100, at: midnight)
        try world.call("ada", tokens: 200, at: midnight + 20 * minute)
        var rule = AlertRule.above(1, .tokens)
        rule.groupings = ["user"]
        rule.condition = .budget(.init(amount: 300, period: .day))
        var configuration = AlertsConfiguration()
        configuration.rules = [rule]
        configuration.calendar = Self.kathmandu
        let alert = Alert(
            key: .init(rule: rule.name, group: ["user": "ada"]), labels: [:], at: now, value: 300, threshold: 300)
        let examples = ExampleTraces(configuration, world.sources)
        #expect(examples.find(alert, of: rule, at: now).map(\.low) == [4, 3])
        #expect(examples.queryURL(alert, of: rule, at: now).contains("start=\(midnight)&"))
    }

    @Test(arguments: [AlertRule.Period.day, .month], [AlertCalendar.utc, kathmandu])
    func theLinkOfABudgetCoversItsPeriod(_ period: AlertRule.Period, _ calendar: AlertCalendar) throws {
        var rule = AlertRule(name: "Tokens", metric: .tokens, condition: .budget(.init(amount: 1, period: period)))
        rule.groupings = ["user"]
        var configuration = AlertsConfiguration()
        configuration.rules = [rule]
        configuration.calendar = calendar
        let alert = Alert(
            key: .init(rule: rule.name, group: ["user": "ada"]), labels: [:], at: someday, value: 1, threshold: 1)
        let url = ExampleTraces(configuration, try World().sources).queryURL(alert, of: rule, at: someday)
        let start = calendar.start(of: period, at: someday)
        #expect(url == "/api/skein/v1/usage?by=user&start=\(start)&end=\(someday)&where=user%3D%22ada%22")
    }

    @Test func theLinkOfABudgetIsOfItsGroupAndWhatTheRuleLooksAt() throws {
        var rule = AlertRule(name: "Tokens", metric: .tokens, condition: .budget(.init(amount: 1, period: .day)))
        rule.groupings = ["user", "department"]
        rule.matchers = [
            try LabelMatcher("model", .matches, "m.*"), try LabelMatcher("user", .equal, #"a"&b"#),
            try LabelMatcher("department", .notEqual, "it"),
        ]
        let alert = Alert(
            key: .init(rule: rule.name, group: ["user": #"a"&b"#]), labels: [:], at: someday, value: 1, threshold: 1)
        let url = ExampleTraces(AlertsConfiguration(), try World().sources).queryURL(alert, of: rule, at: someday)
        let filters = url.split(separator: "&").filter { $0.hasPrefix("where=") }.map { $0.dropFirst(6) }
        #expect(
            filters == [
                "user%3D%22a%5C%22%26b%22", "department%3D%22%22", "model%3D~%22m.%2A%22", "department%21%3D%22it%22",
            ])
    }
}
