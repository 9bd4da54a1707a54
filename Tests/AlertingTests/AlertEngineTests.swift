import Alerting
import FileFaults
import OTLP
import SpanMetrics
import Synchronization
import Testing
import TraceFixtures
import TraceStorage

/// The whole of it with a clock of the test's own: spans in, notices out, across restarts.
@Suite struct AlertEngineTests {
    /// A collector's alerts on a disk in memory; `start()` is a new process.
    private final class Bench {
        let clock = TestClock()
        let world: SpanWorld
        let files = MemoryFileSystem()
        let sender = TestSender()
        var configuration: AlertsConfiguration
        var engine: AlertEngine!
        private var evaluator: AlertEvaluator!
        private var saved = AlertState()
        var events: [String] { log.lines }
        private let log = EventLog()

        init(_ configuration: AlertsConfiguration) throws {
            world = try SpanWorld()
            self.configuration = configuration
            try files.createDirectory("/alerts")
            try start()
        }

        func start() throws {
            let log = log
            engine = try AlertEngine(
                configuration, sources: world.sources, directory: "/alerts", files: files,
                senders: ["webhook/test": sender], now: { [clock] in clock.now }, onEvent: { log.add($0) })
            evaluator = AlertEvaluator(configuration, world.sources)
            saved = engine.current
        }

        /// 15 s go by, the rules are evaluated, and notices delivered.
        func tick(deliver: Bool = true) {
            clock.advance(15 * second)
            engine.tick(&evaluator, saved: &saved)
            if deliver { self.deliver() }
        }

        func deliver() {
            for worker in engine.deliverySteps { while worker() == 0 {} }
            engine.save(&saved)
        }

        var told: [String] { sender.notices.map { $0.isFiring ? "firing" : "resolved" } }
    }

    private final class EventLog: Sendable {
        private let all = Mutex<[String]>([])
        var lines: [String] { all.withLock { $0 } }
        func add(_ event: AlertEngine.Event) { all.withLock { $0.append("\(event)") } }
    }

    @Test func aBurstOfErrorsIsToldWithTracesAndItsEndToo() throws {
        let rule: AlertRule = .above(0.2, name: "HighErrorRate") { rule in
            rule.groupings = ["service"]
            rule.holdFor = 15 * second
            rule.annotations = ["summary": "{{ $labels.service }} fails: {{ $value }}", "runbook_url": "https://r/1"]
        }
        let bench = try Bench(.immediate([rule]))
        bench.tick()
        try bench.world.add(40, errors: 20, service: "shop", at: bench.clock.now)
        bench.tick()
        #expect(bench.told.isEmpty && bench.engine.report.rules.first?.state == .pending)
        bench.tick()
        #expect(bench.told == ["firing"])
        let entry = try #require(bench.sender.notices.first?.entries.first)
        #expect(entry.summary == "shop fails: 50 %")
        #expect(entry.labels["service"] == "shop" && entry.labels["alertname"] == "HighErrorRate")
        #expect(entry.examples.count == 3)
        #expect(bench.engine.report.incidents.first?.examples == entry.examples)
        for _ in 0..<30 {
            try bench.world.add(100, service: "shop", at: bench.clock.now)
            bench.tick()
        }
        #expect(bench.told == ["firing", "resolved"])
        #expect(bench.engine.report.incidents.first?.end != nil)
    }

    @Test func aRestartNeitherRepeatsNorForgets() throws {
        let bench = try Bench(.immediate([.above(0.2)]))
        bench.tick()
        try bench.world.add(40, errors: 20, at: bench.clock.now)
        bench.tick()
        #expect(bench.told == ["firing"])
        try bench.start()
        #expect(bench.engine.report.alerts.first?.alert.state == .firing)
        for _ in 0..<10 { bench.tick() }
        #expect(bench.told == ["firing"], "half a window says nothing about an end")
        for _ in 0..<20 { bench.tick() }
        #expect(bench.told == ["firing", "resolved"])
        try bench.start()
        bench.tick()
        #expect(bench.told == ["firing", "resolved"])
        #expect(bench.engine.report.incidents.count == 1)
    }

    @Test func noticesThatWaitSurviveARestart() throws {
        let bench = try Bench(.immediate([.above(0.2)]))
        bench.sender.answer(.retryable(reason: "down", retryAfter: nil))
        bench.tick()
        try bench.world.add(40, errors: 20, at: bench.clock.now)
        bench.tick()
        #expect(bench.told.isEmpty && bench.sender.attempts == 1)
        #expect(bench.engine.report.notifiers.first?.isHealthy == false)
        try bench.start()
        bench.sender.answer(.delivered)
        bench.tick()
        #expect(bench.told == ["firing"])
        let notifier = try #require(bench.engine.report.notifiers.first)
        #expect(notifier.queued == 0 && notifier.sent == 1 && notifier.isHealthy)
    }

    @Test func anAttemptThatFailsIsRepeatedLaterAndLater() throws {
        let bench = try Bench(.immediate([.above(0.2)]))
        bench.sender.answer(.retryable(reason: "status 503", retryAfter: nil))
        bench.tick()
        try bench.world.add(40, errors: 20, at: bench.clock.now)
        bench.tick()
        var pauses: [UInt64] = []
        var last = bench.clock.now
        for _ in 0..<2_000 {
            bench.clock.advance(second)
            let before = bench.sender.attempts
            bench.deliver()
            if bench.sender.attempts > before {
                pauses.append((bench.clock.now - last) / second)
                last = bench.clock.now
            }
        }
        #expect(
            pauses.count > 6
                && zip(pauses, [5, 10, 20, 40, 80, 160]).allSatisfy { abs(Double($0) - $1) <= $1 * 0.1 + 1 })
        #expect(pauses.allSatisfy { $0 <= 331 })
        bench.clock.advance(25 * hour)
        bench.deliver()
        let notifier = try #require(bench.engine.report.notifiers.first)
        #expect(notifier.expired == 1 && notifier.queued == 0 && notifier.lastError == "status 503")
    }

    @Test func retryAfterIsHonouredAndARefusalIsFinal() throws {
        let bench = try Bench(.immediate([.above(0.2)]))
        bench.sender.answer(.retryable(reason: "status 429", retryAfter: 600 * second))
        bench.tick()
        try bench.world.add(40, errors: 20, at: bench.clock.now)
        bench.tick()
        bench.clock.advance(590 * second)
        bench.deliver()
        #expect(bench.sender.attempts == 1)
        bench.sender.answer(.refused(reason: "status 400"))
        bench.clock.advance(20 * second)
        bench.deliver()
        #expect(bench.sender.attempts == 2 && bench.engine.report.notifiers.first?.refused == 1)
        #expect(bench.engine.report.notifiers.first?.queued == 0)
    }

    @Test func theQueueIsBoundedAndTheOldestGo() throws {
        let bench = try Bench(.immediate([.above(0.2)]) { $0.repeatInterval = minute })
        bench.sender.answer(.retryable(reason: "down", retryAfter: nil))
        bench.tick()
        for _ in 0..<600 {
            try bench.world.add(10, errors: 5, at: bench.clock.now)
            bench.tick(deliver: false)
        }
        let notifier = try #require(bench.engine.report.notifiers.first)
        #expect(notifier.queued == 100 && notifier.dropped > 20)
    }

    @Test func aStateThatDoesNotCheckIsReportedAndBegunAnew() throws {
        let bench = try Bench(.immediate([.above(0.2)]))
        bench.tick()
        try bench.world.add(40, errors: 20, at: bench.clock.now)
        bench.tick()
        let bytes = try bench.files.content("/alerts/state")
        for place in [0, 13, bytes.count / 2, bytes.count - 1] {
            var damaged = bytes
            damaged[place] ^= 1
            try bench.files.put(damaged, "/alerts/state")
            try bench.start()
            #expect(bench.engine.report.alerts.isEmpty)
            #expect(bench.events.contains { $0.hasPrefix("stateDiscarded") })
        }
        for count in [0, 5, bytes.count / 3] {
            try bench.files.put(Array(bytes.prefix(count)), "/alerts/state")
            try bench.start()
            #expect(bench.engine.report.alerts.isEmpty)
        }
        try bench.files.put(Array("SKEINALERTS 9 0\n{}".utf8), "/alerts/state")
        #expect(throws: AlertState.LoadError.self) { try bench.start() }
    }

    @Test func everythingInAStateIsReadBack() throws {
        let rule = AlertRule(name: "Budget", metric: .costUSD, condition: .budget(.init(amount: 1, period: .day)))
        var state = AlertState()
        _ = state.machine.apply(
            [RuleResult(rule: 0, .measured([measured(true, 0.9, group: ["user": "ö\"\\\n"], step: 1, period: 7)]))],
            of: [rule], at: someday)
        state.machine.setExamples(
            [TraceID(high: 1, low: 2)], queryURL: "http://q", of: state.machine.sortedAlerts[0].key)
        let firing = state.machine.sortedAlerts
        let notices = state.plan.notices(firing, .immediate([rule]), at: someday)
        var queued = QueuedNotice(try #require(notices.first))
        queued.attempts = 3
        queued.firstAttempt = 4
        queued.nextAttempt = 5
        queued.lastError = "down"
        state.queues = ["webhook/test": [queued]]
        let files = MemoryFileSystem()
        try files.createDirectory("/a")
        try state.write(to: "/a", files: files)
        #expect(try AlertState.load(from: "/a", files: files) == state)
    }

    @Test func aFullDiskDelaysNoNotice() throws {
        let bench = try Bench(.immediate([.above(0.2)]))
        bench.tick()
        bench.files.bytesMax = bench.files.bytes
        try bench.world.add(40, errors: 20, at: bench.clock.now)
        bench.tick()
        #expect(bench.told == ["firing"] && bench.engine.statistics.failedSaves > 0)
    }
}

extension MemoryFileSystem {
    fileprivate func content(_ path: String) throws -> [UInt8] {
        let file = try open(path, .read)
        defer { file.close() }
        return try file.readBytes(at: 0, count: try file.size())
    }

    fileprivate func put(_ bytes: [UInt8], _ path: String) throws {
        let file = try open(path, .create)
        defer { file.close() }
        try file.writeAll(bytes, at: 0, path: path)
    }
}
