import Synchronization

/// Opens when a number of arrivals has been counted, and stays open.
final class Barrier: Sendable {
    private struct State {
        var missing: Int
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(arrivals: Int = 1) {
        state = Mutex(State(missing: arrivals))
    }

    func arrive() {
        let ready = state.withLock { state in
            state.missing -= 1
            guard state.missing <= 0 else { return [] as [CheckedContinuation<Void, Never>] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in ready { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if state.missing > 0 { state.waiters.append(continuation) }
                return state.missing <= 0
            }
            if isOpen { continuation.resume() }
        }
    }
}
