import Alerting
import FileFaults
import OTLP
import SpanMetrics
import Synchronization
import TraceFixtures
import TraceStorage

let second = AlertClock.second
let minute = 60 * second
let hour = 3_600 * second

/// A moment of 2026, in the middle of a month.
let someday: UInt64 = 1_781_524_800 * second

/// A clock that stands until it is told to go on.
final class TestClock: Sendable {
    private let time: Mutex<UInt64>

    init(_ time: UInt64 = someday) { self.time = Mutex(time) }

    var now: UInt64 {
        get { time.withLock { $0 } }
        set { time.withLock { $0 = newValue } }
    }

    func advance(_ nanoseconds: UInt64) { time.withLock { $0 += nanoseconds } }
}

/// Takes notices, or says why not.
final class TestSender: NoticeSender {
    private struct State {
        var notices: [Notice] = []
        var attempts = 0
        var answer = DeliveryResult.delivered
    }

    private let state = Mutex(State())

    var notices: [Notice] { state.withLock { $0.notices } }
    var attempts: Int { state.withLock { $0.attempts } }

    func answer(_ result: DeliveryResult) { state.withLock { $0.answer = result } }

    func send(_ notice: Notice) -> DeliveryResult {
        state.withLock { state in
            state.attempts += 1
            if state.answer == .delivered { state.notices.append(notice) }
            return state.answer
        }
    }

    func shutdown() {}
}

extension AlertRule {
    /// A rule that fires at once when its metric is above a number.
    static func above(
        _ value: Double, _ metric: AlertMetric = .errorRate, name: String = "Rule",
        _ change: (inout AlertRule) -> Void = { _ in }
    ) -> AlertRule {
        var rule = AlertRule(name: name, metric: metric, condition: .threshold(.init(.above, value)))
        change(&rule)
        return rule
    }
}

extension AlertsConfiguration {
    /// One notifier, and notices without a wait.
    static func immediate(
        _ rules: [AlertRule], _ change: (inout AlertsConfiguration) -> Void = { _ in }
    ) -> AlertsConfiguration {
        var configuration = AlertsConfiguration()
        configuration.rules = rules
        configuration.groupWait = 0
        configuration.groupInterval = 0
        configuration.notifiers = [NotifierConfiguration(id: "webhook/test", .webhook(.init(url: .text("http://x"))))]
        change(&configuration)
        return configuration
    }
}

/// What a rule came to for one group.
func measured(
    _ isMet: Bool, _ value: Double = 1, group: AlertLabels = [:], step: Int? = nil, period: UInt64? = nil
) -> AlertMeasurement {
    AlertMeasurement(group: group, value: value, isMet: isMet, step: step, period: period)
}

/// Spans that arrive, counted and stored.
final class SpanWorld: Sendable {
    let red: REDMetrics
    let store = InMemoryStore()
    private let position = Atomic<UInt64>(0)

    init(_ configuration: SpanMetricsConfiguration = SpanMetricsConfiguration()) throws {
        red = try REDMetrics(configuration)
    }

    func add(_ spans: [SpanFixture], at time: UInt64) throws {
        let next = position.wrappingAdd(1, ordering: .relaxed).newValue
        let batch = try StoredBatch.of(spans, position: next, receivedAt: time)
        red.record(batch)
        try store.append(batch)
    }

    /// So many spans of a service, some of them failed, all as long.
    func add(
        _ count: Int, errors: Int = 0, service: String = "shop", name: String = "work", milliseconds: UInt64 = 5,
        at time: UInt64
    ) throws {
        let spans = (0..<count).map { index in
            SpanFixture(name, service: service, id: UInt64(index) + 1).with {
                $0.traceID = TraceID(high: time, low: UInt64(index) + 1)
                $0.start = time
                $0.end = time + milliseconds * 1_000_000
                $0.status = index < errors ? 2 : 0
            }
        }
        try add(spans, at: time)
    }

    var sources: AlertSources {
        AlertSources(red: { self.red.snapshot() }, genAI: { nil }, store: store, collector: { CollectorReading() })
    }
}

extension GenAIMetrics {
    /// Without anything, its records in a file system of its own.
    static func inMemory() throws -> GenAIMetrics {
        let files = MemoryFileSystem()
        try files.createDirectory("/usage")
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "/usage", files: files), seed: 1)
        try metrics.open()
        return metrics
    }
}
