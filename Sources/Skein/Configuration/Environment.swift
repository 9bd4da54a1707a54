import ContextBaggage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A value of the environment that cannot be used.
public struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    /// The variable, or the option in code.
    public let name: String
    /// What stands there, but for what may be a secret.
    public let value: String
    /// What was expected, and what is used instead.
    public let expected: String

    /// One line for a log.
    public var description: String { "\(name) is '\(value)', expected \(expected)" }
}

/// Reads `OTEL_*` variables by the rules of OpenTelemetry: an empty value counts as absent, a value that cannot be
/// used is reported and its default stays.
struct Environment {
    private let lookup: (String) -> String?
    private(set) var problems: [ConfigurationProblem] = []

    init(_ lookup: @escaping (String) -> String?) {
        self.lookup = lookup
    }

    /// The process's own variables.
    static let process: @Sendable (String) -> String? = { name in
        getenv(name).map { String(cString: $0) }
    }

    func string(_ name: String) -> String? {
        guard let value = lookup(name).map({ String($0.trimmingOptionalWhitespace()) }), !value.isEmpty else {
            return nil
        }
        return value
    }

    /// The first of several variables that is set, with its name.
    func first(of names: [String]) -> (name: String, value: String)? {
        for name in names {
            if let value = string(name) { return (name, value) }
        }
        return nil
    }

    /// Reports a value once, also where several signals read it.
    mutating func report(_ name: String, _ value: String, expected: String) {
        guard !problems.contains(where: { $0.name == name && $0.value == value }) else { return }
        problems.append(ConfigurationProblem(name: name, value: value, expected: expected))
    }

    /// Takes over what another reader of the same variables reported.
    mutating func report(_ others: [ConfigurationProblem]) {
        for problem in others { report(problem.name, problem.value, expected: problem.expected) }
    }

    /// Only `true` in any case is true. The first of the variables that is set counts.
    mutating func flag(_ names: [String]) -> Bool {
        guard let (name, value) = first(of: names) else { return false }
        switch value.lowercased() {
        case "true": return true
        case "false": return false
        default:
            report(name, value, expected: "true or false; taken as false")
            return false
        }
    }

    /// Sets `target` to a whole number of at least `min`.
    mutating func integer(_ name: String, min: Int, into target: inout Int) {
        guard let value = string(name) else { return }
        guard let number = Int(value), number >= min else {
            return report(name, value, expected: "a whole number from \(min); \(target) is used")
        }
        target = number
    }

    /// Sets `target` to a number of milliseconds.
    mutating func milliseconds(_ names: [String], min: Int, into target: inout Duration) {
        guard let (name, value) = first(of: names) else { return }
        guard let number = Int(value), number >= min, number <= Int(Int32.max) else {
            return report(name, value, expected: "milliseconds, a whole number from \(min); \(target) is used")
        }
        target = .milliseconds(number)
    }

    /// Names separated by commas, in lower case, each once; nil when there are none.
    func list(_ name: String) -> [String]? {
        var names: [String] = []
        for part in (string(name) ?? "").split(separator: ",") {
            let item = part.trimmingOptionalWhitespace().lowercased()
            if !item.isEmpty, !names.contains(item) { names.append(item) }
        }
        return names.isEmpty ? nil : names
    }

    /// A list `key=value,key2=value2` with percent-encoded values; nil, with a report, when any of it is malformed.
    ///
    /// - Parameter isSecret: the report does not show the list.
    mutating func pairs(_ names: [String], isSecret: Bool = false) -> [(key: String, value: String)]? {
        guard let (name, text) = first(of: names) else { return nil }
        var pairs: [(key: String, value: String)] = []
        for part in text.split(separator: ",") {
            let member = part.trimmingOptionalWhitespace()
            if member.isEmpty { continue }
            guard let equals = member.firstIndex(of: "="),
                case let key = member[..<equals].trimmingOptionalWhitespace(), !key.isEmpty,
                let value = PercentEncoding.decode(member[member.index(after: equals)...].trimmingOptionalWhitespace())
            else {
                report(
                    name, isSecret ? "(not shown)" : text,
                    expected: "key=value pairs separated by commas; none of them is used")
                return nil
            }
            pairs.append((String(key), value))
        }
        return pairs
    }
}
