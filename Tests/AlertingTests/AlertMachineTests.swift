import Alerting
import Testing
import TraceFixtures

@Suite struct AlertMachineTests {
    /// A machine for one rule, and what it did.
    private struct Run {
        var machine = AlertMachine()
        var rule: AlertRule
        var now = someday

        init(_ rule: AlertRule) { self.rule = rule }

        mutating func step(_ measurements: [AlertMeasurement], isWhole: Bool = true) -> [AlertMachine.Transition] {
            now += 15 * second
            return machine.apply(
                [RuleResult(rule: 0, .measured(measurements, isWhole: isWhole))], of: [rule], at: now)
        }

        mutating func step(_ isMet: Bool) -> [AlertMachine.Transition] { step([measured(isMet)]) }

        var state: Alert.State? { machine.alerts.values.first?.state }
        var key: Alert.Key { Alert.Key(rule: rule.name, group: [:]) }
    }

    @Test func anAlertIsPendingForAsLongAsTheRuleSays() {
        var run = Run(.above(0.5) { $0.holdFor = 30 * second })
        #expect(run.step(false).isEmpty && run.state == nil)
        #expect(run.step(true).isEmpty && run.state == .pending)
        #expect(run.step(true).isEmpty && run.state == .pending)
        #expect(run.step(true) == [.fired(run.key)] && run.state == .firing)
        #expect(run.step(true).isEmpty && run.machine.incidents.count == 1)
        guard case .ended(let alert) = run.step(false).first else {
            Issue.record("it did not end")
            return
        }
        #expect(alert.key == run.key && run.state == nil)
        #expect(run.machine.incidents.first?.end == run.now)
    }

    @Test func aConditionThatDoesNotLastNeverFires() {
        var run = Run(.above(0.5) { $0.holdFor = 30 * second })
        for _ in 0..<20 {
            #expect(run.step(true).isEmpty)
            #expect(run.step(true).isEmpty)
            #expect(run.step(false).isEmpty && run.state == nil)
        }
        #expect(run.machine.incidents.isEmpty)
    }

    @Test func withoutForItFiresAtOnce() {
        var run = Run(.above(0.5))
        #expect(run.step(true) == [.fired(run.key)])
    }

    @Test func keepFiringForBridgesGaps() {
        var run = Run(.above(0.5) { $0.keepFiringFor = 60 * second })
        #expect(run.step(true).count == 1)
        for _ in 0..<3 { #expect(run.step(false).isEmpty && run.state == .firing) }
        #expect(run.step(true).isEmpty)
        for _ in 0..<3 { #expect(run.step(false).isEmpty) }
        #expect(run.step(false).count == 1 && run.state == nil)
        #expect(run.machine.incidents.count == 1)
    }

    @Test func aGroupThatIsGoneEndsAndOthersGoOn() {
        var run = Run(.above(0.5) { $0.groupings = ["service"] })
        let both = [measured(true, group: ["service": "a"]), measured(true, group: ["service": "b"])]
        #expect(run.step(both).count == 2)
        let transitions = run.step([measured(true, group: ["service": "b"])])
        #expect(transitions.count == 1 && run.machine.alerts.keys.map(\.group) == [["service": "b"]])
    }

    @Test func whatIsNotKnownChangesNothing() {
        var run = Run(.above(0.5))
        _ = run.step(true)
        let before = run.machine
        let unknown = RuleResult(rule: 0, .unknown(reason: "replaying"))
        #expect(run.machine.apply([unknown], of: [run.rule], at: run.now + minute).isEmpty)
        #expect(run.machine.apply([RuleResult(rule: 0, .notDue)], of: [run.rule], at: run.now + minute).isEmpty)
        #expect(run.machine == before)
        // After a start a window is not known as a whole: nothing ends, but something may begin.
        #expect(run.step([], isWhole: false).isEmpty && run.state == .firing)
        #expect(run.step([measured(false)], isWhole: false).isEmpty && run.state == .firing)
        #expect(run.step([measured(false)]).count == 1)
        #expect(run.step([measured(true)], isWhole: false).count == 1)
    }

    @Test func alertsOfARuleThatIsGoneEnd() {
        var run = Run(.above(0.5))
        _ = run.step(true)
        let transitions = run.machine.apply([], of: [.above(1, name: "Other")], at: run.now + minute)
        #expect(transitions.count == 1 && run.machine.alerts.isEmpty)
    }

    @Test func stepsOfABudgetAreTakenOnceAPeriod() {
        let budget = AlertRule.Budget(amount: 100, period: .month)
        var run = Run(AlertRule(name: "Budget", metric: .costUSD, condition: .budget(budget)))
        func spent(_ value: Double, _ period: UInt64 = 1) -> [AlertMeasurement] {
            let step = budget.steps.lastIndex { value >= $0 * 100 }
            return [measured(step != nil, value, step: step, period: period)]
        }
        #expect(run.step(spent(79)).isEmpty)
        #expect(run.step(spent(81)) == [.fired(run.key)])
        #expect(run.step(spent(85)).isEmpty)
        #expect(run.step(spent(92)) == [.escalated(run.key)])
        #expect(run.machine.alerts[run.key]?.stepText == "90 %")
        // A sum that falls, as when records are lost, takes no step back.
        #expect(run.step(spent(88)).isEmpty && run.step(spent(93)).isEmpty)
        #expect(run.step(spent(140)) == [.escalated(run.key)])
        #expect(run.step(spent(190)).isEmpty)
        // The next month begins, the second time with too much used already.
        #expect(run.step(spent(0.5, 2)).count == 1 && run.state == nil)
        #expect(run.step(spent(99, 2)) == [.fired(run.key)])
        let both = run.step(spent(130, 3))
        #expect(both.count == 2 && both.last == .fired(run.key) && run.state == .firing)
        #expect(run.machine.incidents.count == 3)
    }

    @Test func incidentsAreBoundedInNumberAndAge() {
        var run = Run(.above(0.5))
        for _ in 0..<AlertMachine.incidentsMax + 20 {
            _ = run.step(true)
            _ = run.step(false)
        }
        #expect(run.machine.incidents.count == AlertMachine.incidentsMax)
        #expect(run.machine.incidents.last?.id == UInt64(AlertMachine.incidentsMax + 20))
        _ = run.step(true)
        run.now += AlertMachine.incidentAgeMax + hour
        _ = run.step(true)
        #expect(run.machine.incidents.map(\.end) == [nil], "one that lasts stays")
    }

    @Test func anIncidentKeepsTheWorstValue() {
        var run = Run(.above(0.5))
        for value in [0.6, 0.9, 0.7] { _ = run.step([measured(true, value)]) }
        #expect(run.machine.incidents.first?.peak == 0.9 && run.machine.incidents.first?.value == 0.7)
    }

    @Test func aClockThatIsSetBackDoesNoHarm() {
        var run = Run(.above(0.5) { $0.holdFor = 30 * second })
        _ = run.step(true)
        run.now -= hour
        #expect(run.step(true).isEmpty && run.state == .pending)
        _ = run.step(true)
        #expect(run.step(true).count == 1)
    }

    /// Any series of values against a model that is told everything.
    @Test func everySeriesEndsAsInAPlainModel() {
        let seed = UInt64.random(in: 0...(.max))
        print("AlertMachineTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let hold = UInt64.random(in: 0...4, using: &random)
            let keep = UInt64.random(in: 0...3, using: &random)
            var run = Run(
                .above(0.5) {
                    $0.holdFor = hold * 15 * second
                    $0.keepFiringFor = keep * 15 * second
                })
            // Steps for which the condition has held in a row, and for which it has not since the alert fired.
            var held = 0
            var missed = 0
            var isFiring = false
            var fired = 0
            var ended = 0
            for _ in 0..<80 {
                let isMet = Bool.random(using: &random)
                let transitions = run.step(isMet)
                var expected = 0
                if isFiring {
                    missed = isMet ? 0 : missed + 1
                    if !isMet, missed >= max(1, Int(keep)) {
                        isFiring = false
                        held = 0
                        ended += 1
                        expected = 1
                    }
                } else {
                    held = isMet ? held + 1 : 0
                    if held > Int(hold) {
                        isFiring = true
                        missed = 0
                        fired += 1
                        expected = 1
                    }
                }
                #expect(transitions.count == expected)
                #expect((run.state == .firing) == isFiring)
                #expect((run.state == .pending) == (!isFiring && held > 0))
            }
            #expect(run.machine.incidents.count == fired)
            #expect(run.machine.incidents.count { $0.end != nil } == ended)
        }
    }
}
