import Foundation
import Skein
import SkeinTesting
import Testing

/// The spans of one question to a desk of its own, as the collector got them.
struct DeskTrace {
    /// On this question a model call is retried, a tool fails, and the cache knows some of the facts.
    static let eventfulSeed = 29

    let answeredTraceID: String
    let spans: [RecordedSpan]

    init(questionSeed: Int = eventfulSeed) async throws {
        let exported = try ExportedSpans()
        let models = try await DeskProcess("models")
        let worker = try await DeskProcess("worker", ["--models", models.url], environment: exported.environment)
        let gateway = try await DeskProcess(
            "gateway", ["--worker", worker.url, "--models", models.url], environment: exported.environment)
        let response = try await gateway.post(
            "/ask",
            [
                "question": "Can heat pumps replace gas boilers in old houses?", "user": "ada",
                "department": "strategy", "conversation": "conversation-7", "seed": questionSeed,
            ])
        for process in [gateway, worker, models] { #expect(await process.stop() == 0) }
        exported.server.stop()
        spans = exported.all()
        try #require(response.status == 200)
        let body = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: String]
        answeredTraceID = try #require(body?["traceID"])
        #expect(body?["answer"]?.isEmpty == false)
    }

    func spans(named name: String) -> [RecordedSpan] { spans.filter { $0.name == name } }

    func children(of span: RecordedSpan) -> [RecordedSpan] { spans.filter { $0.parentSpanID == span.spanID } }

    func only(_ name: String) throws -> RecordedSpan {
        let found = spans(named: name)
        try #require(found.count == 1)
        return found[0]
    }

    func parent(of span: RecordedSpan) -> RecordedSpan? { spans.first { $0.spanID == span.parentSpanID } }

    /// Whether any two of them run at the same time.
    func overlap(_ spans: [RecordedSpan]) -> Bool {
        zip(spans, spans.dropFirst()).contains { $0.endNanoseconds > $1.startNanoseconds }
    }
}
