/// Why bytes are not the JSON that was expected.
package struct JSONError: Error, Hashable, Sendable {
    /// Bytes from the start of the text.
    package let offset: Int
    /// Where in the document, as in `resourceSpans[0].scopeSpans[2].spans[1].kind`; empty for the document itself.
    package private(set) var path = ""
    /// What is wrong or what was expected, in words.
    package let problem: String

    init(offset: Int, _ problem: String) {
        self.offset = offset
        self.problem = problem
    }

    /// The same error as seen from the object that has `member`.
    func inside(_ member: StaticString) -> JSONError {
        var error = self
        let separator = path.isEmpty || path.hasPrefix("[") ? "" : "."
        error.path = "\(member)\(separator)\(path)"
        return error
    }

    /// The same error as seen from the array whose element it is.
    func inside(element index: Int) -> JSONError {
        var error = self
        let separator = path.isEmpty || path.hasPrefix("[") ? "" : "."
        error.path = "[\(index)]\(separator)\(path)"
        return error
    }
}

extension JSONError: CustomStringConvertible {
    package var description: String { "\(path.isEmpty ? "" : path + ": ")\(problem) at byte \(offset)" }
}

/// What ``OTLPJSON/decode(_:limits:)`` throws.
package typealias OTLPJSONError = JSONError
