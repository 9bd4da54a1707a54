/// How wide text is on a terminal, near enough: two columns for East Asian wide characters and pictographs, one for
/// every other character.
package enum TextWidth {
    package static func columns(_ text: String) -> Int {
        text.reduce(0) { $0 + columns($1) }
    }

    package static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - columns(text)))
    }

    package static func padLeft(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - columns(text))) + text
    }

    /// At most `width` columns, the last an ellipsis where something was cut; control and formatting characters become
    /// spaces, so that what a span is called can neither move the cursor nor turn the line around.
    package static func fit(_ text: String, _ width: Int) -> String {
        let safe = String(text.map { $0.unicodeScalars.contains(where: isUnsafe) ? " " : $0 })
        guard columns(safe) > width else { return safe }
        var result = ""
        var room = width - 1
        for character in safe {
            room -= columns(character)
            if room < 0 { break }
            result.append(character)
        }
        return width < 1 ? "" : result + "…"
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }

    private static func columns(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        return wide.contains { $0.contains(scalar.value) } ? 2 : 1
    }

    /// The blocks of Unicode Standard Annex 11 that terminals draw two columns wide.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD,
    ]
}
