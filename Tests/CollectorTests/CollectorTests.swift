import Collector
import CurlTransport
import OTLP
import SpanMetrics
import TestSink
import Testing
import TraceStorage

@Suite struct CollectorTests {
    @Test func spansSurviveARestartAndCountOnce() async throws {
        let first = try await CollectorFixture.started()
        let client = try first.client("otlp_http")
        let bodies = (1...3).map { TestRequest.body($0, spans: $0) }
        for body in bodies { #expect(try await client.post(body).status == 200) }
        let grpc = GRPCClient(port: try first.port("otlp_grpc"))
        let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        #expect(try await grpc.call(export, TestRequest.body(4, spans: 4)).code == "0")
        await first.collector.shutdown()
        #expect(first.stored == 10)
        #expect(first.counted == 10)

        let second = try await CollectorFixture.started(first.directory)
        #expect(second.collector.hasCaughtUp)
        #expect(second.stored == 10)
        let derived = try await second.client("prometheus").get("/metrics")
        #expect(derived.status == 200)
        #expect(Exposition(derived.body).total("traces_span_metrics_calls_total") == 10)
        // A client that never saw its answer sends again.
        let again = try second.client("otlp_http")
        for body in bodies { #expect(try await again.post(body).status == 200) }
        #expect(try await again.post(TestRequest.body(5)).status == 200)
        await second.collector.shutdown()
        #expect(second.stored == 11)
        #expect(second.counted == 11)
        let trace = try second.collector.reader.trace(
            TestRequest.traceID(3), tenant: .default, context: QueryContext())
        #expect(trace?.spans.count == 3)
    }

    @Test func whatWasAcknowledgedBeforeACrashIsThereAfterIt() async throws {
        let first = try await CollectorFixture.started()
        let client = try first.client("otlp_http")
        for number in 1...20 { #expect(try await client.post(TestRequest.body(number, spans: 2)).status == 200) }
        let crashed = try first.directory.copy()
        await first.collector.shutdown()

        let second = try await CollectorFixture.started(crashed)
        await second.collector.shutdown()
        #expect(second.stored == 40)
        #expect(second.counted == 40)
        let third = try await CollectorFixture.started(crashed)
        #expect(third.stored == 40, "a replay is not repeated")
        #expect(third.counted == 40)
        await third.collector.shutdown()
    }

    @Test func derivedMetricsAreShownAlthoughTheJournalWasLost() async throws {
        let first = try await CollectorFixture.started()
        #expect(try await first.client("otlp_http").post(TestRequest.body(1)).status == 200)
        await first.collector.shutdown()
        try first.directory.remove("journal")
        try first.directory.remove("derived")

        let second = try await CollectorFixture.started(first.directory)
        while !second.collector.hasCaughtUp { await Task.yield() }
        #expect(try await second.client("prometheus").get("/metrics").status == 200)
        #expect(try await second.client("otlp_http").post(TestRequest.body(2)).status == 200)
        await second.collector.shutdown()
        #expect(second.stored == 2, "new spans are not taken for a replay")
        #expect(second.counted == 1)
    }

    @Test func shutdownUnderLoadKeepsEverythingThatWasAcknowledged() async throws {
        let fixture = try await CollectorFixture.started()
        let client = try fixture.client("otlp_http")
        let acknowledged = await withTaskGroup(of: Int.self) { group in
            let begun = Box(0)
            for worker in 0..<4 {
                group.addTask {
                    var acknowledged = 0
                    for number in 0..<10_000 {
                        begun.value += 1
                        let body = TestRequest.body(worker * 10_000 + number)
                        guard let answer = try? await client.post(body), answer.status == 200 else { break }
                        acknowledged += 1
                    }
                    return acknowledged
                }
            }
            group.addTask {
                while begun.value < 50 { await Task.yield() }
                await fixture.collector.shutdown()
                return 0
            }
            return await group.reduce(0, +)
        }
        #expect(acknowledged > 0)
        // An answer that was on its way when the connection was closed may be missing, a span may not.
        #expect(fixture.stored >= acknowledged && fixture.stored <= acknowledged + 4)
        #expect(fixture.counted == fixture.stored)
    }

    @Test func shutdownBeforeTheStartAndTwiceIsFine() async throws {
        let early = try CollectorFixture()
        await early.collector.shutdown()
        await early.collector.shutdown()
        await #expect(throws: Collector.StartError.self) { try await early.collector.start() }
        await early.collector.shutdown()

        let fixture = try await CollectorFixture.started(early.directory)
        async let one: Void = fixture.collector.shutdown()
        async let two: Void = fixture.collector.shutdown()
        _ = await (one, two)
        #expect(fixture.collector.health.report().status == "draining")
    }

    @Test func aSecondCollectorOnTheDirectoryIsRefused() async throws {
        let fixture = try await CollectorFixture.started()
        let error = #expect(throws: Collector.StartError.self) { try CollectorFixture(fixture.directory) }
        #expect(error?.description.contains(fixture.directory.path) == true)
        await fixture.collector.shutdown()
    }

    @Test func aStartThatFailsGivesEverythingBack() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let fixture = try CollectorFixture {
            $0.receiver.http?.endpoint.port = sink.port
            $0.exporters = [OTLPHTTPExporterConfiguration(id: "otlp_http", tracesURL: "http://127.0.0.1:1/v1/traces")]
        }
        let error = await #expect(throws: Collector.StartError.self) { try await fixture.collector.start() }
        #expect(error?.description.contains("\(sink.port)") == true)
        let start = ContinuousClock.now
        await fixture.collector.shutdown(timeout: .zero)
        #expect(ContinuousClock.now - start < .seconds(5))
        let second = try await CollectorFixture.started(fixture.directory)
        await second.collector.shutdown()
    }

    @Test func aTargetThatIsSilentHoldsUpTheEndNoLongerThanConfigured() async throws {
        let sink = try SinkServer { _, _ in .silence }
        defer { sink.stop() }
        let fixture = try await CollectorFixture.started {
            $0.shutdownTimeout = .milliseconds(200)
            $0.exporters = [OTLPHTTPExporterConfiguration(id: "otlp_http/x", tracesURL: sink.url + "/v1/traces")]
        }
        #expect(try await fixture.client("otlp_http").post(TestRequest.body(1)).status == 200)
        await sink.arrived(1)
        let start = ContinuousClock.now
        await fixture.collector.shutdown()
        #expect(ContinuousClock.now - start < .seconds(4))
        #expect(fixture.stored == 1)

        let taking = try SinkServer()
        defer { taking.stop() }
        let second = try await CollectorFixture.started(fixture.directory) {
            $0.exporters = [OTLPHTTPExporterConfiguration(id: "otlp_http/x", tracesURL: taking.url + "/v1/traces")]
        }
        await taking.arrived(1)
        await second.collector.shutdown()
        #expect(try taking.requests.map { try $0.batch().spans.map(\.traceID) } == [[TestRequest.traceID(1)]])
    }
}
