/// A place in a configuration: a file and line, or where else a value came from (`--set`, the defaults).
package struct ConfigurationPlace: Hashable, Sendable, CustomStringConvertible {
    package let source: String
    /// 1 for the first line; 0 where lines mean nothing.
    package let line: Int

    package init(source: String, line: Int = 0) {
        self.source = source
        self.line = line
    }

    package var description: String { line > 0 ? "\(source):\(line)" : source }
}

/// One value of a configuration document, before anyone asked for its type.
package struct ConfigurationNode: Sendable {
    package indirect enum Content: Sendable {
        case null
        /// `isPlain` is false for quoted text, which is never read as a number or null.
        case scalar(String, isPlain: Bool)
        case sequence([ConfigurationNode])
        case mapping([Member])
    }

    /// A key of a mapping and its value, in the order of the document.
    package struct Member: Sendable {
        package let key: String
        package let keyPlace: ConfigurationPlace
        package var value: ConfigurationNode
    }

    package var content: Content
    package let place: ConfigurationPlace
    /// Whether a part of it came from `${env:…}`, as secrets have to.
    package var isFromEnvironment = false

    package init(_ content: Content, place: ConfigurationPlace, isFromEnvironment: Bool = false) {
        self.content = content
        self.place = place
        self.isFromEnvironment = isFromEnvironment
    }

    package var isNull: Bool {
        if case .null = content { return true }
        return false
    }

    /// Sets the value at a path of mapping keys, making the mappings on the way that are missing.
    package mutating func set(_ path: ArraySlice<String>, to value: ConfigurationNode) {
        guard let key = path.first else {
            self = value
            return
        }
        var members: [Member] = []
        if case .mapping(let present) = content { members = present }
        if let index = members.firstIndex(where: { $0.key == key }) {
            members[index].value.set(path.dropFirst(), to: value)
        } else {
            var child = ConfigurationNode(.null, place: value.place)
            child.set(path.dropFirst(), to: value)
            members.append(Member(key: key, keyPlace: value.place, value: child))
        }
        content = .mapping(members)
    }
}

/// One thing that is wrong with a configuration.
package struct ConfigurationIssue: Hashable, Sendable, CustomStringConvertible {
    package let place: ConfigurationPlace
    /// The keys from the top to the value at fault, joined by dots; empty for the document as a whole.
    package let key: String
    /// What was found and what was expected.
    package let message: String

    package init(place: ConfigurationPlace, key: String, message: String) {
        self.place = place
        self.key = key
        self.message = message
    }

    package var description: String { key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)" }
}

/// A configuration that cannot be used, with everything that is wrong with it.
package struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    package let issues: [ConfigurationIssue]

    package init(_ issues: [ConfigurationIssue]) {
        self.issues = issues
    }

    package var description: String { issues.map(\.description).joined(separator: "\n") }
}
