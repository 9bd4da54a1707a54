import Foundation
import Skein
import SkeinTesting
import Testing

/// The worker's MCP server, asked by somebody else.
@Suite struct CitationServerTests {
    private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let parentID = "00f067aa0ba902b7"

    private struct Outcome {
        var status: Int
        var answer: CitationAnswer?
        var spans: [RecordedSpan]
    }

    private struct CitationAnswer: Decodable {
        struct Content: Decodable { var text: String }
        struct Result: Decodable {
            var content: [Content]
            var isError: Bool
        }
        struct Failure: Decodable { var code: Int }

        var jsonrpc: String
        var id: String
        var result: Result?
        var error: Failure?
    }

    private func ask(_ request: [String: any Sendable]) async throws -> Outcome {
        let exported = try ExportedSpans()
        let worker = try await DeskProcess(
            "worker", ["--models", "http://127.0.0.1:9"], environment: exported.environment)
        let response = try await worker.post("/mcp", request)
        #expect(await worker.stop() == 0)
        exported.server.stop()
        let answer = try? JSONDecoder().decode(CitationAnswer.self, from: Data(response.body))
        return Outcome(status: response.status, answer: answer, spans: exported.all())
    }

    private func call(_ method: String, tool: String) -> [String: any Sendable] {
        let metadata: [String: any Sendable] = [
            "progressToken": 7, "traceparent": "00-\(Self.traceID)-\(Self.parentID)-01",
        ]
        let params: [String: any Sendable] = ["name": tool, "arguments": ["query": "swifts"], "_meta": metadata]
        return ["jsonrpc": "2.0", "id": "call_1", "method": method, "params": params]
    }

    @Test func spanIsAChildOfTheCallersAndLinksTheHTTPRequest() async throws {
        let outcome = try await ask(call("tools/call", tool: "get_citation"))
        #expect(outcome.status == 200)
        #expect(outcome.answer?.id == "call_1" && outcome.answer?.error == nil)
        #expect(outcome.answer?.result?.isError == false)
        #expect(outcome.answer?.result?.content.first?.text.hasPrefix("Report ") == true)
        let served = try #require(outcome.spans.first { $0.name == "tools/call get_citation" })
        #expect(served.traceID.hex == Self.traceID && served.parentSpanID.hex == Self.parentID)
        let request = try #require(outcome.spans.first { $0.name == "POST /mcp" })
        #expect(!request.parentSpanID.isValid, "the HTTP request brought no context")
        #expect(served.links.map(\.spanID) == [request.spanID])
        #expect(!served.isFailed)
    }

    @Test(arguments: [("tools/list", "get_citation", -32_601), ("tools/call", "get_weather", -32_602)])
    func whatItDoesNotKnowIsARefusal(method: String, tool: String, code: Int) async throws {
        let outcome = try await ask(call(method, tool: tool))
        #expect(outcome.status == 200)
        #expect(outcome.answer?.error?.code == code && outcome.answer?.result == nil)
        let served = try #require(outcome.spans.first { $0.name == "\(method) \(tool)" })
        #expect(served.isFailed)
        #expect(served.text("rpc.response.status_code") == "\(code)")
    }

    @Test func malformedRequestIsRefused() async throws {
        #expect(try await ask(["id": 1]).status == 400)
    }
}
