/// Text from outside on its way to a terminal or a log.
enum TerminalText {
    /// Escapes what a terminal would obey or what would change the reading order: control characters, line ends and
    /// marks of direction become `\n`, `\t` or `\u{…}`; a backslash is doubled where `doublesBackslash` says so.
    static func escape(_ text: String, doublesBackslash: Bool = false) -> String {
        guard text.unicodeScalars.contains(where: { isUnsafe($0) || (doublesBackslash && $0 == "\\") }) else {
            return text
        }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\\" where doublesBackslash: result += "\\\\"
            case _ where isUnsafe(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The first `max` Unicode scalars of a text (a character alone has no bound), and how many there are where that is
    /// not all.
    static func cut(_ text: String, max: Int) -> (text: String, fullCount: Int?) {
        // No scalar is shorter than a byte.
        guard text.utf8.count > max else { return (text, nil) }
        let count = text.unicodeScalars.count
        guard count > max else { return (text, nil) }
        return (String(text.unicodeScalars.prefix(max)), count)
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // C0, DEL and C1 controls; soft hyphen and the Arabic letter mark.
        case 0..<0x20, 0x7F..<0xA0, 0xAD, 0x61C: true
        // Zero-width and direction marks, line and paragraph separators, embeddings, isolates; the byte order mark.
        case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
        // Tags, which cannot be seen.
        case 0xE0000...0xE007F: true
        default: false
        }
    }
}
