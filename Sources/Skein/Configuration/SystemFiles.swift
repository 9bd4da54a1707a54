import ContextBaggage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// `/etc/os-release`: `KEY=value` lines, values in quotes where they hold spaces.
struct OSRelease {
    private var values: [Substring: String] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            guard let equals = line.firstIndex(of: "="), !line.hasPrefix("#") else { continue }
            var value = line[line.index(after: equals)...].trimmingOptionalWhitespace()
            if let quote = value.first, quote == "\"" || quote == "'", value.count > 1, value.last == quote {
                value = value.dropFirst().dropLast()
            }
            values[line[..<equals]] = value.isEmpty ? nil : String(value.prefix(256))
        }
    }

    subscript(key: Substring) -> String? { values[key] }
}

/// `/etc/passwd`: one user a line, fields between colons.
enum PasswordFile {
    /// The name with this id in the text of `/etc/passwd`.
    static func name(of id: uid_t, in text: String?) -> String? {
        for line in text?.split(whereSeparator: \.isNewline) ?? [] {
            let fields = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
            if fields.count > 3, uid_t(fields[2]) == id, !fields[0].isEmpty { return String(fields[0]) }
        }
        return nil
    }
}
