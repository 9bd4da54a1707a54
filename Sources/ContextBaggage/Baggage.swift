import ServiceContextModule

/// Name and value pairs that travel with a request through all services, by the W3C `baggage` header.
///
/// What is in it leaves the process with every outgoing request: keep secrets out.
public struct Baggage: Sendable, Equatable {
    /// Entries a header may have; further ones are left out.
    package static let membersMax = 64
    /// Bytes a header may have; entries that would go over are left out.
    package static let headerBytesMax = 8192

    /// One entry.
    public struct Entry: Sendable, Equatable {
        /// The name: an HTTP token.
        public let key: String
        /// The value as text; escapes are added and removed on the wire.
        public let value: String
        /// What follows the value, after a semicolon, as it came in.
        public let properties: String

        /// An entry without properties.
        public init(_ key: String, _ value: String) {
            self.init(key, value, properties: "")
        }

        init(_ key: String, _ value: String, properties: String) {
            self.key = key
            self.value = value
            self.properties = properties
        }
    }

    /// In the order in which they were added; names are distinct.
    public private(set) var entries: [Entry] = []

    /// No entries.
    public init() {}

    /// The value of the entry with that name. Setting replaces the entry, setting nil removes it. A name that is no
    /// HTTP token is not sent.
    public subscript(key: String) -> String? {
        get { entries.first { $0.key == key }?.value }
        set {
            entries.removeAll { $0.key == key }
            if let newValue { entries.append(Entry(key, newValue)) }
        }
    }

    /// Reads a header, or several joined by commas. Malformed entries and those past the limits are left out; of
    /// entries with the same name the last counts.
    package init(header: String) {
        var bytesLeft = Self.headerBytesMax
        for part in header.utf8.split(separator: UInt8(ascii: ",")) {
            guard part.count <= bytesLeft, entries.count < Self.membersMax else { return }
            bytesLeft -= part.count + 1
            guard let entry = Self.entry(Substring(part)) else { continue }
            entries.removeAll { $0.key == entry.key }
            entries.append(entry)
        }
    }

    /// The header to send; empty when there is nothing to send.
    package var header: String {
        var header = ""
        forEachSendable(properties: true) { key, value in
            if !header.isEmpty { header += "," }
            header += key
            header += "="
            header += value
        }
        return header
    }

    /// Calls `body` with every entry that may be sent: the first 64 whose name is an HTTP token, as long as all of them
    /// together fit 8,192 bytes. Values come percent-encoded, and with `properties` followed by them.
    package func forEachSendable(properties: Bool = false, _ body: (_ key: String, _ value: String) -> Void) {
        var (count, bytes) = (0, 0)
        for entry in entries where !entry.key.isEmpty && entry.key.utf8.allSatisfy(PercentEncoding.isTokenByte) {
            var value = ""
            PercentEncoding.encode(entry.value, into: &value)
            if properties, !entry.properties.isEmpty { value += ";\(entry.properties)" }
            // One byte for the equals sign, and one for the comma before all but the first.
            let size = entry.key.utf8.count + 1 + value.utf8.count + (count == 0 ? 0 : 1)
            guard bytes + size <= Self.headerBytesMax else { continue }
            bytes += size
            count += 1
            body(entry.key, value)
            if count == Self.membersMax { return }
        }
    }

    private static func entry(_ member: Substring) -> Entry? {
        let pieces = member.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        guard let pair = pieces.first, let equals = pair.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let key = pair[..<equals].trimmingOptionalWhitespace()
        let encoded = pair[pair.utf8.index(after: equals)...].trimmingOptionalWhitespace()
        guard !key.isEmpty, key.utf8.allSatisfy(PercentEncoding.isTokenByte),
            encoded.utf8.allSatisfy(PercentEncoding.isBaggageOctet), let value = PercentEncoding.decode(encoded)
        else { return nil }
        let properties = pieces.count > 1 ? String(pieces[1].trimmingOptionalWhitespace()) : ""
        guard properties.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || $0 == 0x09 }) else { return nil }
        return Entry(String(key), value, properties: properties)
    }
}

private enum BaggageContextKey: ServiceContextKey {
    typealias Value = Baggage
    static var nameOverride: String? { "baggage" }
}

extension ServiceContext {
    /// The baggage of the request that is being served.
    public var baggage: Baggage? {
        get { self[BaggageContextKey.self] }
        set { self[BaggageContextKey.self] = newValue }
    }
}
