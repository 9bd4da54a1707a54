import OTLP

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One comparison, made ready to be applied to many values where they lie.
///
/// Values of a kind that cannot be compared with the literal never pass, whatever the operator: a string is neither
/// equal nor unequal to a number. Of an array one element must pass, for `notEqual` and `notMatches` all of them.
package struct ValueTest: Sendable {
    private enum Literal {
        case string([UInt8])
        case int(Int64)
        case double(Double)
        case bool(Bool)
        case bytes([UInt8])
        case pattern(TextPattern)
        case traceID(TraceID)
        case spanID(SpanID)
        case tag(TagText)
        case never
    }

    private let op: ComparisonOperator
    private let literal: Literal

    /// - Throws: ``StorageError/limitExceeded(message:)`` for a regular expression that cannot be compiled.
    package init(_ op: ComparisonOperator, _ value: FieldValue) throws(StorageError) {
        self.op = op
        switch (op, value) {
        case (.matches, .string(let text)), (.notMatches, .string(let text)): literal = .pattern(try Self.pattern(text))
        case (.matches, _), (.notMatches, _): literal = .never
        case (_, .string(let text)): literal = .string(Array(text.utf8))
        case (_, .int(let number)): literal = .int(number)
        case (_, .double(let number)): literal = .double(number)
        case (_, .bool(let flag)): literal = .bool(flag)
        case (_, .bytes(let bytes)): literal = .bytes(bytes)
        case (_, .traceID(let id)): literal = .traceID(id)
        case (_, .spanID(let id)): literal = .spanID(id)
        default: literal = .never
        }
    }

    private static func pattern(_ text: String) throws(StorageError) -> TextPattern {
        do throws(TextPatternError) {
            return try TextPattern(text)
        } catch {
            throw .limitExceeded(message: "regular expression \"\(text)\" cannot be compiled: \(error)")
        }
    }

    /// Jaeger's tag search: the value written as text is `text`.
    package init(tagText text: String) {
        op = .equal
        literal = .tag(TagText(text))
    }

    /// Whether only a string that is exactly this text can pass.
    package var exactText: [UInt8]? {
        if case .string(let text) = literal, op == .equal { return text }
        return nil
    }

    /// Whether the operator is one of order, so that values between two that fail on one side fail too.
    package var isOrder: Bool {
        switch op {
        case .less, .lessOrEqual, .greater, .greaterOrEqual: true
        case .equal, .notEqual, .matches, .notMatches: false
        }
    }

    /// The times or durations that pass, where they are a range known before; what is beyond `Int64` counts as its
    /// largest value.
    package var nanoseconds: ClosedRange<UInt64>? {
        guard case .int(let number) = literal, number > 0, number < .max else { return nil }
        let bound = UInt64(number)
        return switch op {
        case .less: 0...bound - 1
        case .lessOrEqual: 0...bound
        case .greater: bound + 1 ... .max
        case .greaterOrEqual: bound ... .max
        default: nil
        }
    }

    package func passes(_ value: ValueView) -> Bool {
        switch value.kind {
        case .absent, .empty: return false
        case .string: return passes(text: value.bytes)
        case .bool: return passes(bool: value.bits != 0)
        case .int: return passes(int: Int64(bitPattern: value.bits))
        case .double: return passes(double: Double(bitPattern: value.bits))
        case .bytes:
            if case .bytes(let literal) = literal { return compare(value.bytes, literal) }
            return false
        case .array:
            if case .tag(let tag) = literal { return tag.equals(value.fieldValue) }
            guard case .array(let elements) = value.fieldValue else { return false }
            return op.wantsAll ? elements.allSatisfy(passes) : elements.contains(where: passes)
        case .keyValueList: return passes(value.fieldValue)
        }
    }

    /// The same for a value that was taken out.
    package func passes(_ value: FieldValue) -> Bool {
        switch (value, literal) {
        case (.none, _): return false
        case (.string(var text), _): return text.withUTF8 { passes(text: UnsafeRawBufferPointer($0)) }
        case (.int(let number), _): return passes(int: number)
        case (.double(let number), _): return passes(double: number)
        case (.bool(let flag), _): return passes(bool: flag)
        case (.bytes(let bytes), .bytes(let literal)): return bytes.withUnsafeBytes { compare($0, literal) }
        case (.traceID(let id), .traceID(let literal)): return op.holds(order(id, literal))
        case (.spanID(let id), .spanID(let literal)): return op.holds(order(id, literal))
        case (.traceID(let id), .string): return passes(.string(id.hex))
        case (.spanID(let id), .string): return passes(.string(id.hex))
        case (.keyValueList(let text), .string): return passes(.string(text))
        case (_, .tag(let tag)): return tag.equals(value)
        case (.array(let elements), _):
            return op.wantsAll ? elements.allSatisfy(passes) : elements.contains(where: passes)
        default: return false
        }
    }

    package func passes(int number: Int64) -> Bool {
        switch literal {
        case .int(let literal): op.holds(order(number, literal))
        case .double(let literal): literal.isNaN ? op == .notEqual : op.holds(order(number, literal))
        case .tag(let tag): tag.int == number
        default: false
        }
    }

    /// Times and durations: nanoseconds beyond the reach of `Int64` count as its largest value.
    package func passes(nanoseconds: UInt64) -> Bool { passes(int: Int64(clamping: nanoseconds)) }

    package func passes(double number: Double) -> Bool {
        if case .tag(let tag) = literal { return tag.double == number }
        if number.isNaN { return isNumeric && op == .notEqual }
        switch literal {
        case .int(let literal): return op.holds(-order(literal, number))
        case .double(let literal): return literal.isNaN ? op == .notEqual : op.holds(order(number, literal))
        default: return false
        }
    }

    package func passes(text: UnsafeRawBufferPointer) -> Bool {
        switch literal {
        case .string(let literal): compare(text, literal)
        case .pattern(let pattern): pattern.matchesWhole(String(decoding: text, as: UTF8.self)) == (op == .matches)
        case .tag(let tag): equals(text, tag.bytes)
        default: false
        }
    }

    private func passes(bool flag: Bool) -> Bool {
        switch (literal, op) {
        case (.bool(let literal), .equal): flag == literal
        case (.bool(let literal), .notEqual): flag != literal
        case (.tag(let tag), _): tag.bool == flag
        default: false
        }
    }

    private var isNumeric: Bool {
        switch literal {
        case .int, .double: true
        default: false
        }
    }

    private func compare(_ bytes: UnsafeRawBufferPointer, _ literal: [UInt8]) -> Bool {
        switch op {
        case .equal: equals(bytes, literal)
        case .notEqual: !equals(bytes, literal)
        default: op.holds(literal.withUnsafeBytes { order(bytes, $0) })
        }
    }
}

extension ComparisonOperator {
    /// Whether the operator holds of two values whose order is negative, zero or positive.
    fileprivate func holds(_ order: Int) -> Bool {
        switch self {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        case .matches, .notMatches: false
        }
    }

    fileprivate var wantsAll: Bool { self == .notEqual || self == .notMatches }
}

@inline(__always)
private func order<Value: Comparable>(_ a: Value, _ b: Value) -> Int { a < b ? -1 : a == b ? 0 : 1 }

/// Exact also where a double cannot hold the integer; `number` is not NaN.
private func order(_ int: Int64, _ number: Double) -> Int {
    if number >= 0x1p63 { return -1 }
    if number < -0x1p63 { return 1 }
    let whole = Int64(number.rounded(.down))
    if int != whole { return int < whole ? -1 : 1 }
    return Double(whole) < number ? -1 : 0
}

@inline(__always)
private func equals(_ bytes: UnsafeRawBufferPointer, _ literal: [UInt8]) -> Bool {
    guard bytes.count == literal.count else { return false }
    guard let base = bytes.baseAddress, bytes.count > 0 else { return true }
    return literal.withUnsafeBytes { other in other.baseAddress.map { memcmp(base, $0, bytes.count) == 0 } ?? true }
}

private func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let common = min(a.count, b.count)
    if common > 0, let first = a.baseAddress, let second = b.baseAddress {
        let result = memcmp(first, second, common)
        if result != 0 { return Int(result) }
    }
    return a.count - b.count
}

/// The text of a tag search and what it reads as in each type.
private struct TagText {
    let bytes: [UInt8]
    let int: Int64?
    let double: Double?
    let bool: Bool?
    private let text: String

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
        int = Int64(text)
        double = Double(text)
        bool = Bool(text)
    }

    func equals(_ value: FieldValue) -> Bool {
        switch value {
        case .string(let string): string == text
        case .int(let number): number == int
        case .double(let number): number == double
        case .bool(let flag): flag == bool
        case .keyValueList(let json): json == text
        case .array(let elements): elements.contains(where: equals)
        case .none, .bytes, .traceID, .spanID: false
        }
    }
}
