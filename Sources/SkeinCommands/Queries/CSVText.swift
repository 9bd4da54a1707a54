/// Lines of comma-separated values as RFC 4180 has them.
package enum CSVText {
    /// One line with its end.
    package static func line(_ fields: [String]) -> String {
        fields.map(field).joined(separator: ",") + "\r\n"
    }

    /// A field, quoted where that is needed. A spreadsheet takes what begins with some signs for a formula, and anybody
    /// can choose a user's name: such a text, unless it is a number, has a `'` in front.
    ///
    /// Readers look at bytes, so this does, too: as characters, `\r\n` is neither `\r` nor `\n`, and a sign with a
    /// combining mark behind it is another one.
    package static func field(_ text: String) -> String {
        let isFormula = text.utf8.first.map(formulaSigns.contains) ?? false
        let safe = isFormula && Double(text) == nil ? "'" + text : text
        guard safe.utf8.contains(where: special.contains) else { return safe }
        var result = "\""
        for scalar in safe.unicodeScalars {
            if scalar == "\"" { result.unicodeScalars.append(scalar) }
            result.unicodeScalars.append(scalar)
        }
        return result + "\""
    }

    private static let formulaSigns: Set<UInt8> = Set("=+-@\t\r\n".utf8)
    private static let special: Set<UInt8> = Set("\",\r\n".utf8)
}
