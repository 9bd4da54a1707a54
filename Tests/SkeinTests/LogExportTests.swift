import CurlTransport
import Foundation
import Logging
import OTLP
import Skein
import SkeinTesting
import TestSink
import Testing
import Tracing

/// Log records on their way to a real server.
@Suite struct LogExportTests {
    private func fixture(
        _ sink: SinkServer, _ configure: (inout TracingConfiguration) -> Void = { _ in }
    ) throws -> LogFixture {
        try LogFixture { configuration in
            configuration.logs.customExporters = []
            configuration.logs.exporters = [.otlp]
            configuration.logs.otlp.endpoint = "\(sink.url)/v1/logs"
            configuration.logs.otlp.proxy = ""
            configure(&configuration)
        }
    }

    @Test func linesAndSpansArriveWithTheSameIDs() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let fixture = try fixture(sink) { configuration in
            configuration.exporters = [.otlp]
            configuration.otlp.endpoint = "\(sink.url)/v1/traces"
            configuration.otlp.proxy = ""
            configuration.logs.otlp.headers = [OTLPOptions.Header("X-Tenant", "a")]
        }
        let log = fixture.logger("desk")
        fixture.tracing.tracer.withSpan("answer", context: .topLevel) { _ in log.info("asked") }
        await fixture.tracing.shutdown()
        let logs = try #require(sink.requests.first { $0.path == "/v1/logs" })
        let traces = try #require(sink.requests.first { $0.path == "/v1/traces" })
        #expect(sink.requests.count == 2 && logs.method == "POST")
        #expect(logs.header("Content-Type") == "application/x-protobuf" && logs.header("X-Tenant") == "a")
        let record = try #require(LoggedRecord.records(inRequest: logs.body).first)
        let span = try #require(RecordedSpan.spans(inRequest: traces.body).first)
        #expect(record.body == "asked" && record.scope == "desk")
        #expect(record.traceID == span.traceID.bytes && record.spanID == span.spanID.bytes)
        #expect(Set(record.resource.keys) == Set(span.resource.keys) && !record.resource.isEmpty)
        #expect(fixture.tracing.logStatistics.exported == 1 && fixture.tracing.statistics.exported == 1)
        #expect(fixture.diagnostics.lines.isEmpty)
    }

    @Test func receiverThatTakesNoLogsIsToldOfOnceAndNotAskedAgain() async throws {
        let sink = try SinkServer { _, _ in .answer(404, body: Array("not found".utf8)) }
        defer { sink.stop() }
        let fixture = try fixture(sink)
        for number in 0..<3 {
            fixture.logger().info("\(number)")
            await fixture.tracing.flush()
        }
        await fixture.tracing.shutdown()
        #expect(sink.requests.count == 3, "a batch each")
        let statistics = fixture.tracing.logStatistics
        #expect(statistics.droppedExportFailed == 3 && statistics.retries == 0)
        #expect(
            fixture.diagnostics.lines == [
                "1 log records lost: \(sink.url)/v1/logs takes no logs (status 404: not found); "
                    + "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT names another receiver, OTEL_LOGS_EXPORTER=none sends none",
                "2 further log records lost for the reasons told before",
            ])
    }

    @Test(arguments: [
        ("application/x-protobuf", [0x0A, 0x05, 0x08, 0x02, 0x12, 0x01, 0x78] as [UInt8]),
        ("application/json", Array(#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"x"}}"#.utf8)),
    ])
    func refusedRecordsAreCountedApart(_ type: String, _ body: [UInt8]) async throws {
        let sink = try SinkServer { _, _ in
            .answer(200, headers: [HTTPHeader("Content-Type", type)], body: body)
        }
        defer { sink.stop() }
        let fixture = try fixture(sink)
        for _ in 0..<5 { fixture.logger().info("x") }
        await fixture.tracing.shutdown()
        #expect(fixture.tracing.logStatistics.rejectedByReceiver == 2)
        #expect(fixture.tracing.logStatistics.exported == 3)
        #expect(fixture.diagnostics.lines == ["the receiver rejected 2 of 5 log records: x"])
    }

    @Test func busyReceiverGetsTheSameBatchAgain() async throws {
        let sink = try SinkServer { _, index in .answer(index == 0 ? 503 : 200) }
        defer { sink.stop() }
        let fixture = try fixture(sink) { $0.backoff.initial = .milliseconds(1) }
        fixture.logger().info("x")
        await fixture.tracing.shutdown()
        #expect(sink.requests.count == 2 && sink.requests.first?.body == sink.requests.last?.body)
        #expect(fixture.tracing.logStatistics.retries == 1 && fixture.tracing.logStatistics.exported == 1)
    }

    @Test func compressedBodyIsTheSameRequest() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let fixture = try fixture(sink) { $0.logs.otlp.compression = .gzip }
        fixture.logger().info("packed")
        await fixture.tracing.shutdown()
        let request = try #require(sink.requests.first)
        #expect(request.header("Content-Encoding") == "gzip")
        let body = try #require(gunzip(request.body))
        #expect(LoggedRecord.records(inRequest: body).map(\.body) == ["packed"])
    }

    @Test func jsonSaysWhatProtobufSays() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let fixture = try fixture(sink) { configuration in
            configuration.logs.otlp.encoding = .json
            configuration.logs.attributeCountMax = 4
            configuration.resource = Resource()
            configuration.resource["list"] = .array([.int(-1), .double(0.5), .bool(true)])
        }
        var context: SpanContext?
        fixture.tracing.tracer.withSpan("x", context: .topLevel) { span in
            context = span.context.spanContext
            fixture.logger("a").notice("hé\"llo", metadata: ["t": "text", "l": ["1"], "d": ["k": "v"]])
        }
        await fixture.tracing.shutdown()
        let request = try #require(sink.requests.first)
        #expect(request.header("Content-Type") == "application/json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any])
        let logs = try #require((json["resourceLogs"] as? [[String: Any]])?.first)
        let list =
            #"{"attributes":[{"key":"list","value":{"arrayValue":{"values":[{"intValue":"-1"},{"doubleValue":0.5},{"boolValue":true}]}}}]}"#
        #expect(try sorted(logs["resource"]) == list)
        let scope = try #require((logs["scopeLogs"] as? [[String: Any]])?.first)
        #expect(try sorted(scope["scope"]) == #"{"name":"a"}"#)
        let record = try #require((scope["logRecords"] as? [[String: Any]])?.first)
        #expect(record["severityNumber"] as? Int == 10 && record["severityText"] as? String == "notice")
        #expect(try sorted(record["body"]) == #"{"stringValue":"hé\"llo"}"#)
        #expect(record["traceId"] as? String == context?.traceID.hex)
        #expect(record["spanId"] as? String == context?.spanID.hex)
        #expect(record["flags"] as? Int == 3 && record["droppedAttributesCount"] as? Int == 2)
        let time = try #require((record["timeUnixNano"] as? String).flatMap { UInt64($0) })
        #expect(time > 1_500_000_000_000_000_000 && record["observedTimeUnixNano"] as? String == "\(time)")
        let attributes = try #require(record["attributes"] as? [[String: Any]])
        #expect(
            Set(try attributes.map { try sorted($0) }) == [
                #"{"key":"t","value":{"stringValue":"text"}}"#,
                #"{"key":"l","value":{"arrayValue":{"values":[{"stringValue":"1"}]}}}"#,
                #"{"key":"d","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}}"#,
                #"{"key":"code.file.path","value":{"stringValue":"SkeinTests/LogExportTests.swift"}}"#,
            ])
        #expect(fixture.tracing.logStatistics.exported == 1)
    }

    private func sorted(_ value: Any?) throws -> String {
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
        return String(
            decoding: try JSONSerialization.data(withJSONObject: try #require(value), options: options), as: UTF8.self)
    }
}
