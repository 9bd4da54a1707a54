import ContextBaggage

/// The `tracestate` of W3C Trace Context: vendor entries in order, the newest leftmost.
///
/// Keys begin with a lowercase letter or a digit, behind which `@` is a character like any other (Trace Context level 2,
/// section 3.3.1.3.1; level 1 wanted the form `tenant@system`).
public struct TraceState: Sendable, Equatable {
    /// Entries a list may have; a longer one is discarded as a whole.
    static let membersMax = 32
    /// Bytes a list may have: what common HTTP servers take as one header line, and far over the 512 that must be
    /// carried on. Past it whole entries fall out, those over ``largeMemberBytes`` first, each time the rightmost
    /// (section 3.3.1.5, tracestate limits).
    static let headerBytesMax = 8192
    /// Bytes over which an entry counts as large.
    static let largeMemberBytes = 128
    /// Bytes of a key.
    static let keyBytesMax = 256
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
        guard let first = key.first, isLetter(first) || isDigit(first) else { return false }
        return key.count <= keyBytesMax && key.allSatisfy(isKeyByte)
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
            || byte == UInt8(ascii: "@")
    }
}
