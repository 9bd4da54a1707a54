import ArgumentParser
import Foundation

/// The address of a service: an `http` or `https` URL with a host.
struct HTTPAddress: ExpressibleByArgument, Sendable, CustomStringConvertible {
    let url: URL

    init?(argument: String) {
        guard let url = URL(string: argument), ["http", "https"].contains(url.scheme), url.host() != nil else {
            return nil
        }
        self.url = url
    }

    var description: String { url.absoluteString }
}
