import CurlTransport
import TestSink
import Testing

@Suite struct CurlTransportTests {
    @Test func requestArrivesAsSentAndAnswerComesBackWhole() async throws {
        let sink = try SinkServer { _, _ in
            .answer(418, headers: [HTTPHeader("X-Pot", "tea ")], body: Array("short and stout".utf8))
        }
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let response = try await transport.send(
            HTTPRequestMessage(
                url: "\(sink.url)/path?q=1", headers: [HTTPHeader("X-One", "1"), HTTPHeader("X-Empty", "")],
                body: [0, 1, 2, 255]))
        #expect(response.status == 418)
        #expect(response.header("x-pot") == "tea")
        #expect(response.body == Array("short and stout".utf8))
        let request = try #require(sink.requests.first)
        #expect(request.method == "POST")
        #expect(request.path == "/path?q=1")
        #expect(request.header("X-One") == "1")
        #expect(request.header("X-Empty") == "")
        #expect(request.header("Expect") == nil)
        #expect(request.body == [0, 1, 2, 255])
    }

    @Test(arguments: ["GET", "POST", "PUT", "DELETE", "PATCH"])
    func methodIsSentAsGiven(_ method: String) async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let body: [UInt8] = method == "GET" ? [] : Array("x".utf8)
        #expect(try await transport.send(HTTPRequestMessage(method: method, url: sink.url, body: body)).status == 200)
        #expect(sink.requests.first?.method == method)
        #expect(sink.requests.first?.body == body)
    }

    @Test func requestsOneAfterTheOtherShareAConnection() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        for _ in 0..<5 { _ = try await transport.send(HTTPRequestMessage(url: sink.url, body: [1])) }
        #expect(sink.requests.map(\.connection) == [0, 0, 0, 0, 0])
    }

    @Test func manyRequestsAtOnceAllGetTheirOwnAnswer() async throws {
        let sink = try SinkServer { request, _ in .answer(200, body: request.body) }
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let url = sink.url
        let echoed = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let body = [UInt8](repeating: UInt8(number), count: number * 100)
                    return try await transport.send(HTTPRequestMessage(url: url, body: body)).body == body
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(echoed == 100)
    }

    @Test func largeBodyIsReadInPlaceAndArrivesWhole() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        _ = try await transport.send(HTTPRequestMessage(url: sink.url, body: body))
        #expect(sink.requests.first?.body == body)
    }

    @Test func compressedBodyUnpacksToTheOriginal() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let body = Array(String(repeating: "skein ", count: 10_000).utf8)
        _ = try await transport.send(HTTPRequestMessage(url: sink.url, body: body, compressesBody: true))
        let request = try #require(sink.requests.first)
        #expect(request.header("Content-Encoding") == "gzip")
        #expect(request.body.count < body.count / 10)
        #expect(gunzip(request.body) == body)
    }

    @Test(arguments: [0, 1, 100, 1_000_000])
    func gzipRoundTrips(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        #expect(gunzip(try gzip(bytes)) == bytes)
    }

    @Test func answerOverTheCapIsRefused() async throws {
        let sink = try SinkServer { _, index in .answer(200, body: [UInt8](repeating: 7, count: 1000 + index)) }
        defer { sink.stop() }
        var configuration = TransportConfiguration()
        configuration.responseBytesMax = 1000
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        #expect(try await transport.send(HTTPRequestMessage(url: sink.url)).body.count == 1000)
        await #expect(throws: TransportError.responseTooLarge(limitBytes: 1000)) {
            try await transport.send(HTTPRequestMessage(url: sink.url))
        }
    }

    @Test func silentServerTimesOut() async throws {
        let sink = try SinkServer { _, _ in .silence }
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let error = await #expect(throws: TransportError.self) {
            try await transport.send(HTTPRequestMessage(url: sink.url, timeout: .milliseconds(50)))
        }
        guard case .timedOut = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func connectionThatIsNeverTakenTimesOutBeforeTheTransferDoes() async throws {
        let listener = try FullListener()
        var configuration = TransportConfiguration()
        configuration.connectTimeout = .milliseconds(50)
        configuration.totalTimeout = .seconds(600)
        configuration.proxy = ""
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        let error = await #expect(throws: TransportError.self) {
            try await transport.send(HTTPRequestMessage(url: "http://127.0.0.1:\(listener.port)"))
        }
        guard case .timedOut = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func refusedAndBrokenConnectionsAreConnectionFailures() async throws {
        let refusing = try SinkServer(isListening: false)
        let breaking = try SinkServer { _, _ in .hangUp }
        defer {
            refusing.stop()
            breaking.stop()
        }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        for url in [refusing.url, breaking.url] {
            let error = await #expect(throws: TransportError.self) {
                try await transport.send(HTTPRequestMessage(url: url, body: [1]))
            }
            guard case .connectionFailed(let reason) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(!reason.isEmpty)
        }
    }

    @Test(arguments: ["", "nonsense://x", "file:///etc/passwd", "http://"])
    func otherURLsAreRefused(_ url: String) async throws {
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let error = await #expect(throws: TransportError.self) {
            try await transport.send(HTTPRequestMessage(method: "GET", url: url))
        }
        guard case .invalidRequest = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: [
        HTTPHeader("", "x"), HTTPHeader("a b", "x"), HTTPHeader("a:", "x"), HTTPHeader("a", "x\r\nb: y"),
        HTTPHeader("a", "x\ny"),
    ])
    func headersCannotBeSmuggled(_ header: HTTPHeader) async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        await #expect(throws: TransportError.self) {
            try await transport.send(HTTPRequestMessage(url: sink.url, headers: [header]))
        }
        #expect(sink.requests.isEmpty)
    }

    @Test func missingAuthorityFileIsATLSFailure() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        var configuration = TransportConfiguration()
        configuration.tls.caFile = "/nonexistent/ca.pem"
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        let error = await #expect(throws: TransportError.self) {
            try await transport.send(HTTPRequestMessage(url: "https://127.0.0.1:\(sink.port)"))
        }
        guard case .tls = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func cancellingTheTaskAbortsTheTransfer() async throws {
        let sink = try SinkServer { _, _ in .silence }
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let url = sink.url
        let task = Task { try await transport.send(HTTPRequestMessage(url: url, body: [1], timeout: .seconds(600))) }
        await sink.arrived(1)
        task.cancel()
        await #expect(throws: TransportError.cancelled) { try await task.value }
    }

    @Test func cancelledTaskSendsNothing() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let transport = try CurlTransport()
        defer { transport.shutdown() }
        let url = sink.url
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await transport.send(HTTPRequestMessage(url: url, body: [1]))
        }
        await #expect(throws: TransportError.cancelled) { try await task.value }
        #expect(sink.requests.isEmpty)
    }

    @Test func shutdownFailsWhatIsUnderWayAndWhatComesLater() async throws {
        let sink = try SinkServer { _, _ in .silence }
        defer { sink.stop() }
        let transport = try CurlTransport()
        let url = sink.url
        let task = Task { try await transport.send(HTTPRequestMessage(url: url, body: [1], timeout: .seconds(600))) }
        await sink.arrived(1)
        transport.shutdown()
        transport.shutdown()
        await #expect(throws: TransportError.shutDown) { try await task.value }
        await #expect(throws: TransportError.shutDown) { try await transport.send(HTTPRequestMessage(url: url)) }
    }

    @Test(arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777), ("soon", nil), ("", nil),
    ])
    func httpDatesOfAllThreeFormsAreRead(_ text: String, _ seconds: Int64?) {
        #expect(parseHTTPDate(text) == seconds)
    }
}
