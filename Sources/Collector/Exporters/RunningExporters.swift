import Dispatch
import Journal
import Logging
import OTLP
import Synchronization
import TraceStorage

/// All exporters of a collector with their threads, in whose place others come when the configuration is read anew.
///
/// Order of use: ``init(_:_:)``, ``start()``, changes, ``requestEnd()``, ``join(until:)``, ``stop()`` when that took
/// too long, ``shutdown()``.
final class RunningExporters: Sendable {
    struct Forwarder: Sendable {
        let configuration: OTLPHTTPExporterConfiguration
        let reader: JournalReader
        let exporter: OTLPHTTPExporter
        let thread: ParkedThread
    }

    struct Pusher: Sendable {
        let configuration: MetricsPushConfiguration
        let pusher: MetricsPusher
        let thread: ParkedThread
    }

    /// Why exporters cannot be changed.
    struct Draining: Error, CustomStringConvertible {
        let description = "the collector is draining"
    }

    private struct State {
        var forwarders: [Forwarder] = []
        var pushers: [Pusher] = []
        var isStarted = false
        /// Nothing is changed any more.
        var isEnding = false
        var isStopped = false
    }

    private let state = Mutex(State())
    /// Held by a change while it goes on, so that the end finds all or nothing of it.
    private let changing = DispatchSemaphore(value: 1)
    private let sources: ExporterSources

    /// Seconds that a part may take to stop once its connections are cut.
    private static let stopSeconds = 5

    /// Makes the exporters and takes their places in the journal; nothing is sent before ``start()``.
    init(_ configuration: CollectorConfiguration, _ sources: ExporterSources) throws {
        self.sources = sources
        let (forwarders, pushers) = make(
            try ExporterChange(to: configuration, from: [:], [:], sources), insteadOf: [:])
        state.withLock { ($0.forwarders, $0.pushers) = (forwarders, pushers) }
    }

    /// A collector that was never started has threads that wait.
    deinit {
        let state = state.withLock { $0 }
        guard !state.isStarted else { return }
        for forwarder in state.forwarders { forwarder.thread.giveUp() }
        for pusher in state.pushers { pusher.thread.giveUp() }
    }

    func start() {
        let (forwarders, pushers) = state.withLock { state in
            state.isStarted = true
            return (state.forwarders, state.pushers)
        }
        run(forwarders, pushers)
    }

    private func run(_ forwarders: [Forwarder], _ pushers: [Pusher]) {
        for forwarder in forwarders { forwarder.thread.run { forwarder.exporter.run() } }
        for pusher in pushers { pusher.thread.run { pusher.pusher.run() } }
    }

    /// Ids of those that forward spans.
    var forwarderIDs: [String] { state.withLock { $0.forwarders.map(\.configuration.id) } }

    // MARK: other exporters

    /// Gets all that another configuration needs; nothing of what runs is touched. What is given is to be used or
    /// discarded. To be called by one thread at a time.
    func change(to configuration: CollectorConfiguration) throws -> ExporterChange {
        let now = state.withLock { $0 }
        guard now.isStarted, !now.isEnding else { throw Draining() }
        return try ExporterChange(
            to: configuration,
            from: Dictionary(uniqueKeysWithValues: now.forwarders.map { ($0.configuration.id, $0.configuration) }),
            Dictionary(uniqueKeysWithValues: now.pushers.map { ($0.configuration.id, $0.configuration) }), sources)
    }

    /// Ends exporters that go or change and starts those that come. Those whose configuration is the same run on.
    ///
    /// One that changes goes on behind what its target has taken. What is under way when it is told to end is waited for;
    /// what is not answered by then is sent again to the new target. The journal forgets the places of those that go.
    /// Blocks. To be called by one thread at a time.
    ///
    /// - Parameter patience: How long requests under way are waited for.
    func use(_ change: ExporterChange, patience: Duration) {
        changing.wait()
        defer { changing.signal() }
        let old = state.withLock { $0 }
        guard !old.isEnding else { return change.discard() }
        let beginning = Set(change.forwarders.map(\.configuration.id))
        let beginningPushers = Set(change.pushers.map(\.configuration.id))
        func stays(_ forwarder: Forwarder) -> Bool {
            let id = forwarder.configuration.id
            return change.forwarderIDs.contains(id) && !beginning.contains(id)
        }
        func stays(_ pusher: Pusher) -> Bool {
            let id = pusher.configuration.id
            return change.pusherIDs.contains(id) && !beginningPushers.contains(id)
        }
        let (leaving, leavingPushers) = (old.forwarders.filter { !stays($0) }, old.pushers.filter { !stays($0) })
        end(leaving, leavingPushers, patience: patience)

        let begun = make(
            change, insteadOf: Dictionary(uniqueKeysWithValues: leaving.map { ($0.configuration.id, $0.reader) }))
        for forwarder in leaving where !change.forwarderIDs.contains(forwarder.configuration.id) {
            forwarder.reader.unregister()
        }
        forgetMetrics(of: old, after: change)
        let now = state.withLock { state in
            let forwarders = old.forwarders.filter(stays) + begun.forwarders
            let pushers = old.pushers.filter(stays) + begun.pushers
            state.forwarders = change.forwarderIDs.compactMap { id in forwarders.first { $0.configuration.id == id } }
            state.pushers = change.pusherIDs.compactMap { id in pushers.first { $0.configuration.id == id } }
            return state
        }
        // The end may have been told to those that were there before.
        if now.isEnding { for pusher in begun.pushers { pusher.pusher.requestStop() } }
        if now.isStopped { for forwarder in begun.forwarders { forwarder.exporter.requestStop() } }
        run(begun.forwarders, begun.pushers)
        log(old, change)
    }

    private func make(
        _ change: ExporterChange, insteadOf old: [String: JournalReader]
    ) -> (forwarders: [Forwarder], pushers: [Pusher]) {
        let forwarders = change.forwarders.compactMap { part -> Forwarder? in
            do {
                let before = old[part.configuration.id]
                let reader = try part.reader ?? sources.reader(part.configuration, insteadOf: before)
                return sources.forwarder(part.configuration, client: part.client, reader: reader, thread: part.thread)
            } catch {
                // Nobody else gives a reader up; all the same nothing may wait for ever.
                sources.logger.error(
                    "an exporter has lost its place in the journal",
                    metadata: ["exporter": "\(part.configuration.id)", "error": "\(error)"])
                part.thread.giveUp()
                return nil
            }
        }
        let pushers = change.pushers.map { part in
            sources.pusher(part.configuration, transport: part.transport, thread: part.thread)
        }
        return (forwarders, pushers)
    }

    /// Ends exporters, all at once; those that wait for an answer for too long by cutting their connections.
    private func end(_ forwarders: [Forwarder], _ pushers: [Pusher], patience: Duration) {
        for forwarder in forwarders { forwarder.exporter.requestEnd() }
        for pusher in pushers { pusher.pusher.requestEnd() }
        let threads = forwarders.map(\.thread.thread) + pushers.map(\.thread.thread)
        let deadline = DispatchTime.now() + .nanoseconds(Int(clamping: patience.nanosecondsClamped))
        _ = threads.allSatisfy { $0.join(until: deadline) }
        for forwarder in forwarders { forwarder.exporter.requestStop() }
        for pusher in pushers { pusher.pusher.shutdown() }
        report(threads)
    }

    private func report(_ threads: [WorkerThread]) {
        for thread in threads where !thread.join(until: .now() + .seconds(Self.stopSeconds)) {
            sources.logger.error("a part did not stop", metadata: ["part": "\(thread.name)"])
        }
    }

    /// Removes what was told about exporters that are gone. An exporter may forward spans and push metrics, and cease to
    /// do one of them.
    private func forgetMetrics(of old: State, after change: ExporterChange) {
        for id in Set(old.forwarders.map(\.configuration.id) + old.pushers.map(\.configuration.id)) {
            var names: Set<String> = []
            if change.forwarderIDs.contains(id) { names.formUnion(ExporterCounters.names) }
            if change.pusherIDs.contains(id) { names.formUnion(MetricsPushCounters.names) }
            sources.metrics.remove(["exporter": id], keeping: names)
        }
    }

    private func log(_ old: State, _ change: ExporterChange) {
        let before = Set(old.forwarders.map(\.configuration.id) + old.pushers.map(\.configuration.id))
        let begun = Set(change.forwarders.map(\.configuration.id) + change.pushers.map(\.configuration.id))
        let lists = [
            ("added", begun.subtracting(before)), ("changed", begun.intersection(before)),
            ("removed", before.subtracting(change.forwarderIDs + change.pusherIDs)),
        ].filter { !$0.1.isEmpty }
        guard !lists.isEmpty else { return }
        sources.logger.notice(
            "exporters are others now",
            metadata: Dictionary(
                uniqueKeysWithValues: lists.map { ($0.0, "\($0.1.sorted().joined(separator: ", "))") }))
    }

    // MARK: the end

    /// Refuses changes from now on and ends the pushing of metrics. The forwarding of spans ends with the journal.
    func requestEnd() {
        let pushers = state.withLock { state in
            state.isEnding = true
            return state.pushers
        }
        for pusher in pushers { pusher.pusher.requestStop() }
    }

    /// Waits until a change that is under way is over and all exporters have ended; false when that takes longer than
    /// until `deadline`.
    func join(until deadline: DispatchTime) -> Bool {
        guard changing.wait(timeout: deadline) == .success else { return false }
        changing.signal()
        return threads.allSatisfy { $0.join(until: deadline) }
    }

    private var threads: [WorkerThread] {
        state.withLock { state in
            guard state.isStarted else { return [] }
            return state.forwarders.map(\.thread.thread) + state.pushers.map(\.thread.thread)
        }
    }

    /// Pushes metrics for the last time, once all have ended.
    func pushLast() {
        for pusher in state.withLock({ $0.pushers }) { pusher.pusher.pushLast() }
    }

    /// Ends all exporters at once, also where targets do not answer, and waits for that.
    func stop() {
        let state = state.withLock { state in
            state.isStopped = true
            return state
        }
        for forwarder in state.forwarders { forwarder.exporter.requestStop() }
        if changing.wait(timeout: .now() + .seconds(Self.stopSeconds)) == .success { changing.signal() }
        report(threads)
    }

    /// Gives the connections up, once all have ended.
    func shutdown() {
        let state = state.withLock { $0 }
        for forwarder in state.forwarders { forwarder.exporter.shutdown() }
        for pusher in state.pushers { pusher.pusher.shutdown() }
    }
}
