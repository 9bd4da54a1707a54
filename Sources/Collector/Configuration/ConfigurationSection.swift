import OTLP

/// A mapping of the configuration, read key by key; it notes what is wrong and which keys nobody asked for.
///
/// Every reading function takes the default for an absent or null key and answers with the default after an error, so
/// that one run over a document reports everything that is wrong with it. ``end()`` reports unknown keys.
package final class ConfigurationSection {
    /// Collects the issues of all sections of one document.
    package final class Issues {
        package fileprivate(set) var all: [ConfigurationIssue] = []
        package init() {}

        package func add(_ message: String, key: String, place: ConfigurationPlace) {
            all.append(ConfigurationIssue(place: place, key: key, message: message))
        }
    }

    package let path: String
    package let place: ConfigurationPlace
    package let issues: Issues
    /// Whether the key stood in the document, if only with a null value.
    package let isPresent: Bool
    private var members: [ConfigurationNode.Member] = []
    private var asked: [String] = []

    /// - Parameter place: Where the section's key stands; nil for where its content begins.
    package init(
        _ node: ConfigurationNode, path: String = "", place: ConfigurationPlace? = nil, isPresent: Bool = true,
        issues: Issues
    ) {
        self.path = path
        self.place = place ?? node.place
        self.issues = issues
        self.isPresent = isPresent
        switch node.content {
        case .mapping(let members): self.members = members
        case .null: break
        default: issues.add("expected a mapping", key: path, place: node.place)
        }
    }

    /// The keys in the order of the document.
    package var keys: [String] { members.map(\.key) }

    package func has(_ key: String) -> Bool { members.contains { $0.key == key } }

    /// Keys that are valid here although nobody reads them now.
    package func know(_ keys: String...) { asked += keys }

    /// Whether a part of a value came from `${env:…}`.
    package func isFromEnvironment(_ key: String) -> Bool {
        members.first { $0.key == key }?.value.isFromEnvironment ?? false
    }

    package func fail(_ key: String, _ message: String) {
        let member = members.first { $0.key == key }
        issues.add(message, key: fullPath(key), place: member?.keyPlace ?? place)
    }

    /// Reports what is wrong with a key that may stand deeper, such as `histogram.unit`.
    package func fail(within path: String, _ message: String) {
        var (found, members) = (place, members)
        for key in path.split(separator: ".") {
            guard let member = members.first(where: { $0.key == key }) else { break }
            found = member.keyPlace
            if case .mapping(let inner) = member.value.content { members = inner } else { members = [] }
        }
        issues.add(message, key: fullPath(path), place: found)
    }

    /// Reports a key of the OpenTelemetry Collector that would do nothing here.
    package func refuse(_ key: String, _ reason: String) {
        asked.append(key)
        if has(key) { fail(key, reason) }
    }

    /// Reads the one of two spellings that is there; both are one too many.
    package func section(_ key: String, alias: String) -> ConfigurationSection {
        if has(key), has(alias) {
            fail(alias, "is another name of \(key), which is there, too; expected one of them")
            know(alias)
        }
        return section(has(key) ? key : has(alias) ? alias : key)
    }

    /// Reports every key that no reading function asked for, with the nearest known one.
    package func end() {
        for member in members where !asked.contains(member.key) {
            var message = "unknown key"
            if let nearest = Spelling.nearest(to: member.key, among: asked) {
                message += ", did you mean '\(nearest)'?"
            } else if !asked.isEmpty {
                message += ", expected one of \(asked.sorted().joined(separator: ", "))"
            }
            issues.add(message, key: fullPath(member.key), place: member.keyPlace)
        }
    }

    // MARK: values

    package func section(_ key: String) -> ConfigurationSection {
        let value = node(key)
        let keyPlace = members.first { $0.key == key }?.keyPlace
        return ConfigurationSection(
            value ?? ConfigurationNode(.null, place: place), path: fullPath(key), place: keyPlace,
            isPresent: has(key), issues: issues)
    }

    package func string(_ key: String, default standard: String) -> String {
        optionalString(key) ?? standard
    }

    package func optionalString(_ key: String) -> String? {
        guard let node = node(key), !node.isNull else { return nil }
        guard case .scalar(let text, _) = node.content else {
            issues.add("expected text", key: fullPath(key), place: node.place)
            return nil
        }
        return text
    }

    package func boolean(_ key: String, default standard: Bool) -> Bool {
        scalar(key, default: standard, expected: "true or false") { text in
            switch text.lowercased() {
            case "true": true
            case "false": false
            default: nil
            }
        }
    }

    package func integer(_ key: String, default standard: Int, in range: ClosedRange<Int>) -> Int {
        let expected =
            range.upperBound == .max
            ? "a whole number of at least \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return scalar(key, default: standard, expected: expected) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    package func number(_ key: String, default standard: Double, in range: ClosedRange<Double>) -> Double {
        scalar(key, default: standard, expected: "a number from \(range.lowerBound) to \(range.upperBound)") { text in
            Double(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A Go duration such as `1m30s`, `200ms` or `0`.
    package func duration(
        _ key: String, default standard: Duration, in range: ClosedRange<Duration> = .zero ... .seconds(86_400 * 36_500)
    ) -> Duration {
        let expected = "a duration from \(GoDuration.text(range.lowerBound)) to \(GoDuration.text(range.upperBound))"
        return scalar(key, default: standard, expected: "\(expected), such as 30s or 1m30s") { text in
            GoDuration.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    package func choice<Value>(_ key: String, default standard: Value, _ choices: [(String, Value)]) -> Value {
        let expected = "one of " + choices.map(\.0).joined(separator: ", ")
        return scalar(key, default: standard, expected: expected) { text in
            choices.first { $0.0 == text.lowercased() }?.1
        }
    }

    /// A list of scalars.
    package func strings(_ key: String) -> [String]? {
        guard let node = node(key), !node.isNull else { return nil }
        guard case .sequence(let elements) = node.content else {
            issues.add("expected a list", key: fullPath(key), place: node.place)
            return nil
        }
        return elements.compactMap { element in
            guard case .scalar(let text, _) = element.content else {
                issues.add("expected a list of texts", key: fullPath(key), place: element.place)
                return nil
            }
            return text
        }
    }

    /// A list of mappings.
    package func sections(_ key: String) -> [ConfigurationSection] {
        guard let node = node(key), !node.isNull else { return [] }
        guard case .sequence(let elements) = node.content else {
            issues.add("expected a list", key: fullPath(key), place: node.place)
            return []
        }
        return elements.enumerated().map { index, element in
            ConfigurationSection(element, path: "\(fullPath(key))[\(index)]", issues: issues)
        }
    }

    /// All members as text, for mappings with free keys such as headers.
    package func texts() -> [(key: String, value: String)] {
        members.compactMap { member in
            asked.append(member.key)
            guard case .scalar(let text, _) = member.value.content else {
                issues.add("expected text", key: fullPath(member.key), place: member.value.place)
                return nil
            }
            return (member.key, text)
        }
    }

    private func scalar<Value>(
        _ key: String, default standard: Value, expected: String, _ parse: (String) -> Value?
    ) -> Value {
        guard let node = node(key), !node.isNull else { return standard }
        guard case .scalar(let text, _) = node.content else {
            issues.add("expected \(expected)", key: fullPath(key), place: node.place)
            return standard
        }
        guard let value = parse(text) else {
            issues.add("'\(text)' is not valid, expected \(expected)", key: fullPath(key), place: node.place)
            return standard
        }
        return value
    }

    private func node(_ key: String) -> ConfigurationNode? {
        asked.append(key)
        return members.first { $0.key == key }?.value
    }

    private func fullPath(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
