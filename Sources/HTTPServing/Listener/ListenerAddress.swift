import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where a listener should listen.
package struct ListenerAddress: Sendable, Hashable, CustomStringConvertible {
    /// What the listener is called in messages, `otlp_http`.
    package let name: String
    /// A host name or an IP address, IPv6 without brackets.
    package let host: String
    /// 0 lets the system choose.
    package let port: Int

    package init(name: String, host: String, port: Int) {
        self.name = name
        self.host = host
        self.port = port
    }

    /// `host:port`, with brackets around an IPv6 address.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Where a listener does listen; the port is never 0.
package struct BoundAddress: Sendable, Hashable, CustomStringConvertible {
    package let name: String
    package let host: String
    package let port: Int

    /// `host:port`, with brackets around an IPv6 address.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The line that announces the listener: `listening <name> <host>:<port>`.
    package var announcement: String { "listening \(name) \(self)" }
}

/// Why a listener could not start.
package enum ListenerError: Error, Equatable, Sendable, CustomStringConvertible {
    case portInUse(ListenerAddress)
    /// Usually a port under 1024 without the right to it.
    case permissionDenied(ListenerAddress)
    /// The host is no address of this machine or cannot be resolved.
    case unknownHost(ListenerAddress)
    case bindFailed(ListenerAddress, reason: String)
    /// `start` after `start` or `shutdown`: a listener serves once.
    case notStartable(ListenerAddress)

    package var description: String {
        switch self {
        case .portInUse(let address): "\(address) is in use (listener \(address.name))"
        case .permissionDenied(let address):
            "no permission to listen on \(address) (listener \(address.name))"
        case .unknownHost(let address):
            "cannot listen on \(address): not an address of this machine (listener \(address.name))"
        case .bindFailed(let address, let reason): "cannot listen on \(address): \(reason) (listener \(address.name))"
        case .notStartable(let address): "listener \(address.name) was started or shut down before"
        }
    }

    /// Sorts what the system said about a bind.
    init(_ error: any Error, address: ListenerAddress) {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE: self = .portInUse(address)
        case EACCES, EPERM: self = .permissionDenied(address)
        case EADDRNOTAVAIL: self = .unknownHost(address)
        default:
            if case .unknown? = error as? SocketAddressError {
                self = .unknownHost(address)
            } else {
                self = .bindFailed(address, reason: "\(error)")
            }
        }
    }
}
