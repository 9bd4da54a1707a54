/// Writes mappings of scalars, lists and mappings as block YAML.
struct YAMLWriter {
    private(set) var text = ""
    private var indentation = 0

    mutating func section(_ key: String, _ body: (inout YAMLWriter) -> Void) {
        line("\(YAMLScalar.text(key)):")
        indentation += 1
        body(&self)
        indentation -= 1
    }

    mutating func value(_ key: String, _ value: String) { line("\(YAMLScalar.text(key)): \(YAMLScalar.text(value))") }
    mutating func value(_ key: String, _ value: Int) { line("\(YAMLScalar.text(key)): \(value)") }
    mutating func value(_ key: String, _ value: Bool) { line("\(YAMLScalar.text(key)): \(value)") }

    mutating func list(_ key: String, _ elements: [String]) {
        line("\(YAMLScalar.text(key)): [\(elements.map(YAMLScalar.text).joined(separator: ", "))]")
    }

    /// A list of mappings.
    mutating func items<Element>(
        _ key: String, _ elements: [Element], _ body: (Element, inout YAMLWriter) -> Void
    ) {
        line("\(YAMLScalar.text(key)):")
        for element in elements {
            var item = YAMLWriter()
            body(element, &item)
            for (index, content) in item.text.split(separator: "\n").enumerated() {
                line((index == 0 ? "  - " : "    ") + content)
            }
        }
    }

    private mutating func line(_ content: String) {
        text += String(repeating: "  ", count: indentation) + content + "\n"
    }
}

/// Scalars as YAML, quoted where a reader would take them for something else.
enum YAMLScalar {
    static func text(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.first?.isLetter == true || value.first?.isNumber == true
            || value.hasPrefix("/") || value.hasPrefix(".")
        let special = value.contains { ":#{}[],&*?|<>=!%@`\"'\\\n$".contains($0) } && !isAddress(value)
        let word = ["true", "false", "null", "yes", "no", "on", "off"].contains(value.lowercased())
        if isPlain, !special, !word, value.last != " " { return value }
        let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        return "\"\(escaped.replacing("$", with: "$$"))\""
    }

    /// `host:port`, which is plain in YAML because no space follows the colon.
    private static func isAddress(_ value: String) -> Bool {
        value.allSatisfy { $0.isLetter || $0.isNumber || ":.-/".contains($0) }
    }
}
