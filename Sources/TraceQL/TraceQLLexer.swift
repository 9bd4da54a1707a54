import TraceStorage

/// Cuts a query into tokens.
struct TraceQLLexer {
    private let source: String
    private let bytes: [UInt8]
    private var index = 0
    private var tokens: [TraceQLToken] = []

    /// All tokens of a query, the last of them ``TraceQLToken/Kind/end``.
    static func tokens(of source: String) throws(TraceQLError) -> [TraceQLToken] {
        var lexer = TraceQLLexer(source)
        while try lexer.next() {}
        return lexer.tokens
    }

    private init(_ source: String) {
        self.source = source
        bytes = Array(source.utf8)
    }

    private mutating func next() throws(TraceQLError) -> Bool {
        try skipBlanks()
        let start = index
        guard let byte = peek() else {
            add(.end, start)
            return false
        }
        switch byte {
        case UInt8(ascii: "{"): single(.openBrace)
        case UInt8(ascii: "}"): single(.closeBrace)
        case UInt8(ascii: "("): single(.openParenthesis)
        case UInt8(ascii: ")"): single(.closeParenthesis)
        case UInt8(ascii: ","): single(.comma)
        case UInt8(ascii: "\""): add(.string(try quoted(escapes: Self.goEscapes)), start)
        case UInt8(ascii: "`"): add(.string(try raw()), start)
        case UInt8(ascii: "."):
            index += 1
            add(.attribute(.any, key: try attributeName(after: ".", start)), start)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        case _ where Self.isLetter(byte): try word()
        default: try symbol()
        }
        return true
    }

    // MARK: words and attributes

    private static let places: [String: AttributePlace] = [
        "span": .span, "resource": .resource, "event": .event, "link": .link, "instrumentation": .scope,
    ]

    private mutating func word() throws(TraceQLError) {
        let start = index
        while let byte = peek(), Self.isLetter(byte) || Self.isDigit(byte) || byte == UInt8(ascii: ":") { index += 1 }
        let text = text(start)
        guard peek() == UInt8(ascii: ".") else { return add(.word(text), start) }
        if text == "parent" {
            index += 1
            let name = try attributeName(after: "parent.", start)
            return add(.parentAttribute("parent." + name), start)
        }
        guard let place = Self.places[text] else {
            throw error(start, "'\(text).' is no scope, expected span, resource, event, link or instrumentation")
        }
        index += 1
        add(.attribute(place, key: try attributeName(after: text + ".", start)), start)
    }

    private mutating func attributeName(after prefix: String, _ start: Int) throws(TraceQLError) -> String {
        var name: [UInt8] = []
        while let byte = peek(), !Self.endsAttribute(byte) {
            if byte == UInt8(ascii: "\"") {
                name += Array(try quoted(escapes: Self.attributeEscapes).utf8)
            } else {
                name.append(byte)
                index += 1
            }
        }
        guard !name.isEmpty else { throw error(start, "'\(prefix)' without a name, expected an attribute") }
        return String(decoding: name, as: UTF8.self)
    }

    private static func endsAttribute(_ byte: UInt8) -> Bool {
        isBlank(byte) || "{}()=~!<>&|^,".utf8.contains(byte)
    }

    // MARK: strings

    private typealias Escapes = [UInt8: UInt8]
    private static let attributeEscapes: Escapes = [UInt8(ascii: "\""): 34, UInt8(ascii: "\\"): 92]
    private static let goEscapes: Escapes = [
        UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "t"): 9, UInt8(ascii: "n"): 10,
        UInt8(ascii: "v"): 11, UInt8(ascii: "f"): 12, UInt8(ascii: "r"): 13, UInt8(ascii: "\""): 34,
        UInt8(ascii: "\\"): 92,
    ]

    private mutating func quoted(escapes: Escapes) throws(TraceQLError) -> String {
        let start = index
        var result: [UInt8] = []
        index += 1
        while let byte = peek(), byte != UInt8(ascii: "\n") {
            index += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: result, as: UTF8.self) }
            if byte != UInt8(ascii: "\\") {
                result.append(byte)
            } else if let escape = peek(), let plain = escapes[escape] {
                result.append(plain)
                index += 1
            } else {
                result += try numericEscape(isAllowed: escapes.count > 2)
            }
        }
        throw error(start, "string without an end, expected '\"'")
    }

    /// `\x41`, `\u00e9`, `\U0001F600` or `\101`, the index being after the backslash.
    private mutating func numericEscape(isAllowed: Bool) throws(TraceQLError) -> [UInt8] {
        let start = index - 1
        let digits: (count: Int, radix: UInt32)? =
            switch peek() ?? 0 {
            case UInt8(ascii: "x"): (2, 16)
            case UInt8(ascii: "u"): (4, 16)
            case UInt8(ascii: "U"): (8, 16)
            case UInt8(ascii: "0")...UInt8(ascii: "3"): (3, 8)
            default: nil
            }
        guard isAllowed, let digits else { throw error(start, "unknown escape in a string, expected one of Go's") }
        if digits.radix == 16 { index += 1 }
        let end = min(index + digits.count, bytes.count)
        let text = String(decoding: bytes[index..<end], as: UTF8.self)
        guard text.utf8.count == digits.count, let value = UInt32(text, radix: Int(digits.radix)), !text.hasPrefix("+")
        else { throw error(start, "escape with wrong digits, expected \(digits.count) of base \(digits.radix)") }
        index = end
        if digits.count < 4 { return [UInt8(truncatingIfNeeded: value)] }
        guard let scalar = Unicode.Scalar(value) else { throw error(start, "escape that is no Unicode character") }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func raw() throws(TraceQLError) -> String {
        let start = index
        index += 1
        while let byte = peek() {
            index += 1
            if byte == UInt8(ascii: "`") { return String(decoding: bytes[(start + 1)..<(index - 1)], as: UTF8.self) }
        }
        throw error(start, "string without an end, expected '`'")
    }

    // MARK: numbers

    private static let units: [String: Int64] = [
        "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
        "h": 3_600_000_000_000, "d": 86_400_000_000_000, "w": 604_800_000_000_000, "y": 31_536_000_000_000_000,
    ]

    private mutating func number() throws(TraceQLError) {
        let start = index
        let first = digits()
        let unitStart = index
        if let unit = unit() {
            var nanoseconds = try nanoseconds(first, unit, start)
            while let byte = peek(), Self.isDigit(byte) {
                let digits = digits()
                guard let unit = self.unit() else { throw error(start, "number after a duration, expected a unit") }
                let (sum, overflow) = nanoseconds.addingReportingOverflow(try self.nanoseconds(digits, unit, start))
                guard !overflow else { throw error(start, "duration over 292 years") }
                nanoseconds = sum
            }
            return add(.duration(nanoseconds), start)
        }
        guard index == unitStart else {
            throw error(unitStart, "unknown unit, expected ns, us, ms, s, m, h, d, w or y")
        }
        if let value = Int64(first) { return add(.int(value), start) }
        guard let value = Double(first), value.isFinite, first.contains(where: { ".eE".contains($0) }) else {
            throw error(start, "number '\(first)' is out of range or malformed")
        }
        add(.float(value), start)
    }

    /// Digits, a fraction and an exponent.
    private mutating func digits() -> String {
        let start = index
        while let byte = peek(), Self.isDigit(byte) || byte == UInt8(ascii: ".") { index += 1 }
        if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
            let signs = [UInt8(ascii: "+"), UInt8(ascii: "-")]
            let skipped = peek(1).map { signs.contains($0) } == true ? 2 : 1
            if let digit = peek(skipped), Self.isDigit(digit) {
                index += skipped
                while let byte = peek(), Self.isDigit(byte) { index += 1 }
            }
        }
        return text(start)
    }

    /// The unit that follows a number; nil where letters follow that are none (the index is behind them then).
    private mutating func unit() -> Int64? {
        let start = index
        while let byte = peek(), Self.isLetter(byte) || byte >= 0x80 { index += 1 }
        return Self.units[text(start)]
    }

    private func nanoseconds(_ digits: String, _ unit: Int64, _ start: Int) throws(TraceQLError) -> Int64 {
        if let whole = Int64(digits) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
            if !overflow { return product }
        } else if let value = Double(digits), value * Double(unit) < 0x1p63 {
            return Int64((value * Double(unit)).rounded())
        }
        throw error(start, "duration over 292 years or malformed")
    }

    // MARK: symbols and blanks

    /// The longest first.
    private static let symbols = [
        "&>>", "&<<", "!>>", "!<<", "&>", "&<", "&~", "!>", "!<", "!~", "!=", "&&", "||", ">>", "<<", ">=", "<=",
        "=~", "=", "<", ">", "~", "!", "|", "+", "-", "*", "/", "%", "^",
    ]

    private mutating func symbol() throws(TraceQLError) {
        let rest = bytes[index...]
        guard let symbol = Self.symbols.first(where: { rest.starts(with: $0.utf8) }) else {
            let character = String(decoding: rest.prefix(4), as: UTF8.self).prefix(1)
            throw error(index, "unexpected character '\(character)'")
        }
        add(.symbol(symbol), index)
        index += symbol.utf8.count
    }

    private mutating func skipBlanks() throws(TraceQLError) {
        while let byte = peek() {
            if Self.isBlank(byte) {
                index += 1
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                while let byte = peek(), byte != UInt8(ascii: "\n") { index += 1 }
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                let start = index
                index += 2
                while !(peek() == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) {
                    guard peek() != nil else { throw error(start, "comment without an end, expected '*/'") }
                    index += 1
                }
                index += 2
            } else {
                return
            }
        }
    }

    // MARK: parts

    private func peek(_ ahead: Int = 0) -> UInt8? { index + ahead < bytes.count ? bytes[index + ahead] : nil }

    private func text(_ start: Int) -> String { String(decoding: bytes[start..<index], as: UTF8.self) }

    private mutating func single(_ kind: TraceQLToken.Kind) {
        add(kind, index)
        index += 1
    }

    private mutating func add(_ kind: TraceQLToken.Kind, _ offset: Int) {
        tokens.append(TraceQLToken(kind: kind, offset: offset))
    }

    private func error(_ offset: Int, _ message: String) -> TraceQLError {
        TraceQLError(.syntax, at: offset, in: source, message)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) || byte == 95 }
}
