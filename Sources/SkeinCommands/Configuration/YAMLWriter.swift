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
package enum YAMLScalar {
    package static func text(_ value: String) -> String {
        let startsPlain = value.first.map { $0.isLetter || $0.isNumber || $0 == "/" || $0 == "." } ?? false
        let special = value.contains { ":#{}[],&*?|<>=!%@`\"'\\\n$".contains($0) } && !isAddress(value)
        let word = ["true", "false", "null", "yes", "no", "on", "off"].contains(value.lowercased())
        if startsPlain, !special, !word, value.last != " ", !value.unicodeScalars.contains(where: isControl) {
            return value
        }
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "$": result += "$$"
            case "\n": result += "\\n"
            case _ where isControl(scalar):
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// What YAML does not take as it is, or takes for the end of a line.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || [0x2028, 0x2029, 0xFEFF].contains(scalar.value)
    }

    /// `host:port`, which is plain in YAML because no space follows the colon.
    private static func isAddress(_ value: String) -> Bool {
        value.last != ":" && value.allSatisfy { $0.isLetter || $0.isNumber || ":.-/".contains($0) }
    }
}
