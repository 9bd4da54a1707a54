import Alerting
import Dispatch
import Synchronization
import TraceStorage

/// The engine of the built-in alerts and its threads, in whose place another one comes when rules are read anew.
final class RunningAlerts: Sendable {
    private struct State {
        var engine: AlertEngine?
        var threads: [WorkerThread] = []
        var isStarted = false
        var isStopped = false
    }

    private let state: Mutex<State>

    /// - Parameter engine: Nil when nothing is configured.
    init(_ engine: AlertEngine?) { state = Mutex(State(engine: engine)) }

    var engine: AlertEngine? { state.withLock { $0.engine } }

    func start() throws(WorkerThread.StartError) {
        let engine = state.withLock { state in
            state.isStarted = true
            return state.engine
        }
        if let engine { try run(engine) }
    }

    private func run(_ engine: AlertEngine) throws(WorkerThread.StartError) {
        var threads = [try WorkerThread("alerts") { engine.run() }]
        for delivery in engine.deliveries { threads.append(try WorkerThread(delivery.name, delivery.run)) }
        state.withLock { $0.threads = threads }
    }

    /// Ends the engine, which writes down what it knows, and starts the one that `make` gives, which begins with that.
    /// Blocks until an evaluation that is under way is over. To be called by one thread at a time.
    func replace(_ make: () throws -> AlertEngine?) throws {
        let old = state.withLock { $0.isStarted && !$0.isStopped ? ($0.engine, $0.threads) : nil }
        guard let (engine, threads) = old else { return }
        engine?.requestStop()
        for thread in threads { thread.join() }
        // What was delivered after the engine's last look at its queues is not to be told again.
        var nothing = AlertState()
        engine?.save(&nothing)
        guard !state.withLock({ $0.isStopped }) else { return }
        state.withLock { ($0.engine, $0.threads) = (nil, []) }
        guard let next = try make() else { return }
        // Not after the collector was told to stop, which would not know of it.
        let isWanted = state.withLock { state in
            if !state.isStopped { state.engine = next }
            return !state.isStopped
        }
        if isWanted { try run(next) }
    }

    func requestStop() {
        let engine = state.withLock { state in
            state.isStopped = true
            return state.engine
        }
        engine?.requestStop()
    }

    /// Waits until all threads have ended; false when that takes longer than until `deadline`.
    func join(until deadline: DispatchTime) -> Bool {
        state.withLock { $0.threads }.allSatisfy { $0.join(until: deadline) }
    }
}
