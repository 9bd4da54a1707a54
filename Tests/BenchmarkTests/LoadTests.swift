import CurlTransport
import Foundation
import OTLP
import TestSink
import Testing

/// `skein load` against a server that answers as it is told.
@Suite(.timeLimit(.minutes(2)))
struct LoadTests {
    private struct Report: Decodable {
        let spans, requests, bytes, lostSpans: Int
        let retries, failures: [String: Int]
    }

    private func load(_ sink: SinkServer, _ arguments: [String]) throws -> (status: Int32, report: Report) {
        let process = BuiltExecutable("skein")
        let outcome = try process.run(
            ["load", "--json", "--endpoint", sink.url, "--spans-per-request", "50"] + arguments)
        return (outcome.status, try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8)))
    }

    @Test func everySpanOfTheReportWasSentAndIdsAreUnique() throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let (status, report) = try load(sink, ["--duration", "1s", "--rate", "2000", "--connections", "2"])
        #expect(status == 0)
        let requests = sink.requests
        #expect(report.requests == requests.count)
        #expect(report.bytes == requests.reduce(0) { $0 + $1.body.count })
        var ids: Set<UInt64> = []
        for request in requests {
            #expect(request.path == "/v1/traces")
            #expect(request.header("Content-Type") == "application/x-protobuf")
            for span in try SpanBatch(decoding: request.body).spans { ids.insert(span.spanID.rawValue) }
        }
        #expect(report.spans == ids.count)
        // One second at 2,000 spans/s in requests of 50.
        #expect(requests.count == 40)
    }

    @Test func refusedForNowIsSentAgainWithTheSameBody() throws {
        let sink = try SinkServer { _, index in
            index < 2 ? .answer(index == 0 ? 503 : 429, headers: [HTTPHeader("Retry-After", "0")]) : .answer(200)
        }
        defer { sink.stop() }
        let (status, report) = try load(sink, ["--duration", "200ms", "--rate", "1000", "--connections", "1"])
        #expect(status == 0)
        #expect(report.retries == ["status 503": 1, "status 429": 1])
        #expect(report.lostSpans == 0)
        let bodies = sink.requests.map(\.body)
        #expect(bodies.count == report.requests + 2)
        #expect(bodies[0] == bodies[1] && bodies[1] == bodies[2])
    }

    @Test func refusedForGoodAndRejectedSpansAreLostAndCounted() throws {
        let sink = try SinkServer { _, index in
            index == 0
                ? .answer(400) : .answer(200, body: ExportResponse(rejectedSpans: 3, errorMessage: "no").protobuf())
        }
        defer { sink.stop() }
        let (status, report) = try load(sink, ["--duration", "100ms", "--rate", "1000", "--connections", "1"])
        #expect(status == 1)
        #expect(report.requests == 2)
        #expect(report.failures == ["status 400": 50, "rejected": 3])
        #expect(report.lostSpans == 53)
        #expect(report.spans == 47)
    }

    @Test func seedRepeatsTracesAndNoSeedDoesNot() throws {
        func traceIDs(_ arguments: [String] = []) throws -> [TraceID] {
            let sink = try SinkServer()
            defer { sink.stop() }
            _ = try load(sink, ["--duration", "50ms", "--rate", "1000", "--connections", "1"] + arguments)
            return try sink.requests.flatMap { try SpanBatch(decoding: $0.body).spans.map(\.traceID) }
        }
        let first = try traceIDs(["--seed", "7"])
        #expect(first.count == 50)
        #expect(try traceIDs(["--seed", "7"]) == first)
        #expect(try Set(traceIDs()).isDisjoint(with: traceIDs()))
    }

    @Test(arguments: [
        ["--rate=-1"], ["--duration", "soon"], ["--connections", "0"], ["--spans-per-request", "0"],
        ["--endpoint", "localhost"], ["--protocol", "grpc", "--endpoint", "https://127.0.0.1:1"],
    ])
    func wrongUsageIsSaid(_ arguments: [String]) throws {
        let outcome = try BuiltExecutable("skein").run(["load"] + arguments)
        #expect(outcome.status == 2)
        #expect(outcome.messages.contains("is not valid, expected"))
        #expect(outcome.output.isEmpty)
    }
}
