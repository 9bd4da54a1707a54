import TraceStorage

/// A word of a query.
struct TraceQLToken: Hashable {
    enum Kind: Hashable {
        case openBrace, closeBrace, openParenthesis, closeParenthesis, comma
        /// Any operator, `|` included, as written.
        case symbol(String)
        case string(String)
        case int(Int64)
        case float(Double)
        /// Nanoseconds.
        case duration(Int64)
        case attribute(AttributePlace, key: String)
        /// An attribute of the parent span, as written.
        case parentAttribute(String)
        /// Keywords and intrinsics, `trace:id` and the like included.
        case word(String)
        case end
    }

    var kind: Kind
    /// Of the first byte in the source.
    var offset: Int

    /// How an error names it.
    var text: String {
        switch kind {
        case .openBrace: "'{'"
        case .closeBrace: "'}'"
        case .openParenthesis: "'('"
        case .closeParenthesis: "')'"
        case .comma: "','"
        case .symbol(let text), .word(let text), .parentAttribute(let text): "'\(text)'"
        case .string(let text): "string \(text.debugDescription)"
        case .int(let value): "'\(value)'"
        case .float(let value): "'\(value)'"
        case .duration(let value): "duration of \(value) ns"
        case .attribute(_, let key): "attribute '\(key)'"
        case .end: "the end of the query"
        }
    }
}
