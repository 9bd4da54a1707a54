/// A pattern as a tree.
indirect enum TextPatternNode {
    case set(ScalarSet)
    case any
    case assert(TextPattern.Assertion)
    case sequence([TextPatternNode])
    case alternatives([TextPatternNode])
    /// No largest number for nil.
    case repeated(TextPatternNode, Int, Int?)
}

/// Reads the text of a ``TextPattern``.
struct TextPatternParser {
    /// Groups inside each other; deeper ones are refused, so that walking the tree needs little stack.
    private static let depthMax = 200
    /// As in RE2.
    private static let repetitionMax = 1000

    private struct Flags {
        var ignoresCase = false
        var isMultiline = false
    }

    private let text: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private var flags = Flags()

    init(_ pattern: String) {
        text = Array(pattern.unicodeScalars)
    }

    mutating func parse() throws(TextPatternError) -> TextPatternNode {
        let result = try alternatives()
        guard peek == nil else { throw invalid("')' without '('") }
        return result
    }

    private var peek: Unicode.Scalar? { index < text.count ? text[index] : nil }

    private func invalid(_ reason: String) -> TextPatternError { .invalid(reason: reason, offset: index) }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        index += 1
        return true
    }

    private mutating func alternatives() throws(TextPatternError) -> TextPatternNode {
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence() throws(TextPatternError) -> TextPatternNode {
        var parts: [TextPatternNode] = []
        while let scalar = peek, scalar != "|", scalar != ")" {
            guard let atom = try atom() else { continue }
            parts.append(try repetitions(of: atom))
        }
        return .sequence(parts)
    }

    private mutating func repetitions(of atom: TextPatternNode) throws(TextPatternError) -> TextPatternNode {
        let bounds: (Int, Int?)
        switch peek {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{":
            guard let counted = try countedBounds() else { return atom }
            bounds = counted
            index -= 1
        default: return atom
        }
        index += 1
        _ = take("?")
        if let scalar = peek, "*+?".unicodeScalars.contains(scalar) { throw invalid("repetition of a repetition") }
        return .repeated(atom, bounds.0, bounds.1)
    }

    /// `{2}`, `{2,}` or `{2,3}`, the index being behind it then; nil when the `{` stands for itself.
    private mutating func countedBounds() throws(TextPatternError) -> (Int, Int?)? {
        let start = index
        index += 1
        let low = number()
        let hasComma = take(",")
        let high = hasComma ? number() : low
        guard let low, take("}") else {
            index = start
            return nil
        }
        guard low <= Self.repetitionMax, (high ?? 0) <= Self.repetitionMax, high.map({ $0 >= low }) ?? true else {
            throw .invalid(reason: "repetition out of range, expected at most \(Self.repetitionMax)", offset: start)
        }
        return (low, high)
    }

    private mutating func number() -> Int? {
        var result: Int?
        while let scalar = peek, ScalarSet.digit.contains(scalar.value) {
            result = min((result ?? 0) * 10 + Int(scalar.value) - 48, Self.repetitionMax + 1)
            index += 1
        }
        return result
    }

    /// Nil for what sets flags and matches nothing.
    private mutating func atom() throws(TextPatternError) -> TextPatternNode? {
        guard let scalar = peek else { return nil }
        switch scalar {
        case "(": return try group()
        case "[": return .set(try characterClass())
        case "*", "+", "?": throw invalid("'\(scalar)' without something to repeat")
        case "\\": return try escaped()
        default: break
        }
        index += 1
        switch scalar {
        case ".": return .any
        case "^": return .assert(flags.isMultiline ? .lineStart : .start)
        case "$": return .assert(flags.isMultiline ? .lineEnd : .end)
        case "{" where isCountedRepetition: throw invalid("repetition without something to repeat")
        default: return literal(scalar)
        }
    }

    /// Whether a repetition's bounds follow a `{` that was passed.
    private var isCountedRepetition: Bool {
        var copy = self
        copy.index -= 1
        return (try? copy.countedBounds()) ?? nil != nil
    }

    private func literal(_ scalar: Unicode.Scalar) -> TextPatternNode {
        let set = ScalarSet([scalar.value...scalar.value])
        return .set(flags.ignoresCase ? set.ignoringCase() : set)
    }

    private mutating func group() throws(TextPatternError) -> TextPatternNode? {
        index += 1
        depth += 1
        guard depth <= Self.depthMax else { throw invalid("groups deeper than \(Self.depthMax)") }
        defer { depth -= 1 }
        let outer = flags
        if take("?") {
            if take("P") || peek == "<" {
                guard take("<") else { throw invalid("'(?P' without '<'") }
                while let scalar = peek, ScalarSet.word.contains(scalar.value) { index += 1 }
                guard take(">") else { throw invalid("name of a group without '>'") }
            } else if try !groupFlags() {
                return nil
            }
        }
        let inner = try alternatives()
        guard take(")") else { throw invalid("'(' without ')'") }
        flags = outer
        return inner
    }

    /// `i-s:` and the like; false when the group ends with its flags, which then hold for the rest of the outer one.
    private mutating func groupFlags() throws(TextPatternError) -> Bool {
        var value = true
        while let scalar = peek {
            index += 1
            switch scalar {
            case "i": flags.ignoresCase = value
            case "m": flags.isMultiline = value
            case "s", "U": break
            case "-": value = false
            case ":": return true
            case ")": return false
            default:
                index -= 1
                throw invalid("unknown flag '\(scalar)'")
            }
        }
        throw invalid("'(' without ')'")
    }

    // MARK: escapes and classes

    private static let classes: [Unicode.Scalar: ScalarSet] = ["d": .digit, "w": .word, "s": .space]
    private static let controls: [Unicode.Scalar: UInt32] = ["a": 7, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13]

    private mutating func escaped() throws(TextPatternError) -> TextPatternNode {
        let assertions: [Unicode.Scalar: TextPattern.Assertion] = [
            "A": .start, "z": .end, "b": .wordBoundary, "B": .noWordBoundary,
        ]
        if index + 1 < text.count, let assertion = assertions[text[index + 1]] {
            index += 2
            return .assert(assertion)
        }
        let set = try escapedSet()
        return .set(flags.ignoresCase ? set.ignoringCase() : set)
    }

    /// What a backslash and the characters after it stand for.
    private mutating func escapedSet() throws(TextPatternError) -> ScalarSet {
        index += 1
        guard let scalar = peek else { throw invalid("'\\' at the end") }
        if let set = Self.classes[scalar] {
            index += 1
            return set
        }
        if let lower = scalar.properties.lowercaseMapping.unicodeScalars.first, lower != scalar,
            var set = Self.classes[lower]
        {
            index += 1
            set.isNegated = true
            return set
        }
        if scalar == "x" { return try hexadecimal() }
        if let control = Self.controls[scalar] {
            index += 1
            return ScalarSet([control...control])
        }
        guard !ScalarSet.word.contains(scalar.value), scalar.isASCII else {
            throw invalid("unknown escape '\\\(scalar)'")
        }
        index += 1
        return ScalarSet([scalar.value...scalar.value])
    }

    private mutating func hexadecimal() throws(TextPatternError) -> ScalarSet {
        index += 1
        let isBraced = take("{")
        var value: UInt32 = 0
        var digits = 0
        while let scalar = peek, let digit = UInt32(String(Character(scalar)), radix: 16), digits < (isBraced ? 6 : 2) {
            value = value << 4 | digit
            digits += 1
            index += 1
        }
        guard digits > 0, isBraced ? take("}") : digits == 2, value <= 0x10FFFF else {
            throw invalid("malformed '\\x'")
        }
        return ScalarSet([value...value])
    }

    private static let named: [String: [ClosedRange<UInt32>]] = [
        "alnum": [48...57, 65...90, 97...122], "alpha": [65...90, 97...122], "ascii": [0...127],
        "blank": [9...9, 32...32], "cntrl": [0...31, 127...127], "digit": [48...57], "graph": [33...126],
        "lower": [97...122], "print": [32...126], "punct": [33...47, 58...64, 91...96, 123...126],
        "space": [9...13, 32...32], "upper": [65...90], "word": [48...57, 65...90, 95...95, 97...122],
        "xdigit": [48...57, 65...70, 97...102],
    ]

    private mutating func characterClass() throws(TextPatternError) -> ScalarSet {
        let start = index
        index += 1
        var result = ScalarSet()
        let isNegated = take("^")
        var isFirst = true
        while let scalar = peek, scalar != "]" || isFirst {
            isFirst = false
            if let set = try namedClass() {
                result.insert(set)
                continue
            }
            let set = try classMember()
            guard peek == "-", index + 1 < text.count, text[index + 1] != "]" else {
                result.insert(set)
                continue
            }
            index += 1
            let end = try classMember()
            guard let low = set.single, let high = end.single, low <= high else { throw invalid("range of a class") }
            result.insert(low...high)
        }
        guard take("]") else { throw .invalid(reason: "'[' without ']'", offset: start) }
        if flags.ignoresCase { result = result.ignoringCase() }
        result.isNegated = isNegated
        return result
    }

    private mutating func classMember() throws(TextPatternError) -> ScalarSet {
        guard let scalar = peek else { throw invalid("'[' without ']'") }
        if scalar == "\\" { return try escapedSet() }
        index += 1
        return ScalarSet([scalar.value...scalar.value])
    }

    /// `[:alpha:]` or `[:^alpha:]`.
    private mutating func namedClass() throws(TextPatternError) -> ScalarSet? {
        guard peek == "[", index + 1 < text.count, text[index + 1] == ":" else { return nil }
        var end = index + 2
        var name = ""
        while end < text.count, text[end] != ":", text[end] != "]" {
            name.unicodeScalars.append(text[end])
            end += 1
        }
        guard end + 1 < text.count, text[end] == ":", text[end + 1] == "]" else { return nil }
        let isNegated = name.hasPrefix("^")
        guard let ranges = Self.named[isNegated ? String(name.dropFirst()) : name] else {
            throw invalid("unknown class '[:\(name):]'")
        }
        index = end + 2
        var set = ScalarSet(ranges)
        set.isNegated = isNegated
        return set
    }
}

extension ScalarSet {
    /// The one character that the set is made of.
    fileprivate var single: UInt32? {
        guard !isNegated, ranges.count == 1, ranges[0].count == 1 else { return nil }
        return ranges[0].lowerBound
    }
}

/// Turns the tree of a pattern into instructions.
struct TextPatternCompiler {
    private(set) var program: [TextPattern.Instruction] = []
    /// Nodes visited: repetitions of what emits nothing cost time, too.
    private var visits = 0

    mutating func emit(_ node: TextPatternNode) throws(TextPatternError) {
        visits += 1
        guard visits <= 4 * TextPattern.instructionsMax else { throw .tooLarge }
        switch node {
        case .set(let set): try append(.set(set))
        case .any: try append(.any)
        case .assert(let assertion): try append(.assert(assertion))
        case .sequence(let parts): for part in parts { try emit(part) }
        case .alternatives(let parts): try alternatives(parts)
        case .repeated(let inner, let low, let high):
            for _ in 0..<low { try emit(inner) }
            if let high {
                try optional(inner, count: high - low)
            } else {
                let split = program.count
                try append(.jump(0))
                try emit(inner)
                try append(.jump(split))
                program[split] = .split(split + 1, program.count)
            }
        }
    }

    private mutating func optional(_ inner: TextPatternNode, count: Int) throws(TextPatternError) {
        var splits: [Int] = []
        for _ in 0..<count {
            splits.append(program.count)
            try append(.jump(0))
            try emit(inner)
        }
        for split in splits { program[split] = .split(split + 1, program.count) }
    }

    private mutating func alternatives(_ parts: [TextPatternNode]) throws(TextPatternError) {
        var jumps: [Int] = []
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            let split = program.count
            if !isLast { try append(.jump(0)) }
            try emit(part)
            guard !isLast else { break }
            jumps.append(program.count)
            try append(.jump(0))
            program[split] = .split(split + 1, program.count)
        }
        for jump in jumps { program[jump] = .jump(program.count) }
    }

    private mutating func append(_ instruction: TextPattern.Instruction) throws(TextPatternError) {
        guard program.count < TextPattern.instructionsMax else { throw .tooLarge }
        program.append(instruction)
    }
}
