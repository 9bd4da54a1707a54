import Synchronization

/// Whether the collector takes spans, and if not, why. Safe from any thread.
package final class CollectorHealth: Sendable {
    package enum State: String, Sendable {
        case starting, ready, draining
    }

    private let state = Mutex(State.starting)
    private let upSince: UInt64
    private let isRefusing: @Sendable () -> String?

    /// - Parameter isRefusing: Why a request would be refused now although the collector runs; nil if it would not.
    package init(upSince: UInt64 = ProcessStatistics.now(), isRefusing: @escaping @Sendable () -> String?) {
        self.upSince = upSince
        self.isRefusing = isRefusing
    }

    package func set(_ new: State) { state.withLock { $0 = new } }

    /// Why requests would be refused now; nil when they would be taken.
    package var refusal: String? { isRefusing() }

    package var current: State { state.withLock { $0 } }

    /// What the health endpoint says.
    package struct Report: Sendable, Equatable {
        package let isHealthy: Bool
        package let status: String
        package let uptimeNanoseconds: UInt64
    }

    package func report(now: UInt64 = ProcessStatistics.now()) -> Report {
        let uptime = now > upSince ? now - upSince : 0
        switch current {
        case .starting: return Report(isHealthy: false, status: "starting", uptimeNanoseconds: uptime)
        case .draining: return Report(isHealthy: false, status: "draining", uptimeNanoseconds: uptime)
        case .ready:
            if let reason = isRefusing() {
                return Report(isHealthy: false, status: "refusing: \(reason)", uptimeNanoseconds: uptime)
            }
            return Report(isHealthy: true, status: "Server available", uptimeNanoseconds: uptime)
        }
    }
}
