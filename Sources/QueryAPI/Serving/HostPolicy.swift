import HTTPServing
import HTTPTypes
import Hummingbird

/// Which Host and Origin a request may carry. A page of a foreign site whose name was made to resolve to this machine
/// (DNS rebinding) sends its own name, and is refused.
package struct HostPolicy: Sendable, Hashable {
    /// Names in lower case without port and brackets; nil for any, where an Origin has to name the Host.
    package let hosts: Set<String>?

    /// Accepts these names and no others; nil accepts any.
    package init(hosts: (some Sequence<String>)?) {
        self.hosts = hosts.map { Set($0.map { $0.lowercased() }) }
    }

    /// The names of loopback, the bound host and `allowed_hosts`. A listener on all addresses has names that it cannot
    /// know; it takes any Host unless `allowed_hosts` are given.
    package init(_ configuration: QueryConfiguration) {
        let bound = configuration.endpoint.host
        if ["0.0.0.0", "::"].contains(bound), configuration.allowedHosts.isEmpty {
            self.init(hosts: [String]?.none)
        } else {
            self.init(hosts: ["localhost", "127.0.0.1", "::1", bound] + configuration.allowedHosts)
        }
    }

    /// - Parameters:
    ///   - authority: the Host header, `name`, `name:port` or `[v6]:port`.
    ///   - origin: the Origin header, if the request has one.
    func allows(authority: String?, origin: String?) -> Bool {
        guard let authority, let host = Self.host(of: authority) else { return false }
        if let hosts, !hosts.contains(host) { return false }
        guard let origin else { return true }
        guard let separator = origin.firstRange(of: "://"),
            ["http", "https"].contains(origin[..<separator.lowerBound].lowercased())
        else { return false }
        let originAuthority = String(origin[separator.upperBound...])
        guard let hosts else { return originAuthority.lowercased() == authority.lowercased() }
        return Self.host(of: originAuthority).map(hosts.contains) ?? false
    }

    /// The name in an authority, in lower case without brackets; nil when it is none.
    static func host(of authority: String) -> String? {
        var host = authority[...]
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            guard rest.isEmpty || (rest.first == ":" && isPort(rest.dropFirst())) else { return nil }
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.firstIndex(of: ":") {
            guard isPort(host[host.index(after: colon)...]) else { return nil }
            host = host[..<colon]
        }
        return host.isEmpty ? nil : host.lowercased()
    }

    private static func isPort(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

/// Refuses requests with a foreign Host or Origin with 403, before anything else looks at them.
package struct HostCheckMiddleware<Context: RequestContext>: RouterMiddleware {
    private let policy: HostPolicy

    package init(_ policy: HostPolicy) {
        self.policy = policy
    }

    package func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard policy.allows(authority: request.head.authority, origin: request.headers[.origin]) else {
            throw APIError(
                status: .forbidden, code: "foreign_host", message: "Host or Origin is not one of this listener",
                hint: "use localhost or the bound address, or add the name to query.allowed_hosts")
        }
        return try await next(request, context)
    }
}
