import HTTPServing
import HTTPTypes
import Hummingbird
import OTLP

/// What the classic Jaeger API puts around every answer.
struct JaegerEnvelope {
    /// Why a part of an answer, or all of it, is missing.
    struct Problem {
        var code: Int?
        var message: String
        var traceID: TraceID?
    }

    var total = 0
    /// Nil is written as `null`.
    var errors: [Problem]?

    /// - Parameter data: writes the value of `data`; nil for `null`.
    func bytes(_ data: ((inout JSONWriter) throws -> Void)?) rethrows -> [UInt8] {
        var json = JSONWriter()
        try json.object { json in
            json.key("data")
            if let data { try data(&json) } else { json.null() }
            json.int("total", total)
            json.int("limit", 0)
            json.int("offset", 0)
            guard let errors else { return json.null("errors") }
            json.array("errors") { json in
                for problem in errors {
                    json.object { json in
                        if let code = problem.code { json.int("code", code) }
                        json.string("msg", problem.message)
                        if let traceID = problem.traceID { json.string("traceID", traceID.jaegerText) }
                    }
                }
            }
        }
        return json.takeBytes()
    }

    /// The answer to a request that failed: the envelope, called plain text as Jaeger does.
    static func failure(_ status: HTTPResponse.Status, _ message: String, parameters: QueryParameters) -> Response {
        let envelope = JaegerEnvelope(errors: [Problem(code: status.code, message: message)])
        var body = JSONIndentation.pretty(envelope.bytes(nil), when: parameters)
        body.append(UInt8(ascii: "\n"))
        return .bytes(body, contentType: "text/plain; charset=utf-8", status: status)
    }
}

/// Indents JSON by four spaces, for `prettyPrint`.
enum JSONIndentation {
    static func pretty(_ json: [UInt8], when parameters: QueryParameters) -> [UInt8] {
        guard let value = parameters["prettyPrint"], value != "false" else { return json }
        return pretty(json)
    }

    /// - Parameter json: a valid document without white space between its tokens.
    static func pretty(_ json: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(json.count * 2)
        var depth = 0
        var isInString = false
        var index = 0
        func breakLine() {
            result.append(UInt8(ascii: "\n"))
            result.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 4))
        }
        while index < json.count {
            let byte = json[index]
            switch byte {
            case UInt8(ascii: "\\") where isInString:
                result.append(byte)
                index += 1
                if index < json.count { result.append(json[index]) }
            case UInt8(ascii: "\""):
                isInString.toggle()
                result.append(byte)
            case _ where isInString: result.append(byte)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                result.append(byte)
                if index + 1 < json.count, json[index + 1] == byte + 2 {
                    index += 1
                    result.append(byte + 2)
                } else {
                    depth += 1
                    breakLine()
                }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                breakLine()
                result.append(byte)
            case UInt8(ascii: ","):
                result.append(byte)
                breakLine()
            case UInt8(ascii: ":"): result.append(contentsOf: [byte, UInt8(ascii: " ")])
            default: result.append(byte)
            }
            index += 1
        }
        return result
    }
}
