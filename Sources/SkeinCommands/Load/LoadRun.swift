import AgentTraffic
import Collector
import Synchronization

/// One run: a task for each connection takes bodies from a common source and sends them.
struct LoadRun {
    /// How long a request is tried again: longer than a collector needs to restart. Past it its spans are lost.
    static let retryTimeout = Duration.seconds(60)
    /// The pauses before a second and third attempt; they double up to the last, where the receiver asks for none.
    static let retryDelays = [100, 200, 400, 800, 1_600, 3_200, 5_000].map { Duration.milliseconds($0) }

    /// How long a receiver that never answered is waited for: one that is just starting is there by then.
    static let firstAnswerTimeout = Duration.seconds(2)

    let options: LoadOptions
    let target: any LoadTarget

    func run(_ progress: LoadProgress?) async -> LoadReport {
        let start = ContinuousClock.now
        let source = LoadSource(options, start: start)
        let counts = LoadCounts()
        await withTaskGroup(of: Void.self) { group in
            for connection in 0..<options.connections {
                group.addTask {
                    while !counts.hasGivenUp(since: start), let request = source.next() {
                        if request.due > .now { try? await Task.sleep(until: request.due, clock: .continuous) }
                        let result = await send(request.body, connection: connection, start: start, counts)
                        let latency = ContinuousClock.now - max(request.due, request.made)
                        counts.report.withLock {
                            $0.add(result, spans: options.spansPerRequest, bytes: request.body.count, latency)
                        }
                    }
                }
            }
            let watcher = progress.map { progress in
                Task { await progress.show(total: options.duration) { counts.report.withLock { $0.acceptedSpans } } }
            }
            await group.waitForAll()
            watcher?.cancel()
            await watcher?.value
        }
        var report = counts.report.withLock { $0 }
        report.elapsed = ContinuousClock.now - start
        report.requestsBetweenServices = source.requestsBetweenServices
        return report
    }

    /// Sends one body until it is taken, refused for good or too old.
    private func send(
        _ body: [UInt8], connection: Int, start: ContinuousClock.Instant, _ counts: LoadCounts
    ) async -> LoadResult {
        let deadline = ContinuousClock.now + Self.retryTimeout
        var result = LoadResult()
        while true {
            var outcome = await target.send(body, connection: connection)
            if case .unreachable = outcome {
                outcome =
                    counts.hasGivenUp(since: start)
                    ? .refused(reason: "connection failed") : .retry(after: nil, reason: "connection failed")
            } else {
                counts.report.withLock { $0.wasAnswered = true }
            }
            switch outcome {
            case .unreachable: continue
            case .accepted(let rejectedSpans):
                result.rejectedSpans = rejectedSpans
                return result
            case .refused(let reason):
                result.failure = reason
                return result
            case .retry(let after, let reason):
                let delay = after ?? Self.retryDelays[min(result.retries.count, Self.retryDelays.count - 1)]
                guard .now + delay < deadline else {
                    result.failure = reason
                    return result
                }
                result.retries.append(reason)
                try? await Task.sleep(for: delay)
            }
        }
    }
}

/// What all connections count together.
private final class LoadCounts: Sendable {
    let report = Mutex(LoadReport())

    /// Whether nobody ever answered and nobody will.
    func hasGivenUp(since start: ContinuousClock.Instant) -> Bool {
        !report.withLock { $0.wasAnswered } && ContinuousClock.now - start > LoadRun.firstAnswerTimeout
    }
}

/// Makes the bodies, one after the other, and says when each is due.
final class LoadSource: Sendable {
    struct Request: Sendable {
        let body: [UInt8]
        /// The start of the run where there is no rate.
        let due: ContinuousClock.Instant
        let made: ContinuousClock.Instant
    }

    /// Traces begin this long before they are sent, so that most have ended by then.
    private static let traceAgeNanoseconds: UInt64 = 30_000_000_000

    private struct State {
        var traffic: AgentTraffic
        var requests = 0
    }

    private let options: LoadOptions
    private let start: ContinuousClock.Instant
    private let end: ContinuousClock.Instant
    private let state: Mutex<State>

    init(_ options: LoadOptions, start: ContinuousClock.Instant) {
        self.options = options
        self.start = start
        end = start + options.duration
        state = Mutex(State(traffic: AgentTraffic(seed: options.seed, clientSpans: options.clientSpans)))
    }

    /// Those in the bodies made so far; none where there are no client's spans.
    var requestsBetweenServices: [AgentTraffic.ServicePair: AgentTraffic.RequestCount] {
        state.withLock { $0.traffic.requestsBetweenServices }
    }

    /// Nil when the run is over. Costs about 300 ns a span, under a lock.
    func next() -> Request? {
        state.withLock { state in
            let made = ContinuousClock.now
            var due = start
            if options.spansPerSecond > 0 {
                let spans = Double(state.requests) * Double(options.spansPerRequest)
                due = start + .seconds(spans / options.spansPerSecond)
            }
            guard made < end, due < end else { return nil }
            state.requests += 1
            state.traffic.time = ProcessStatistics.now() &- Self.traceAgeNanoseconds
            return Request(body: state.traffic.request(spans: options.spansPerRequest), due: due, made: made)
        }
    }
}
