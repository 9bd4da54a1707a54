import Hummingbird

/// A JSON-RPC request to the MCP server: the part of the protocol that it knows.
struct CitationCall: Codable, Sendable {
    struct Params: Codable, Sendable {
        var name: String?
        var arguments: [String: String]?
    }

    var id: String
    var method: String
    var params: Params
}

/// A JSON-RPC response: either a result or an error.
struct CitationAnswer: ResponseCodable, Sendable {
    struct Result: Codable, Sendable {
        struct Content: Codable, Sendable {
            var type = "text"
            var text: String
        }

        var content: [Content]
        /// The tool failed, which is no failure of the request.
        var isError: Bool

        init(text: String, isError: Bool = false) {
            content = [Content(text: text)]
            self.isError = isError
        }
    }

    struct Failure: Codable, Sendable {
        var code: Int
        var message: String
    }

    var jsonrpc = "2.0"
    var id: String
    var result: Result?
    var error: Failure?
}
