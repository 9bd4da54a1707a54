import Yams

/// A YAML document turned into nodes that know their line, with `${env:NAME}` substituted.
package struct ConfigurationDocument: Sendable {
    package var root: ConfigurationNode
    /// What deserves a word and is no error, such as a variable that is not set.
    package private(set) var warnings: [String] = []
    private var nodes = 0

    /// Values of one document: hundreds are usual. Anchors that repeat one another multiply to any number; a document
    /// past this is refused.
    private static let nodesMax = 100_000

    /// An empty document: every value is its default.
    package init() {
        root = ConfigurationNode(.mapping([]), place: ConfigurationPlace(source: "defaults"))
    }

    /// - Parameters:
    ///   - yaml: The document's text.
    ///   - source: The name that errors give, usually the file's path.
    ///   - environment: Where `${env:NAME}` looks.
    package init(yaml: String, source: String, environment: [String: String]) throws(ConfigurationError) {
        self.init()
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch let error as YamlError {
            throw ConfigurationError([Self.issue(error, source: source)])
        } catch {
            throw ConfigurationError([Self.issue("is no YAML document (\(error))", source: source, line: 0)])
        }
        guard let node else { return }
        root = try convert(node, source: source, environment: environment)
        if root.isNull { root.content = .mapping([]) }
    }

    /// Applies `key.path=value`; the value is read as YAML.
    package mutating func set(_ assignment: String, environment: [String: String]) throws(ConfigurationError) {
        let source = "--set \(assignment)"
        guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
            throw ConfigurationError([Self.issue("expected key.path=value", source: source, line: 0)])
        }
        let path = assignment[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !path.contains("") else {
            throw ConfigurationError([Self.issue("the key path has an empty part", source: source, line: 0)])
        }
        let text = String(assignment[assignment.index(after: equals)...])
        let value = try ConfigurationDocument(yaml: text, source: source, environment: environment)
        warnings += value.warnings
        var node = ConfigurationNode(
            value.root.content, place: ConfigurationPlace(source: source),
            isFromEnvironment: value.root.isFromEnvironment)
        if text.isEmpty { node.content = .null }
        root.set(path[...], to: node)
    }

    private static func issue(_ message: String, source: String, line: Int) -> ConfigurationIssue {
        ConfigurationIssue(place: ConfigurationPlace(source: source, line: line), key: "", message: message)
    }

    private static func issue(_ error: YamlError, source: String) -> ConfigurationIssue {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            issue("no valid YAML: \(problem)", source: source, line: mark.line)
        case .duplicatedKeysInMapping(let duplicates, let context):
            issue(
                "no valid YAML: key given twice: \(duplicates.map { $0.description }.joined(separator: ", "))",
                source: source, line: context.mark.line)
        default: issue("no valid YAML: \(error)", source: source, line: 0)
        }
    }

    private mutating func convert(
        _ node: Node, source: String, environment: [String: String]
    ) throws(ConfigurationError) -> ConfigurationNode {
        nodes += 1
        guard nodes <= Self.nodesMax else {
            let message = "has too many values, expected at most \(Self.nodesMax)"
            throw ConfigurationError([Self.issue(message, source: source, line: 0)])
        }
        let place = ConfigurationPlace(source: source, line: node.mark?.line ?? 0)
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            let text = substitute(scalar.string, environment: environment, place: place)
            if isPlain, ["", "~", "null", "Null", "NULL"].contains(text) {
                return ConfigurationNode(.null, place: place)
            }
            return ConfigurationNode(
                .scalar(text, isPlain: isPlain), place: place, isFromEnvironment: scalar.string.contains("${env:"))
        case .sequence(let sequence):
            var elements: [ConfigurationNode] = []
            for element in sequence {
                elements.append(try convert(element, source: source, environment: environment))
            }
            return ConfigurationNode(.sequence(elements), place: place)
        case .mapping(let mapping):
            var members: [ConfigurationNode.Member] = []
            for (key, value) in mapping {
                members.append(
                    ConfigurationNode.Member(
                        key: key.string ?? "", keyPlace: ConfigurationPlace(source: source, line: key.mark?.line ?? 0),
                        value: try convert(value, source: source, environment: environment)))
            }
            return ConfigurationNode(.mapping(members), place: place)
        case .alias:
            return ConfigurationNode(.null, place: place)
        }
    }

    /// `${env:NAME}`, `${env:NAME:-default}` and `$$`.
    private mutating func substitute(
        _ text: String, environment: [String: String], place: ConfigurationPlace
    ) -> String {
        guard text.contains("$") else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.hasPrefix("{env:"), let close = rest.firstIndex(of: "}") {
                result += variable(rest[..<close].dropFirst("{env:".count), environment: environment, place: place)
                rest = rest[rest.index(after: close)...]
            } else {
                result += "$"
            }
        }
        return result + rest
    }

    private mutating func variable(
        _ expression: Substring, environment: [String: String], place: ConfigurationPlace
    ) -> String {
        var name = expression
        var fallback: Substring?
        if let separator = expression.firstRange(of: ":-") {
            name = expression[..<separator.lowerBound]
            fallback = expression[separator.upperBound...]
        }
        if let value = environment[String(name)], !value.isEmpty { return value }
        if let fallback { return String(fallback) }
        warnings.append("\(place): environment variable \(name) is not set; the value is empty")
        return ""
    }
}
