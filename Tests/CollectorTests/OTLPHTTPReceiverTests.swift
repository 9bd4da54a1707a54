import Collector
import CurlTransport
import HTTPServing
import OTLP
import Testing

@Suite struct OTLPHTTPReceiverTests {
    private static let json = "application/json"
    private static let protobuf = "application/x-protobuf"

    /// Serves a receiver while `body` runs.
    private func serving(
        bodyBytesMax: Int = 1 << 20, budget: BufferBudget = BufferBudget(limitBytes: 128 << 20),
        _ body: (HTTPClient, IngestFixture) async throws -> Void
    ) async throws {
        let fixture = try IngestFixture()
        var configuration = OTLPReceiverConfiguration.HTTP(endpoint: ListenEndpoint(host: "127.0.0.1", port: 0))
        configuration.bodyBytesMax = bodyBytesMax
        let receiver = OTLPHTTPReceiver(configuration, ingest: fixture.ingest, budget: budget, metrics: fixture.metrics)
        let listener = HTTPListener(
            address: ListenerAddress(name: "otlp_http", host: "127.0.0.1", port: 0),
            responder: receiver.router().buildResponder(), logger: quiet)
        let client = try HTTPClient(port: try await listener.start().port)
        do {
            try await body(client, fixture)
        } catch {
            await listener.shutdown(deadline: .now)
            await fixture.journal.shutdown()
            throw error
        }
        await listener.shutdown(deadline: .now)
        await fixture.journal.shutdown()
    }

    private func refused(_ fixture: IngestFixture, _ reason: RefusalReason) -> Double {
        fixture.metrics.total(
            "skein_receiver_refused_requests", ["receiver": "otlp_http", "reason": reason.rawValue])
    }

    @Test func spansAreTakenInBothEncodings() async throws {
        try await serving { client, fixture in
            let answer = try await client.post(TestRequest.body(1, spans: 3))
            #expect((answer.status, answer.body, answer.header("Content-Type")) == (200, [], Self.protobuf))
            let jsonAnswer = try await client.post(TestRequest.json(2), Self.json)
            #expect((jsonAnswer.status, jsonAnswer.text, jsonAnswer.header("Content-Type")) == (200, "{}", Self.json))
            #expect(fixture.metrics.total("otelcol_receiver_accepted_spans", ["transport": "http"]) == 4)
        }
    }

    @Test(arguments: [
        "application/x-protobuf; charset=utf-8", " application/x-protobuf ;v=1", "Application/X-Protobuf",
    ])
    func parametersAndCaseOfTheContentTypeSayNothing(_ type: String) async throws {
        try await serving { client, _ in
            let answer = try await client.post(TestRequest.body(1), type)
            #expect(answer.status == 200)
        }
    }

    @Test(arguments: ["gzip", "deflate", "zstd"])
    func compressedBodiesAreTaken(_ encoding: String) async throws {
        try await serving { client, fixture in
            let body = try compressed(TestRequest.body(1, spans: 50), encoding)
            #expect(try await client.post(body, encoding: encoding).status == 200)
            #expect(fixture.metrics.total("otelcol_receiver_accepted_spans", ["transport": "http"]) == 50)
            let broken = try await client.post(Array(body.dropLast(9)), encoding: encoding)
            #expect(broken.status == 400)
            #expect(try RPCStatus(decoding: broken.body).message.contains(encoding))
            #expect(refused(fixture, .corruptEncoding) == 1)
        }
    }

    @Test(arguments: [protobuf, json])
    func anEmptyBodyIsTaken(_ type: String) async throws {
        try await serving { client, fixture in
            let answer = try await client.post([], type)
            #expect(answer.status == 200)
            #expect(answer.text == (type == Self.json ? "{}" : ""))
            #expect(fixture.metrics.total("skein_receiver_requests", ["receiver": "otlp_http"]) == 1)
        }
    }

    @Test func errorsAreWrittenAsTheRequestWas() async throws {
        try await serving { client, fixture in
            let answer = try await client.post(Array("hello".utf8))
            #expect(answer.status == 400)
            #expect(answer.header("Content-Type") == Self.protobuf)
            let status = try RPCStatus(decoding: answer.body)
            #expect(status.code == RPCStatus.Code.invalidArgument.rawValue)
            #expect(!status.message.isEmpty)
            let jsonAnswer = try await client.post(Array("hello".utf8), Self.json)
            #expect(jsonAnswer.status == 400)
            #expect(jsonAnswer.header("Content-Type") == Self.json)
            #expect(try RPCStatus(decodingJSON: jsonAnswer.body).code == RPCStatus.Code.invalidArgument.rawValue)
            #expect(refused(fixture, .undecodable) == 2)
        }
    }

    @Test func rejectedSpansAreAPartialSuccess() async throws {
        try await serving { client, _ in
            let answer = try await client.post(TestRequest.body(1, spans: 4, badSpans: 1))
            #expect(answer.status == 200)
            let response = try ExportResponse(decoding: answer.body)
            #expect(response.rejectedSpans == 1)
            #expect(response.errorMessage.contains("span_id"))
        }
    }

    @Test(arguments: ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
    func otherMethodsAreRefused(_ method: String) async throws {
        try await serving { client, fixture in
            let answer = try await client.send(method, "/v1/traces")
            #expect(answer.status == 405)
            #expect(answer.header("Allow") == "POST")
            #expect(refused(fixture, .wrongMethod) == 1)
            #expect(fixture.metrics.total("skein_receiver_requests", ["receiver": "otlp_http"]) == 1)
        }
    }

    @Test(arguments: ["text/plain", "application/jsonx", "application/protobuf", ""])
    func otherContentTypesAreRefused(_ type: String) async throws {
        try await serving { client, fixture in
            let answer = try await client.post(TestRequest.body(1), type)
            #expect(answer.status == 415)
            #expect(answer.text.contains(Self.protobuf) && answer.text.contains(Self.json))
            #expect(refused(fixture, .wrongContentType) == 1)
        }
    }

    @Test func anUnknownContentEncodingIsRefused() async throws {
        try await serving { client, fixture in
            let answer = try await client.post(TestRequest.body(1), encoding: "br")
            #expect(answer.status == 415)
            #expect(try RPCStatus(decoding: answer.body).message.contains("br"))
            #expect(refused(fixture, .unsupportedEncoding) == 1)
        }
    }

    @Test(arguments: [nil, "gzip", "zstd"])
    func aBodyOverTheLimitIsRefusedForGood(_ encoding: String?) async throws {
        try await serving(bodyBytesMax: 4096) { client, fixture in
            let body = TestRequest.body(1, padding: 5000)
            let answer = try await client.post(try compressed(body, encoding), encoding: encoding)
            #expect(answer.status == 413)
            #expect(answer.header("Retry-After") == nil)
            #expect(try RPCStatus(decoding: answer.body).message.contains("4096"))
            #expect(refused(fixture, .tooLarge) == 1)
        }
    }

    @Test func troubleOfTheCollectorIsRetryable() async throws {
        try await serving { client, fixture in
            fixture.residentBytes.value = 1 << 30
            fixture.limiter.check()
            let answer = try await client.post(TestRequest.json(1), Self.json)
            #expect(answer.status == 503)
            #expect(answer.header("Retry-After") == "1")
            #expect(try RPCStatus(decodingJSON: answer.body).code == RPCStatus.Code.unavailable.rawValue)
            fixture.residentBytes.value = 0
            fixture.limiter.check()
            #expect(try await client.post(TestRequest.json(1), Self.json).status == 200)
            await fixture.journal.shutdown()
            #expect(try await client.post(TestRequest.body(2)).status == 503)
            #expect(refused(fixture, .shuttingDown) == 1)
        }
    }

    @Test(arguments: [nil, "gzip", "zstd"])
    func aBodyThatDoesNotFitInTheBuffersComesAgain(_ encoding: String?) async throws {
        let budget = BufferBudget(limitBytes: 40_000)
        try await serving(budget: budget) { client, fixture in
            let body = TestRequest.body(1, padding: 60_000)
            let answer = try await client.post(try compressed(body, encoding), encoding: encoding)
            #expect(answer.status == 503)
            #expect(answer.header("Retry-After") == "1")
            #expect(answer.header("Connection") == "close")
            #expect(try RPCStatus(decoding: answer.body).code == RPCStatus.Code.unavailable.rawValue)
            #expect(refused(fixture, .buffersFull) == 1)
            #expect(try await client.post(TestRequest.body(2)).status == 200)
            #expect(budget.usedBytes == 0)
        }
    }

    @Test(arguments: ["/v1/logs", "/v1/metrics", "/", "/v1/trace"])
    func everyOtherPathSaysWhereTracesGo(_ path: String) async throws {
        try await serving { client, _ in
            let answer = try await client.post(TestRequest.body(1), path: path)
            #expect(answer.status == 404)
            #expect(try RPCStatus(decoding: answer.body).message.contains("/v1/traces"))
            let jsonAnswer = try await client.post(TestRequest.json(1), Self.json, path: path)
            #expect(try RPCStatus(decodingJSON: jsonAnswer.body).message.contains(path))
            let textAnswer = try await client.get(path)
            #expect(textAnswer.status == 404)
            #expect(textAnswer.text.contains("/v1/traces"))
        }
    }
}
