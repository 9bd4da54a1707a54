import CurlTransport
import Foundation
import OTLP
import Skein
import SkeinTesting
import TestSink
import Testing
import Tracing

@Suite struct OTLPEncodingTests {
    /// Exports one span with an exporter made from `options`.
    private func export(
        to sink: SinkServer, _ compression: OTLPOptions.Compression = .none
    ) async throws -> ExportResult {
        var options = OTLPOptions()
        options.endpoint = sink.url
        options.encoding = .json
        options.compression = compression
        options.proxy = ""
        let exporter = try OTLPExporter(options)
        defer { exporter.shutdown() }
        let batch = try await TestBatch.make { tracer in
            tracer.withSpan("sent \u{1F426}", context: .topLevel, ofKind: .client) { span in
                span.record("text", "a\"b")
                span.record("number", Int.max)
                span.addEvent("first_chunk")
            }
        }
        return await exporter.exportOnThread(batch)
    }

    private func json(_ body: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    }

    @Test func bodyIsOTLPJSON() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        #expect(try await export(to: sink) == .success())
        let request = try #require(sink.requests.first)
        #expect(request.header("Content-Type") == "application/json")
        let resourceSpans = try #require(try json(request.body)["resourceSpans"] as? [[String: Any]])
        let scopeSpans = try #require(resourceSpans.first?["scopeSpans"] as? [[String: Any]])
        let span = try #require((scopeSpans.first?["spans"] as? [[String: Any]])?.first)
        #expect(span["name"] as? String == "sent \u{1F426}")
        #expect(span["kind"] as? Int == 3)
        #expect((span["traceId"] as? String)?.count == 32)
        let attributes = try #require(span["attributes"] as? [[String: Any]])
        #expect(attributes.map { $0["key"] as? String } == ["text", "number"])
        #expect((attributes.last?["value"] as? [String: Any])?["intValue"] as? String == "\(Int.max)")
    }

    @Test func bodySaysTheSameAsProtobuf() async throws {
        let batch = try await TestBatch.make { tracer in
            tracer.withSpan("parent", context: .topLevel) { parent in
                parent.record("list", ["a", "b"])
                tracer.withSpan("child", context: parent.context) { $0.record("ratio", 0.25) }
            }
        }
        let (body, rejected) = try batch.json()
        #expect(rejected == 0)
        let back = try OTLPJSON.decode(body)
        #expect(RecordedSpan.spans(inRequest: back) == RecordedSpan.spans(inRequest: batch.request))
    }

    @Test func spanOfManyAttributesIsNotLost() async throws {
        let batch = try await TestBatch.make(configure: {
            $0.limits.attributesPerEventMax = 20_000
        }) { tracer in
            tracer.withSpan("wide", context: .topLevel) { span in
                var event = SpanEvent(name: "e")
                for number in 0..<20_000 { event.attributes["k\(number)"] = number }
                span.addEvent(event)
            }
        }
        let (body, rejected) = try batch.json()
        #expect(rejected == 0)
        let back = RecordedSpan.spans(inRequest: try OTLPJSON.decode(body))
        #expect(back.first?.events.first?.attributes.count == 20_000)
    }

    @Test func spanWithoutAValidIDCountsAsRejected() async throws {
        struct NoIDs: IDGenerator {
            func nextTraceID() -> TraceID { .invalid }
            func nextSpanID() -> SpanID { .invalid }
        }
        let batch = try await TestBatch.make(configure: { $0.idGenerator = NoIDs() }) { tracer in
            tracer.startSpan("x", context: .topLevel).end()
        }
        #expect(try batch.json().rejectedSpans == 1)
    }

    @Test func compressedJSONUnpacks() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        #expect(try await export(to: sink, .gzip) == .success())
        let request = try #require(sink.requests.first)
        #expect(request.header("Content-Encoding") == "gzip")
        #expect(try json(try #require(gunzip(request.body)))["resourceSpans"] != nil)
    }

    @Test func partialSuccessInJSONIsTold() async throws {
        let body = ExportResponse(rejectedSpans: 1, errorMessage: "one bad span").json()
        let sink = try SinkServer { _, _ in
            .answer(200, headers: [HTTPHeader("Content-Type", "application/json; charset=utf-8")], body: body)
        }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .success(rejected: 1, message: "one bad span"))
    }

    @Test func statusInJSONIsTold() async throws {
        let body = RPCStatus(.invalidArgument, "span without a name").json()
        let sink = try SinkServer { _, _ in
            .answer(400, headers: [HTTPHeader("content-type", "Application/JSON")], body: body)
        }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .failure("status 400: span without a name"))
    }

    @Test(arguments: [Array("{}".utf8), Array("{\"partialSuccess\":{}}".utf8), []])
    func answerWithoutWordsIsFullSuccess(_ body: [UInt8]) async throws {
        let sink = try SinkServer { _, _ in
            .answer(200, headers: [HTTPHeader("Content-Type", "application/json")], body: body)
        }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .success())
    }

    @Test(arguments: [
        ("application/json", Array("not json".utf8)), ("application/json", [0xFF]),
        ("application/x-protobuf", [0x0A, 0xFF]), ("text/html; charset=utf-8", Array("<html>".utf8)),
    ])
    func answerThatIsNoOTLPIsTold(_ type: String, _ body: [UInt8]) {
        let result = OTLPAnswer.result(
            HTTPResponseMessage(status: 200, headers: [HTTPHeader("Content-Type", type)], body: body))
        #expect(
            result
                == .success(message: "an answer of type \(type) that is no OTLP; is the endpoint a receiver's?"))
    }

    @Test func hugeOrNegativeRejectionsAreBounded() {
        func result(_ rejected: Int64) -> ExportResult {
            OTLPAnswer.result(
                HTTPResponseMessage(
                    status: 200, headers: [HTTPHeader("Content-Type", "application/x-protobuf")],
                    body: ExportResponse(rejectedSpans: rejected, errorMessage: "m").protobuf()))
        }
        #expect(result(-5) == .success(rejected: 0, message: "m"))
        #expect(result(.max) == .success(rejected: Int(Int64.max), message: "m"))
    }
}
