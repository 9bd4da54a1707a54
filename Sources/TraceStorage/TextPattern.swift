/// A regular expression that matches in time proportional to the text, whatever the pattern.
///
/// The syntax is that of RE2 but for Unicode classes (`\p{…}`) and `\Q…\E`; `.` matches line breaks too, as it does in
/// Prometheus. A pattern is a value: compile it once and use it from any thread.
package struct TextPattern: Sendable {
    /// Instructions of a compiled pattern; counted repetitions are written out, so `(a{1000}){1000}` is over it and
    /// refused.
    package static let instructionsMax = 10_000

    enum Instruction: Sendable {
        case set(ScalarSet)
        case any
        case split(Int, Int)
        case jump(Int)
        case assert(Assertion)
        case match
    }

    enum Assertion: Sendable {
        case start, end, lineStart, lineEnd, wordBoundary, noWordBoundary
    }

    private let program: [Instruction]

    package init(_ pattern: String) throws(TextPatternError) {
        var parser = TextPatternParser(pattern)
        var compiler = TextPatternCompiler()
        try compiler.emit(try parser.parse())
        program = compiler.program + [.match]
    }

    /// Whether the pattern matches all of the text.
    package func matchesWhole(_ text: String) -> Bool {
        var machine = Machine(program)
        var previous: Unicode.Scalar?
        var scalars = text.unicodeScalars.makeIterator()
        var next = scalars.next()
        machine.begin(previous, next)
        while let scalar = next {
            previous = scalar
            next = scalars.next()
            if !machine.step(scalar, next) { return false }
        }
        return machine.hasMatched
    }

    /// All places of the program that the text so far can have led to.
    private struct Machine {
        private let program: [Instruction]
        private var current: [Int] = []
        private var following: [Int] = []
        /// The step at which a place was last added.
        private var marks: [Int]
        private var stepNumber = 0
        private var pending: [Int] = []
        private(set) var hasMatched = false

        init(_ program: [Instruction]) {
            self.program = program
            marks = Array(repeating: -1, count: program.count)
        }

        mutating func begin(_ previous: Unicode.Scalar?, _ next: Unicode.Scalar?) {
            add(0, previous, next)
            swap(&current, &following)
        }

        /// False when nothing can match any more.
        mutating func step(_ scalar: Unicode.Scalar, _ next: Unicode.Scalar?) -> Bool {
            stepNumber += 1
            hasMatched = false
            following.removeAll(keepingCapacity: true)
            for place in current {
                switch program[place] {
                case .any: add(place + 1, scalar, next)
                case .set(let set) where set.contains(scalar.value): add(place + 1, scalar, next)
                default: break
                }
            }
            swap(&current, &following)
            return !current.isEmpty || hasMatched
        }

        /// Adds a place and all that follow from it without a character.
        private mutating func add(_ first: Int, _ previous: Unicode.Scalar?, _ next: Unicode.Scalar?) {
            pending.append(first)
            while let place = pending.popLast() {
                guard marks[place] != stepNumber else { continue }
                marks[place] = stepNumber
                switch program[place] {
                case .jump(let target): pending.append(target)
                case .split(let a, let b): pending += [b, a]
                case .assert(let assertion) where assertion.holds(previous, next): pending.append(place + 1)
                case .assert: break
                case .match: hasMatched = true
                case .any, .set: following.append(place)
                }
            }
        }
    }
}

extension TextPattern.Assertion {
    fileprivate func holds(_ previous: Unicode.Scalar?, _ next: Unicode.Scalar?) -> Bool {
        switch self {
        case .start: previous == nil
        case .end: next == nil
        case .lineStart: previous == nil || previous == "\n"
        case .lineEnd: next == nil || next == "\n"
        case .wordBoundary: Self.isWord(previous) != Self.isWord(next)
        case .noWordBoundary: Self.isWord(previous) == Self.isWord(next)
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { ScalarSet.word.contains($0.value) } ?? false
    }
}

/// Why a text is no pattern.
package enum TextPatternError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `offset` counts characters from 0.
    case invalid(reason: String, offset: Int)
    case tooLarge

    package var description: String {
        switch self {
        case .invalid(let reason, let offset): "\(reason) at character \(offset + 1)"
        case .tooLarge: "more than \(TextPattern.instructionsMax) instructions when repetitions are written out"
        }
    }
}

/// A set of characters as ranges of code points.
struct ScalarSet: Sendable {
    private(set) var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    static let digit = ScalarSet([48...57])
    static let word = ScalarSet([48...57, 65...90, 95...95, 97...122])
    static let space = ScalarSet([9...10, 12...13, 32...32])

    init(_ ranges: [ClosedRange<UInt32>] = []) {
        self.ranges = ranges
    }

    func contains(_ value: UInt32) -> Bool { ranges.contains { $0.contains(value) } != isNegated }

    mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }

    /// Adds another set, negated or not.
    mutating func insert(_ other: ScalarSet) {
        guard other.isNegated else { return ranges += other.ranges }
        var next: UInt32 = 0
        for range in other.ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { ranges.append(next...range.lowerBound - 1) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10FFFF { ranges.append(next...0x10FFFF) }
    }

    /// The set with the other case of its letters; ranges over a thousand characters get that of ASCII only.
    func ignoringCase() -> ScalarSet {
        var result = self
        for range in ranges {
            let last = range.count <= 1000 ? range.upperBound : min(range.upperBound, 127)
            guard range.lowerBound <= last else { continue }
            for value in range.lowerBound...last {
                guard let scalar = Unicode.Scalar(value) else { continue }
                for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
                    let mapped = text.unicodeScalars
                    if mapped.count == 1, let other = mapped.first, other != scalar {
                        result.insert(other.value...other.value)
                    }
                }
            }
        }
        return result
    }
}
