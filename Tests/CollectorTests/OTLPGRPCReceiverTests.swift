import Collector
import CurlTransport
import Foundation
import HTTPServing
import OTLP
import Testing

@Suite struct OTLPGRPCReceiverTests {
    private static let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    private static let bytesMax = 64 << 10

    /// Serves a receiver while `body` runs.
    private func serving(_ body: (GRPCClient, IngestFixture) async throws -> Void) async throws {
        let fixture = try IngestFixture()
        let receiver = OTLPGRPCReceiver(ingest: fixture.ingest, metrics: fixture.metrics)
        var limits = GRPCLimits()
        limits.maxMessageBytes = Self.bytesMax
        let server = GRPCServer(
            address: ListenerAddress(name: "otlp_grpc", host: "127.0.0.1", port: 0), limits: limits,
            admission: receiver.admission(BufferBudget(limitBytes: 128 << 20)), methods: receiver.methods,
            logger: quiet, onRefusal: receiver.countRefusal)
        let client = GRPCClient(port: try await server.start().port)
        do {
            try await body(client, fixture)
        } catch {
            await server.shutdown(deadline: .now)
            await fixture.journal.shutdown()
            throw error
        }
        await server.shutdown(deadline: .now)
        await fixture.journal.shutdown()
    }

    private func refused(_ fixture: IngestFixture, _ reason: RefusalReason) -> Double {
        fixture.metrics.total(
            "skein_receiver_refused_requests", ["receiver": "otlp_grpc", "reason": reason.rawValue])
    }

    private func details(_ answer: GRPCClient.Answer) throws -> RPCStatus {
        var base64 = try #require(answer.fields["grpc-status-details-bin"])
        while base64.count % 4 != 0 { base64 += "=" }
        return try RPCStatus(decoding: Array(try #require(Data(base64Encoded: base64))))
    }

    @Test func spansAreTakenAndPartialSuccessIsTold() async throws {
        try await serving { client, fixture in
            let answer = try await client.call(Self.export, TestRequest.body(1, spans: 3))
            #expect(answer.code == "0")
            #expect(answer.body.isEmpty)
            let partial = try await client.call(Self.export, TestRequest.body(2, spans: 3, badSpans: 2))
            #expect(partial.code == "0")
            #expect(try ExportResponse(decoding: partial.body).rejectedSpans == 2)
            #expect(fixture.metrics.total("otelcol_receiver_accepted_spans", ["transport": "grpc"]) == 4)
            #expect(try await client.call(Self.export, []).code == "0")
        }
    }

    @Test func gzipIsTakenAndBrokenGzipCounted() async throws {
        try await serving { client, fixture in
            let body = try gzip(TestRequest.body(1, spans: 9))
            let encoding = [("grpc-encoding", "gzip")]
            #expect(try await client.call(Self.export, body, headers: encoding, isCompressed: true).code == "0")
            let broken = Array(body.dropLast(9))
            #expect(try await client.call(Self.export, broken, headers: encoding, isCompressed: true).code != "0")
            #expect(refused(fixture, .corruptEncoding) == 1)
        }
    }

    @Test func anUndecodableMessageIsInvalidArgument() async throws {
        try await serving { client, fixture in
            let answer = try await client.call(Self.export, Array("hello".utf8))
            #expect(answer.code == "3")
            #expect(!answer.message.isEmpty)
            #expect(refused(fixture, .undecodable) == 1)
        }
    }

    @Test(arguments: [false, true])
    func aMessageOverTheLimitIsResourceExhaustedForGood(_ isCompressed: Bool) async throws {
        try await serving { client, fixture in
            var body = TestRequest.body(1, padding: Self.bytesMax)
            if isCompressed { body = try gzip(body) }
            let headers = isCompressed ? [("grpc-encoding", "gzip")] : []
            let answer = try await client.call(Self.export, body, headers: headers, isCompressed: isCompressed)
            #expect(answer.code == "8")
            #expect(answer.fields["grpc-status-details-bin"] == nil, "a client would send it again")
            #expect(refused(fixture, .tooLarge) == 1)
            #expect(fixture.metrics.total("skein_receiver_requests", ["receiver": "otlp_grpc"]) == 1)
        }
    }

    @Test func troubleOfTheCollectorTellsWhenToComeAgain() async throws {
        try await serving { client, fixture in
            fixture.residentBytes.value = 1 << 30
            fixture.limiter.check()
            let answer = try await client.call(Self.export, TestRequest.body(1))
            #expect(answer.code == "8")
            #expect(try details(answer).retryDelay == .seconds(1))
            #expect(refused(fixture, .memoryLimit) == 1)
            fixture.residentBytes.value = 0
            fixture.limiter.check()
            #expect(try await client.call(Self.export, TestRequest.body(1)).code == "0")
        }
    }

    @Test(arguments: ["logs", "metrics"])
    func otherSignalsAreUnimplemented(_ signal: String) async throws {
        try await serving { client, _ in
            let service = "opentelemetry.proto.collector.\(signal).v1.\(signal.capitalized)Service"
            let answer = try await client.call("/\(service)/Export", [])
            #expect(answer.code == "12")
            #expect(answer.message.contains("traces"))
        }
    }
}
