import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

@Suite struct ContentLimitTests {
    /// What a text is cut to; family and flag are one character of many bytes each.
    @Test(arguments: [
        ("abcdef", 6, "abcdef", false), ("abcdef", 5, "abcde", true), ("abcdef", 0, "", true),
        ("aé", 2, "a", true), ("aé", 3, "aé", false), ("a👨‍👩‍👧b", 10, "a", true), ("🇫🇷🇩🇪", 12, "🇫🇷", true),
        ("e\u{301}e\u{301}", 4, "e\u{301}", true), ("\r\n\r\n", 3, "\r\n", true),
    ])
    func longTextsAreCutBetweenCharactersAndMarked(
        _ text: String, _ limit: Int, _ expected: String, _ isCut: Bool
    ) async throws {
        let exporter = InMemorySpanExporter()
        await withContentCapture(ContentCapture(isEnabled: true, bytesMax: limit)) {
            await withTool("t", tracer: exporter.tracer()) { $0.recordArguments(text) }
        }
        let span = try #require(exporter.spans.first)
        #expect(span.attributes["gen_ai.tool.call.arguments"] == .string(expected))
        let mark = span.attributes["skein.content.tool_arguments.bytes"]
        #expect(mark == (isCut ? .int(Int64(text.utf8.count)) : nil))
    }

    @Test func aCharacterLargerThanTheLimitIsCutBetweenScalars() async throws {
        let exporter = InMemorySpanExporter()
        let endless = "a" + String(repeating: "\u{301}", count: 1_000)
        await withContentCapture(ContentCapture(isEnabled: true, bytesMax: 100)) {
            await withTool("t", tracer: exporter.tracer()) { $0.recordArguments(endless) }
        }
        let span = try #require(exporter.spans.first)
        guard case .string(let text) = span.attributes["gen_ai.tool.call.arguments"] else {
            Issue.record("no text")
            return
        }
        #expect(text.utf8.count == 99 && text.unicodeScalars.count == 50)
    }
}
