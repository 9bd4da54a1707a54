import Alerting
import Testing

/// What is told to whom, with rules whose results are given.
@Suite struct NoticePlanTests {
    private struct Run {
        var configuration: AlertsConfiguration
        var machine = AlertMachine()
        var plan = NoticePlan()
        var now = someday

        init(_ rules: [AlertRule], _ change: (inout AlertsConfiguration) -> Void = { _ in }) {
            configuration = .immediate(rules, change)
        }

        /// - Parameter met: The measurements of each rule.
        mutating func step(_ met: [AlertMeasurement]..., after: UInt64 = 15 * second) -> [Notice] {
            now += after
            let results = met.enumerated().map { RuleResult(rule: $0, .measured($1)) }
            let transitions = machine.apply(results, of: configuration.rules, at: now)
            plan.note(transitions, at: now)
            let firing = machine.sortedAlerts.filter { $0.state == .firing }
            return plan.notices(firing, configuration, at: now)
        }
    }

    private func states(_ notices: [Notice]) -> [String] {
        notices.map { notice in notice.entries.map { $0.isFiring ? "firing" : "resolved" }.joined(separator: " ") }
    }

    @Test func beginAndEndAreToldOnce() {
        var run = Run([.above(0.5)])
        #expect(states(run.step([measured(true)])) == ["firing"])
        #expect(run.step([measured(true)]).isEmpty)
        #expect(states(run.step([measured(false)])) == ["resolved"])
        #expect(run.step([measured(false)]).isEmpty)
    }

    @Test func whatLastsIsRepeated() {
        var run = Run([.above(0.5)]) { $0.repeatInterval = hour }
        #expect(run.step([measured(true)]).count == 1)
        #expect(run.step([measured(true)], after: hour - second).isEmpty)
        #expect(run.step([measured(true)], after: second).count == 1)
        #expect(run.step([measured(true)], after: second).isEmpty)
    }

    @Test func alertsOfOneGroupAreToldTogether() {
        var run = Run([.above(0.5) { $0.groupings = ["service"] }]) {
            $0.groupWait = 30 * second
            $0.groupInterval = 300 * second
        }
        let a = measured(true, group: ["service": "a"])
        let b = measured(true, group: ["service": "b"])
        let c = measured(true, group: ["service": "c"])
        #expect(run.step([a]).isEmpty)
        #expect(run.step([a, b]).isEmpty)
        #expect(states(run.step([a, b])) == ["firing firing"])
        #expect(run.step([a, b, c], after: 60 * second).isEmpty, "the group has spoken a minute ago")
        #expect(run.step([b, c], after: 60 * second).isEmpty)
        #expect(states(run.step([b, c], after: 180 * second)) == ["firing firing resolved"])
    }

    @Test func anAlertThatComesAndGoesWithinTheWaitIsNotToldOf() {
        var run = Run([.above(0.5)]) { $0.groupWait = 60 * second }
        #expect(run.step([measured(true)]).isEmpty)
        #expect(run.step([measured(false)]).isEmpty)
        #expect(run.step([measured(false)], after: 300 * second).isEmpty)
    }

    @Test func flappingIsToldAtMostEveryInterval() {
        var run = Run([.above(0.5)]) { $0.groupInterval = 300 * second }
        var notices: [Notice] = []
        for index in 0..<80 { notices += run.step([measured(index % 3 == 0)]) }
        #expect(notices.count <= 80 * 15 / 300 + 1 && notices.count >= 2)
    }

    @Test func theCooldownKeepsQuietAboutTheSameAlert() {
        var run = Run([.above(0.5) { $0.cooldown = 600 * second }])
        #expect(states(run.step([measured(true)])) == ["firing"])
        #expect(states(run.step([measured(false)])) == ["resolved"])
        #expect(run.step([measured(true)], after: 60 * second).isEmpty)
        #expect(run.step([measured(false)], after: 60 * second).isEmpty, "of what was not told the end is not told")
        #expect(run.step([measured(true)], after: 60 * second).isEmpty)
        #expect(states(run.step([measured(true)], after: 600 * second)) == ["firing"], "it lasts, and the time is over")
    }

    @Test func aSilenceKeepsQuietWhileItLasts() throws {
        let silence = Silence(
            matchers: [try LabelMatcher(parsing: "alertname=Rule")], start: someday, end: someday + hour)
        var run = Run([.above(0.5)]) { $0.silences = [silence] }
        #expect(run.step([measured(true)]).isEmpty)
        #expect(run.machine.alerts.count == 1, "it fires all the same")
        #expect(states(run.step([measured(true)], after: hour)) == ["firing"])
    }

    @Test func theEndDuringASilenceIsToldWhereTheBeginWas() throws {
        let silence = Silence(
            matchers: [try LabelMatcher(parsing: "alertname=Rule")], start: someday + minute, end: someday + hour)
        var run = Run([.above(0.5)]) {
            $0.silences = [silence]
            $0.repeatInterval = 120 * second
        }
        #expect(states(run.step([measured(true)])) == ["firing"])
        #expect(run.step([measured(true)], after: 300 * second).isEmpty, "no repetition")
        #expect(states(run.step([measured(false)])) == ["resolved"])
        #expect(run.step([measured(true)], after: 300 * second).isEmpty)
        #expect(run.step([measured(false)], after: 300 * second).isEmpty)
    }

    @Test func aBudgetIsToldOfOnceAStepAndNeverRepeated() {
        let rule = AlertRule(name: "Rule", metric: .costUSD, condition: .budget(.init(amount: 10, period: .day)))
        var run = Run([rule]) { $0.repeatInterval = hour }
        #expect(run.step([measured(true, 8, step: 0, period: 1)]).count == 1)
        #expect(run.step([measured(true, 8.5, step: 0, period: 1)], after: 5 * hour).isEmpty)
        let notices = run.step([measured(true, 11, step: 2, period: 1)])
        #expect(notices.count == 1 && notices.first?.entries.first?.stepText == "100 %")
        #expect(run.step([measured(true, 12, step: 2, period: 1)], after: 5 * hour).isEmpty)
        #expect(states(run.step([measured(false, 0, period: 2)])) == ["resolved"])
    }

    @Test func noticesGoWhereTheRuleAndTheSeverityLead() {
        let slack = NotifierConfiguration(id: "slack/a", .slack(.init(url: .text("http://x"))))
        var pager = NotifierConfiguration(id: "pagerduty/b", .pagerDuty(.init(routingKey: .text("k"))))
        pager.minSeverity = .critical
        let rules: [AlertRule] = [
            .above(1, name: "Warn"), .above(1, name: "Crit") { $0.severity = .critical },
            .above(1, name: "Slack") { rule in
                rule.severity = .critical
                rule.notifiers = ["slack/a"]
            },
        ]
        var run = Run(rules) { $0.notifiers = [slack, pager] }
        let notices = run.step([measured(true)], [measured(true)], [measured(true)])
        let told = notices.map { "\($0.notifier) \($0.entries.map { $0.labels["alertname"] ?? "" }.joined())" }
        #expect(told.sorted() == ["pagerduty/b Crit", "slack/a Crit", "slack/a Slack", "slack/a Warn"])
    }

    @Test func pagerDutyIsToldOfEachAlertByItself() {
        let pager = NotifierConfiguration(id: "pagerduty", .pagerDuty(.init(routingKey: .text("k"))))
        var run = Run([.above(0.5) { $0.groupings = ["service"] }]) { $0.notifiers = [pager] }
        let both = ["a", "b"].map { measured(true, group: ["service": $0]) }
        let notices = run.step(both)
        #expect(states(notices) == ["firing", "firing"])
        #expect(Set(notices.compactMap { $0.entries.first?.fingerprint }).count == 2)
        #expect(states(run.step([both[0]])) == ["resolved"])
    }

    @Test func whoWantsNoEndsIsToldNone() {
        var run = Run([.above(0.5)]) { $0.notifiers[0].sendsResolved = false }
        #expect(run.step([measured(true)]).count == 1)
        #expect(run.step([measured(false)]).isEmpty)
        #expect(states(run.step([measured(true)])) == ["firing"], "a new one is told of again")
    }

    @Test func aNoticeIsOfABoundedSize() {
        var run = Run([.above(0.5) { $0.groupings = ["service"] }])
        let many = (0..<Notice.entriesMax + 7).map { measured(true, group: ["service": "s\($0)"]) }
        let notice = run.step(many).first
        #expect(notice?.entries.count == Notice.entriesMax && notice?.truncated == 7)
    }
}
