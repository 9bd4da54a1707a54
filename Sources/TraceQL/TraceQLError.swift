/// Why a query was refused, and where.
package struct TraceQLError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The text is no TraceQL.
        case syntax
        /// The text is TraceQL that makes no sense: types that do not fit, a pattern that is none.
        case type
        /// The text is valid TraceQL that this program cannot run.
        case unsupported
    }

    package let code: Code
    /// Both from 1; columns count characters.
    package let line: Int
    package let column: Int
    /// What was found and what was expected.
    package let message: String

    package var description: String { "\(line):\(column): \(message)" }

    init(_ code: Code, at offset: Int, in source: String, _ message: String) {
        self.code = code
        self.message = message
        let before = source.utf8.prefix(offset)
        line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { before.index(after: $0) } ?? before.startIndex
        column = String(decoding: before[lineStart...], as: UTF8.self).count + 1
    }
}
