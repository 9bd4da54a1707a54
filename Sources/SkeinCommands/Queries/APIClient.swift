import ArgumentParser
import Collector
import CurlTransport
import Foundation

/// Where the commands that ask a collector find it.
struct APIOptions: ParsableArguments {
    @Option(help: "The collector's query address.")
    var api = "http://127.0.0.1:16686"

    @Flag(help: "Print the answer as JSON.")
    var json = false
}

/// Asks a collector over HTTP.
struct APIClient {
    private let base: String
    private let transport: CurlTransport

    init(_ base: String) throws(CommandFailure) {
        guard base.hasPrefix("http://") || base.hasPrefix("https://") else {
            throw .usage("--api '\(base)' is not valid, expected a URL such as http://127.0.0.1:16686")
        }
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
        var configuration = TransportConfiguration()
        configuration.responseBytesMax = 256 << 20
        configuration.totalTimeout = .seconds(60)
        // A proxy of the environment has no business between a tool and the collector on the same machine.
        if ["http://127.0.0.1", "http://localhost", "http://[::1]"].contains(where: base.hasPrefix) {
            configuration.proxy = ""
        }
        do throws(TransportError) {
            transport = try CurlTransport(configuration)
        } catch {
            throw .failed("\(error)")
        }
    }

    /// The body of a successful answer.
    func get(_ path: String, _ query: [(String, String?)] = []) async throws(CommandFailure) -> [UInt8] {
        let parameters = query.compactMap { name, value in value.map { "\(name)=\(Self.encoded($0))" } }
        let url = base + path + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
        let response: HTTPResponseMessage
        do throws(TransportError) {
            response = try await transport.send(HTTPRequestMessage(method: "GET", url: url))
        } catch {
            throw .failed("no answer from \(base): \(error); is a collector running there?")
        }
        guard response.status == 200 else { throw Self.failure(response) }
        return response.body
    }

    func get<Answer: Decodable>(
        _ type: Answer.Type, _ path: String, _ query: [(String, String?)] = []
    ) async throws(CommandFailure) -> Answer {
        try Self.decode(type, try await get(path, query))
    }

    static func decode<Answer: Decodable>(_ type: Answer.Type, _ body: [UInt8]) throws(CommandFailure) -> Answer {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw .failed("the answer is not what was expected: \(error)")
        }
    }

    private static func failure(_ response: HTTPResponseMessage) -> CommandFailure {
        struct Body: Decodable {
            struct Details: Decodable {
                let message: String
                let hint: String?
            }
            let error: Details
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(response.body)) else {
            return .failed("the collector answered with status \(response.status)")
        }
        let hint = (body.error.hint ?? "").isEmpty ? "" : "; \(body.error.hint ?? "")"
        let isUsage = response.status == 400
        return CommandFailure(message: body.error.message + hint, exitStatus: isUsage ? 2 : 1)
    }

    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.append(Character(UnicodeScalar(byte)))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                result += hex.count == 1 ? "%0\(hex)" : "%\(hex)"
            }
        }
        return result
    }
}
