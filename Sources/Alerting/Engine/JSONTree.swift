import OTLP

/// A JSON document as values, for the small ones that are read as a whole.
indirect enum JSONTree: Sendable {
    case object([String: JSONTree])
    case array([JSONTree])
    case string(String)
    case number(Double)
    case bool(Bool)
    case null

    init(_ bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        self = try Self.read(&reader, depth: 0)
        try reader.finish()
    }

    /// Levels of nesting: nobody who writes what is read here needs more.
    private static let depthMax = 32

    private static func read(_ reader: inout JSONReader, depth: Int) throws(JSONError) -> JSONTree {
        guard depth < depthMax else { throw reader.failure("nested deeper than \(depthMax) levels") }
        switch try reader.kind() {
        case .object:
            var members: [String: JSONTree] = [:]
            try reader.enterObject()
            while let name = try reader.nextMember() {
                let key = String(decoding: try reader.unescaped(name), as: UTF8.self)
                members[key] = try read(&reader, depth: depth + 1)
            }
            return .object(members)
        case .array:
            var elements: [JSONTree] = []
            try reader.enterArray()
            while try reader.nextElement() { elements.append(try read(&reader, depth: depth + 1)) }
            return .array(elements)
        case .string:
            let text = try reader.string()
            return .string(String(decoding: try reader.unescaped(text), as: UTF8.self))
        case .number:
            let range = try reader.number()
            return .number(Double(String(decoding: reader.bytes[range], as: UTF8.self)) ?? 0)
        case .bool: return .bool(try reader.bool())
        case .null:
            _ = try reader.takeNull()
            return .null
        }
    }

    subscript(_ key: String) -> JSONTree {
        if case .object(let members) = self { members[key] ?? .null } else { .null }
    }

    var elements: [JSONTree] { if case .array(let elements) = self { elements } else { [] } }
    var text: String? { if case .string(let text) = self { text } else { nil } }
    var number: Double? { if case .number(let number) = self { number } else { nil } }
    var integer: Int? { number.flatMap { Int(exactly: $0) } }

    /// A whole number of 64 bits, which is written as text.
    var unsigned: UInt64? { text.flatMap { UInt64($0) } }

    /// A number that may be none, which is written as text.
    var double: Double? { number ?? text.flatMap { Double($0) } }

    var texts: [String: String] {
        guard case .object(let members) = self else { return [:] }
        return members.compactMapValues(\.text)
    }
}
