import ContextBaggage

/// The `tracestate` of W3C Trace Context: vendor entries in order, the newest leftmost.
///
/// Keys begin with a lowercase letter or a digit, as level 2 allows. A key with an `@` must have the form
/// `tenant@system` of level 1: level 2 would allow `@` anywhere behind the first character, but the specification's own
/// conformance suite still refuses that, and so do other implementations behind which such an entry would be lost.
public struct TraceState: Sendable, Equatable {
    /// Entries a list may have; a longer one is discarded as a whole.
    static let membersMax = 32
    /// Bytes a list may have: what common HTTP servers take as one header line, and far over the 512 that must be
    /// carried on. Past it whole entries fall out, those over ``largeMemberBytes`` first, each time the rightmost
    /// (section 3.3.1.5, tracestate limits).
    static let headerBytesMax = 8192
    /// Bytes over which an entry counts as large.
    static let largeMemberBytes = 128
    /// Bytes of a key; and of its tenant and system parts where it has an `@`.
    static let keyBytesMax = 256
    static let tenantBytesMax = 241
    static let systemBytesMax = 14
    /// Bytes of a value.
    static let valueBytesMax = 256

    /// The list as it is sent, `key=value` entries joined by commas; empty when there are none.
    public let header: String

    /// No entries.
    public init() {
        header = ""
    }

    private init(unchecked header: String) {
        self.header = header
    }

    /// Reads a header, or several joined by commas in their order.
    ///
    /// Nil when any entry is malformed or there are more than 32. Of entries with the same key the leftmost, which is
    /// the newest, is kept.
    public init?(header text: String) {
        var keys: Set<Substring> = []
        var members: [Substring] = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let member = Substring(part).trimmingOptionalWhitespace()
            if member.isEmpty { continue }
            guard let equals = member.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let key = member[..<equals]
            guard Self.isKey(key.utf8), Self.isValue(member[member.utf8.index(after: equals)...].utf8) else {
                return nil
            }
            if keys.insert(key).inserted { members.append(member) }
            guard keys.count <= Self.membersMax else { return nil }
        }
        header = Self.joined(members)
    }

    /// Whether there are no entries.
    public var isEmpty: Bool { header.isEmpty }

    /// The value of `key`; nil when it has no entry.
    public subscript(key: String) -> String? {
        for member in header.split(separator: ",") where member.hasPrefix(key) {
            let rest = member.dropFirst(key.count)
            if rest.first == "=" { return String(rest.dropFirst()) }
        }
        return nil
    }

    /// The same list with the entry of `key` replaced and moved to the left, or removed when `value` is nil. Past 32
    /// entries the rightmost falls out. A malformed key or value changes nothing.
    public func setting(_ key: String, to value: String?) -> TraceState {
        guard Self.isKey(key.utf8[...]), value.map({ Self.isValue($0.utf8[...]) }) ?? true else { return self }
        var members = header.split(separator: ",").filter { !$0.hasPrefix("\(key)=") }
        if let value { members.insert("\(key)=\(value)", at: 0) }
        return TraceState(unchecked: Self.joined(Array(members.prefix(Self.membersMax))))
    }

    private static func joined(_ members: [Substring]) -> String {
        var members = members
        var bytes = members.reduce(members.count - 1) { $0 + $1.utf8.count }
        while bytes > headerBytesMax {
            let index = members.lastIndex { $0.utf8.count > largeMemberBytes } ?? members.endIndex - 1
            bytes -= members.remove(at: index).utf8.count + 1
        }
        return members.joined(separator: ",")
    }

    private static func isKey(_ key: Substring.UTF8View) -> Bool {
        guard !key.isEmpty, key.count <= keyBytesMax else { return false }
        let parts = key.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard let name = parts.first, let first = name.first, isLetter(first) || isDigit(first),
            name.allSatisfy(isKeyByte)
        else { return false }
        switch parts.count {
        case 1: return true
        case 2:
            guard let system = parts[1].first, isLetter(system), parts[1].allSatisfy(isKeyByte) else { return false }
            return name.count <= tenantBytesMax && parts[1].count <= systemBytesMax
        default: return false
        }
    }

    private static func isValue(_ value: Substring.UTF8View) -> Bool {
        guard let last = value.last, last != 0x20, value.count <= valueBytesMax else { return false }
        return value.allSatisfy {
            $0 >= 0x20 && $0 <= 0x7E && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=")
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "/")
    }
}
