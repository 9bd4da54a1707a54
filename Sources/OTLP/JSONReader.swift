/// A pull reader of JSON text (RFC 8259) that builds no tree.
///
/// The caller asks for what it expects next; anything else is a ``JSONError`` that names the byte. Text in strings may
/// be any bytes of 0x20 and above: whether they are UTF-8 is left to whoever shows them.
package struct JSONReader {
    /// Levels of arrays and objects, those inside skipped values included; text nested deeper is refused. OTLP needs
    /// four for each of the 64 levels of an attribute value and ten around it.
    package static let nestingMax = 1_024

    package let bytes: [UInt8]
    package private(set) var offset = 0
    private var depth = 0
    /// Nothing was read of the innermost container yet.
    private var isAtFirst = false

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }
        skipWhitespace()
    }

    package enum Kind {
        case object, array, string, number, bool, null
    }

    /// A string as it stands in the text, without its quotes.
    package struct Text {
        package let range: Range<Int>
        package let hasEscapes: Bool
    }

    /// No bytes but white space are left.
    package var isAtEnd: Bool { offset >= bytes.count }

    /// What the next value is, by its first byte.
    package func kind() throws(JSONError) -> Kind {
        guard offset < bytes.count else { throw failure("the text ends where a value was expected") }
        switch bytes[offset] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        default: throw failure("expected a value")
        }
    }

    /// An error at the next byte.
    package func failure(_ problem: String) -> JSONError {
        JSONError(offset: offset, problem)
    }

    /// Checks that nothing follows the document.
    package func finish() throws(JSONError) {
        if !isAtEnd { throw failure("expected the end of the text") }
    }

    // MARK: containers

    /// Enters an object; its members come from ``nextMember()`` until that returns nil.
    package mutating func enterObject() throws(JSONError) {
        try enter(UInt8(ascii: "{"), "expected an object")
    }

    /// Enters an array; ``nextElement()`` stands before each of its elements and returns false at its end.
    package mutating func enterArray() throws(JSONError) {
        try enter(UInt8(ascii: "["), "expected an array")
    }

    private mutating func enter(_ bracket: UInt8, _ problem: String) throws(JSONError) {
        guard offset < bytes.count, bytes[offset] == bracket else { throw failure(problem) }
        guard depth < Self.nestingMax else { throw failure("nested deeper than \(Self.nestingMax) levels") }
        depth += 1
        offset += 1
        isAtFirst = true
        skipWhitespace()
    }

    /// The key of the object's next member, whose value is to be read next; nil at the end of the object.
    package mutating func nextMember() throws(JSONError) -> Text? {
        guard try nextItem(UInt8(ascii: "}"), "expected a comma or the end of the object") else { return nil }
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { throw failure("expected a key") }
        let key = try string()
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: ":") else { throw failure("expected a colon") }
        offset += 1
        skipWhitespace()
        return key
    }

    /// Whether the array has a further element, which is to be read next.
    package mutating func nextElement() throws(JSONError) -> Bool {
        try nextItem(UInt8(ascii: "]"), "expected a comma or the end of the array")
    }

    private mutating func nextItem(_ end: UInt8, _ problem: String) throws(JSONError) -> Bool {
        guard offset < bytes.count else { throw failure(problem) }
        if bytes[offset] == end {
            offset += 1
            depth -= 1
            isAtFirst = false
            skipWhitespace()
            return false
        }
        if isAtFirst {
            isAtFirst = false
            return true
        }
        guard bytes[offset] == UInt8(ascii: ",") else { throw failure(problem) }
        offset += 1
        skipWhitespace()
        // A comma must not stand before the end; what follows it is checked as a key or a value.
        if offset < bytes.count, bytes[offset] == end { throw failure("expected a value after the comma") }
        return true
    }

    // MARK: values

    package mutating func string() throws(JSONError) -> Text {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { throw failure("expected a string") }
        let start = offset + 1
        var index = start
        var hasEscapes = false
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                offset = index + 1
                skipWhitespace()
                return Text(range: start..<index, hasEscapes: hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                index += 1
            } else if byte < 0x20 {
                throw JSONError(offset: index, "control character in a string")
            }
            index += 1
        }
        throw failure("the text ends inside a string")
    }

    /// A number as it stands in the text.
    package mutating func number() throws(JSONError) -> Range<Int> {
        guard let end = JSONNumber.end(of: bytes, from: offset) else { throw failure("expected a number") }
        let range = offset..<end
        offset = end
        skipWhitespace()
        return range
    }

    package mutating func bool() throws(JSONError) -> Bool {
        if take("true") { return true }
        if take("false") { return false }
        throw failure("expected true or false")
    }

    /// Passes over a `null`, if one is next.
    package mutating func takeNull() throws(JSONError) -> Bool {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "n") else { return false }
        guard take("null") else { throw failure("expected a value") }
        return true
    }

    /// Passes over the next value, whatever it is, without recursion.
    package mutating func skipValue() throws(JSONError) {
        var isObject: [Bool] = []
        repeat {
            if let inObject = isObject.last {
                let hasNext = inObject ? try nextMember() != nil : try nextElement()
                guard hasNext else {
                    isObject.removeLast()
                    continue
                }
            }
            switch try kind() {
            case .object:
                try enterObject()
                isObject.append(true)
            case .array:
                try enterArray()
                isObject.append(false)
            case .string: try validate(string())
            case .number: _ = try number()
            case .bool: _ = try bool()
            case .null: _ = try takeNull()
            }
        } while !isObject.isEmpty
    }

    private mutating func take(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - offset >= count else { return false }
        let literal = UnsafeBufferPointer(start: word.utf8Start, count: count)
        guard bytes[offset..<offset + count].elementsEqual(literal) else { return false }
        offset += count
        skipWhitespace()
        return true
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): offset += 1
            default: return
            }
        }
    }
}
