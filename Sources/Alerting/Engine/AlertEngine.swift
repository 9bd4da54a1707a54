import Dispatch
import Synchronization
import TraceStorage

/// Evaluates rules, keeps the states of alerts and has notices sent. ``run()`` is one thread's, the notifiers have one
/// each; everything else may be called from any.
package final class AlertEngine: Sendable {
    /// Something that an operator should read of.
    package enum Event: Sendable {
        case stateDiscarded(reason: String)
        case saveFailed(FileError)
        case ruleFailed(rule: String, reason: String)
        case tooManyGroups(over: Int, rule: String)
        case notDelivered(notifier: String, reason: String, isFinal: Bool)
        case fired(Alert)
        case ended(Alert)
    }

    private struct State {
        var machine: AlertMachine
        var plan: NoticePlan
        var statistics = AlertStatistics()
        var evaluatedAt: [Int: UInt64] = [:]
        var problems: [Int: String] = [:]
        var groupsOverLimit: [Int: Int] = [:]
    }

    package let configuration: AlertsConfiguration
    private let sources: AlertSources
    private let directory: String
    private let files: any FileSystem
    private let now: @Sendable () -> UInt64
    private let onEvent: @Sendable (Event) -> Void
    private let examples: ExampleTraces
    private let state: Mutex<State>
    private let workers: [NotifierWorker]
    private let wakeup: DispatchSemaphore
    private let isStopped = Atomic<Bool>(false)
    /// A queue has changed since the state was last saved.
    private let queuesChanged: Flag

    /// For closures that come before the engine.
    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        func set() { value.store(true, ordering: .releasing) }
        func take() -> Bool { value.exchange(false, ordering: .acquiringAndReleasing) }
    }

    /// Examples that are looked for in one evaluation: each may read files for seconds.
    private static let examplesMax = 20

    /// Reads what an earlier process left in `directory`, which exists.
    ///
    /// - Parameters:
    ///   - senders: By the ids of the notifiers.
    ///   - now: The clock, unix nanoseconds.
    /// - Throws: ``AlertState/LoadError`` for a future version and for what the file system refuses; a corrupt file is an
    ///   event, and everything begins anew.
    package init(
        _ configuration: AlertsConfiguration, sources: AlertSources, directory: String,
        files: any FileSystem = POSIXFileSystem(), senders: [String: any NoticeSender],
        now: @escaping @Sendable () -> UInt64, onEvent: @escaping @Sendable (Event) -> Void
    ) throws(AlertState.LoadError) {
        self.configuration = configuration
        self.sources = sources
        self.directory = directory
        self.files = files
        self.now = now
        self.onEvent = onEvent
        examples = ExampleTraces(configuration, sources)
        var loaded = AlertState()
        do throws(AlertState.LoadError) {
            loaded = try AlertState.load(from: directory, files: files) ?? AlertState()
        } catch {
            guard case .corrupt = error else { throw error }
            onEvent(.stateDiscarded(reason: "\(error)"))
        }
        state = Mutex(State(machine: loaded.machine, plan: loaded.plan))
        let wakeup = DispatchSemaphore(value: 0)
        let changed = Flag()
        self.wakeup = wakeup
        queuesChanged = changed
        workers = configuration.notifiers.compactMap { notifier in
            senders[notifier.id].map { sender in
                NotifierWorker(
                    notifier, queue: loaded.queues[notifier.id] ?? [], sender: sender, now: now,
                    onChange: {
                        changed.set()
                        wakeup.signal()
                    },
                    onTrouble: { onEvent(.notDelivered(notifier: $0, reason: $1, isFinal: $2)) })
            }
        }
    }

    // MARK: threads

    /// Evaluates every `interval` until told to stop, and saves what has changed.
    package func run() {
        var evaluator = AlertEvaluator(configuration, sources)
        var saved = current
        for worker in workers { worker.wake() }
        while !isStopped.load(ordering: .acquiring) {
            let begin = ContinuousClock.now
            tick(&evaluator, saved: &saved)
            let next = begin + .nanoseconds(Int64(clamping: configuration.interval))
            // Between two evaluations deliveries want to be written down.
            while !isStopped.load(ordering: .acquiring), ContinuousClock.now < next {
                let rest = ContinuousClock.now.duration(to: next).components
                let nanoseconds = Int(rest.seconds) * 1_000_000_000 + Int(rest.attoseconds / 1_000_000_000)
                _ = wakeup.wait(timeout: .now() + .nanoseconds(max(0, nanoseconds)))
                if queuesChanged.take() { save(&saved) }
            }
        }
        save(&saved)
    }

    /// The bodies of the notifiers' threads, by their ids.
    package var deliveries: [(name: String, run: @Sendable () -> Void)] {
        workers.map { worker in (worker.configuration.id, { worker.run() }) }
    }

    /// One step of each delivery, for who has a clock of his own: nanoseconds until there is more to do, nil when there
    /// is nothing.
    package var deliverySteps: [@Sendable () -> UInt64?] {
        workers.map { worker in { worker.step() } }
    }

    /// Ends ``run()`` and the deliveries as soon as possible. What was not delivered waits for the next start.
    package func requestStop() {
        isStopped.store(true, ordering: .releasing)
        for worker in workers { worker.requestStop() }
        wakeup.signal()
    }

    // MARK: evaluation

    /// One evaluation: brings the alerts up to date, makes the notices that are due, saves and lets them go.
    ///
    /// - Parameter saved: What is on disk.
    package func tick(_ evaluator: inout AlertEvaluator, saved: inout AlertState) {
        let now = now()
        let results = evaluator.evaluate(at: now)
        let transitions = state.withLock { state in
            note(results, in: &state, at: now)
            let transitions = state.machine.apply(results, of: configuration.rules, at: now)
            state.plan.note(transitions, at: now)
            return transitions
        }
        showExamples(of: transitions, at: now)
        report(results, transitions)
        let notices = state.withLock { state in
            let firing = state.machine.sortedAlerts.filter { $0.state == .firing }
            return state.plan.notices(firing, configuration, at: now)
        }
        for notice in notices { workers.first { $0.configuration.id == notice.notifier }?.add(notice) }
        _ = queuesChanged.take()
        save(&saved)
        if !notices.isEmpty { for worker in workers { worker.wake() } }
    }

    /// What is on disk before the first evaluation.
    package var current: AlertState {
        var result = AlertState()
        (result.machine, result.plan) = state.withLock { ($0.machine, $0.plan) }
        for worker in workers { result.queues[worker.configuration.id] = worker.queue }
        return result
    }

    private func note(_ results: [RuleResult], in state: inout State, at now: UInt64) {
        state.statistics.evaluations += 1
        for result in results {
            switch result.outcome {
            case .notDue: continue
            case .measured:
                state.problems[result.rule] = nil
                state.evaluatedAt[result.rule] = now
            case .unknown(let reason):
                state.problems[result.rule] = reason
                state.statistics.failedEvaluations += 1
            }
            state.groupsOverLimit[result.rule] = result.groupsOverLimit
        }
    }

    private func showExamples(of transitions: [AlertMachine.Transition], at now: UInt64) {
        let alerts = state.withLock { $0.machine.alerts }
        var looked = 0
        for transition in transitions {
            let key: Alert.Key
            switch transition {
            case .fired(let fired): key = fired
            case .escalated(let escalated): key = escalated
            case .ended: continue
            }
            guard let alert = alerts[key], let rule = configuration.rules.first(where: { $0.name == key.rule }) else {
                continue
            }
            let found = looked < Self.examplesMax ? examples.find(alert, of: rule, at: now) : []
            looked += 1
            let url = examples.queryURL(alert, of: rule, at: now)
            state.withLock { $0.machine.setExamples(found, queryURL: url, of: key) }
        }
    }

    private func report(_ results: [RuleResult], _ transitions: [AlertMachine.Transition]) {
        for result in results {
            if case .unknown(let reason) = result.outcome {
                onEvent(.ruleFailed(rule: configuration.rules[result.rule].name, reason: reason))
            }
            if result.groupsOverLimit > 0 {
                onEvent(.tooManyGroups(over: result.groupsOverLimit, rule: configuration.rules[result.rule].name))
            }
        }
        let alerts = state.withLock { $0.machine.alerts }
        for transition in transitions {
            switch transition {
            case .fired(let key), .escalated(let key): if let alert = alerts[key] { onEvent(.fired(alert)) }
            case .ended(let alert): onEvent(.ended(alert))
            }
        }
    }

    /// Writes the state, if it is another than what is on disk.
    package func save(_ saved: inout AlertState) {
        let current = current
        guard current != saved else { return }
        do throws(FileError) {
            try current.write(to: directory, files: files)
            saved = current
        } catch {
            state.withLock { $0.statistics.failedSaves += 1 }
            onEvent(.saveFailed(error))
        }
    }

    // MARK: telling

    package var statistics: AlertStatistics { state.withLock { $0.statistics } }

    package var report: AlertsReport {
        let now = now()
        var result = AlertsReport()
        result.notifiers = workers.map(\.report)
        result.silences = configuration.silences.map { .init(silence: $0, isActive: $0.isActive(at: now)) }
        state.withLock { state in
            let alerts = state.machine.sortedAlerts
            result.alerts = alerts.map { alert in
                .init(
                    alert: alert,
                    isSilenced: configuration.silences.contains { $0.mutes(alert.labels, at: now) })
            }
            result.rules = configuration.rules.enumerated().map { place, rule in
                let mine = alerts.filter { $0.key.rule == rule.name }
                return AlertsReport.Rule(
                    rule: rule, state: mine.contains { $0.state == .firing } ? .firing : mine.first?.state,
                    alerts: mine.count, groupsOverLimit: state.groupsOverLimit[place] ?? 0,
                    evaluatedAt: state.evaluatedAt[place], problem: state.problems[place])
            }
            result.incidents = state.machine.incidents.reversed()
        }
        return result
    }
}
