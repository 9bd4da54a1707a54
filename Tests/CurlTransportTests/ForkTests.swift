import CurlTransport
import TestSink
import Testing

#if canImport(Glibc)
    import Glibc

    /// Darwin's Swift cannot call `fork`, and ThreadSanitizer allows no thread in the child of one.
    @Suite(.enabled(if: dlsym(nil, "__tsan_init") == nil)) struct ForkTests {
        /// Forks, runs `body` in the child and returns the child's exit status; 0 when `body` returned true.
        private func statusOfChild(_ body: @escaping @Sendable () -> Bool) async -> Int32 {
            await withCheckedContinuation { continuation in
                let isStarted = DetachedThread.start {
                    let child = fork()
                    if child == 0 {
                        // A child that hangs ends by itself; the thread it grew from has all signals blocked.
                        var none = sigset_t()
                        sigemptyset(&none)
                        pthread_sigmask(SIG_SETMASK, &none, nil)
                        alarm(30)
                        _exit(body() ? 0 : 1)
                    }
                    var status: Int32 = -1
                    while waitpid(child, &status, 0) < 0, errno == EINTR {}
                    continuation.resume(returning: status)
                }
                if !isStarted { continuation.resume(returning: -1) }
            }
        }

        /// Sends a request from a thread that may block; the status of the answer.
        private static func send(_ transport: CurlTransport, _ url: String) -> Int? {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { return nil }
            let answered = ends[1]
            let request = HTTPRequestMessage(url: url, body: [2])
            let handle = try? transport.start(request) { outcome in
                var isGood: UInt8 = (try? outcome.get().status) == 200 ? 1 : 0
                write(answered, &isGood, 1)
            }
            var isGood: UInt8 = 0
            guard handle != nil, read(ends[0], &isGood, 1) == 1 else { return nil }
            return isGood == 1 ? 200 : nil
        }

        @Test func childHasConnectionsOfItsOwnAndTheParentKeepsIts() async throws {
            let sink = try SinkServer()
            defer { sink.stop() }
            var configuration = TransportConfiguration()
            configuration.proxy = ""
            let transport = try CurlTransport(configuration)
            defer { transport.shutdown() }
            let url = sink.url
            _ = try await transport.send(HTTPRequestMessage(url: url, body: [1]))
            let status = await statusOfChild {
                guard (try? transport.abandonAfterFork()) != nil else { return false }
                return Self.send(transport, url) == 200
            }
            #expect(status == 0)
            _ = try await transport.send(HTTPRequestMessage(url: url, body: [3]))
            #expect(sink.requests.map(\.connection) == [0, 1, 0])
            #expect(sink.requests.map(\.body) == [[1], [2], [3]])
        }

        @Test func parentsTLSConnectionSurvivesTheChild() async throws {
            let files = try await TestCertificates()
            let server = try await HelperProcess.tlsServer(certificateFile: files.server, keyFile: files.serverKey)
            var configuration = TransportConfiguration()
            configuration.proxy = ""
            configuration.tls.caFile = files.authority
            let transport = try CurlTransport(configuration)
            defer { transport.shutdown() }
            let url = "https://127.0.0.1:\(server.port)/"
            let request = HTTPRequestMessage(url: url, body: [1])
            #expect(try await transport.send(request).header("X-Connection") == "0")
            let status = await statusOfChild {
                guard (try? transport.abandonAfterFork()) != nil else { return false }
                defer { transport.shutdown() }
                return Self.send(transport, url) == 200
            }
            #expect(status == 0)
            #expect(try await transport.send(request).header("X-Connection") == "0")
        }
    }
#endif
