import NIOCore
import Synchronization

/// The open connections of one listener and the tasks that serve them.
final class ConnectionRegistry: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: any Channel] = [:]
        var tasks: [ObjectIdentifier: Task<Void, Never>] = [:]
        var isDraining = false
    }

    private let state = Mutex(State())
    private let maxConnections: Int

    /// - Parameter maxConnections: past it a new connection is closed at once.
    init(maxConnections: Int) {
        self.maxConnections = maxConnections
    }

    /// Counts `channel` in until it closes; false when it is one too many or the listener is stopping.
    func admit(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let admitted = state.withLock { state in
            guard !state.isDraining, state.connections.count < maxConnections else { return false }
            state.connections[id] = channel
            return true
        }
        guard admitted else { return false }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { state in
                state.connections[id] = nil
                state.tasks[id] = nil
            }
        }
        return true
    }

    /// Ties `task` to its connection: it is cancelled when the connection is closed by force.
    func attach(_ task: Task<Void, Never>, to channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLock { state in
            if state.connections[id] != nil { state.tasks[id] = task }
        }
    }

    /// Admits nobody from now on; returns who is connected.
    func beginDraining() -> [any Channel] {
        state.withLock { state in
            state.isDraining = true
            return Array(state.connections.values)
        }
    }

    /// Closes what is still open and cancels its tasks.
    func closeAll() {
        let (channels, tasks) = state.withLock { (Array($0.connections.values), Array($0.tasks.values)) }
        for task in tasks { task.cancel() }
        for channel in channels { channel.close(promise: nil) }
    }
}
