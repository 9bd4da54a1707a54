/// Where listeners bind when their own configuration does not say (`ports`).
package struct PortsConfiguration: Sendable, Equatable {
    /// The address of every default listener; anything but loopback must be asked for.
    package var host = "127.0.0.1"
    /// Added to every default port, so that several collectors run side by side.
    package var offset = 0

    package init() {}

    package init(_ section: ConfigurationSection) {
        host = section.string("host", default: host)
        offset = section.integer("offset", default: offset, in: 0...40_000)
        section.end()
    }

    package func endpoint(_ port: Int) -> ListenEndpoint { ListenEndpoint(host: host, port: port + offset) }
}

/// An address that a listener binds.
package struct ListenEndpoint: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    /// 0 lets the system choose.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`, `[v6]:port` and `:port` (all addresses); nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.contains(where: { $0 == "/" || $0.isWhitespace }) else { return nil }
        self.init(host: host.isEmpty ? "0.0.0.0" : host, port: port)
    }

    package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension ConfigurationSection {
    /// The `endpoint` key of a listener.
    package func endpoint(_ key: String = "endpoint", default standard: ListenEndpoint) -> ListenEndpoint {
        guard let text = optionalString(key) else { return standard }
        guard let endpoint = ListenEndpoint(text) else {
            fail(key, "'\(text)' is not valid, expected host:port, such as 127.0.0.1:4318")
            return standard
        }
        return endpoint
    }
}
