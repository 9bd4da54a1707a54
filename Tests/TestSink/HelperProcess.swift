import CurlTransport
import Foundation
import Synchronization

/// A server for tests that is a process of its own, written in Python: it tells its port on the first line of its
/// output and ends when its input does, so that none is left behind.
package final class HelperProcess: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package let port: Int
    private let process: Process

    private init(_ script: String, _ arguments: [String]) async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script] + arguments
        // Nothing of the test's own proxies.
        process.environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"]
        let (output, input) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardInput = input
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        let line = await Self.firstLine(output.fileHandleForReading)
        guard let port = Int(line) else { throw Failure(description: "python3 said '\(line)', expected a port") }
        self.port = port
    }

    deinit { stop() }

    /// An HTTPS server. It answers every request with 200 and the headers `X-Connection` (from 0), `X-Client` (the
    /// common name of the client's certificate) and the request's body.
    ///
    /// - Parameter clientAuthorityFile: with it, clients must show a certificate of this authority.
    package static func tlsServer(
        certificateFile: String, keyFile: String, clientAuthorityFile: String? = nil
    ) async throws -> HelperProcess {
        try await HelperProcess(tlsScript, [certificateFile, keyFile, clientAuthorityFile ?? ""])
    }

    /// A proxy for CONNECT. It answers `GET /log` with the targets it was asked for, one a line.
    package static func connectProxy() async throws -> HelperProcess {
        try await HelperProcess(proxyScript, [])
    }

    package func stop() {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    private static func firstLine(_ handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            let isStarted = DetachedThread.start {
                var line: [UInt8] = []
                while let byte = try? handle.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") { line.append(byte) }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
            if !isStarted { continuation.resume(returning: "no thread") }
        }
    }

    private static let common = """
        import os, socket, sys, threading
        def end_with_input():
            sys.stdin.read()
            os._exit(0)
        threading.Thread(target=end_with_input, daemon=True).start()

        """

    private static let tlsScript =
        common + """
            import http.server, ssl
            certificate, key, authority = sys.argv[1:4]
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            if authority:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(authority)
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def setup(self):
                    try: self.request.do_handshake()
                    except ssl.SSLError:
                        # Reads what the client still sends: a reset would overtake the alert that says why.
                        plain = socket.socket(fileno=self.request.detach())
                        plain.shutdown(socket.SHUT_WR)
                        while plain.recv(4096): pass
                        raise
                    with self.server.lock:
                        self.number = self.server.count
                        self.server.count += 1
                    super().setup()
                def do_POST(self):
                    body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                    names = dict(pair[0] for pair in (self.request.getpeercert() or {}).get("subject", ()))
                    self.send_response(200)
                    self.send_header("X-Connection", str(self.number))
                    self.send_header("X-Client", names.get("commonName", ""))
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                def log_message(self, *arguments): pass
            class Server(http.server.ThreadingHTTPServer):
                count = 0
                lock = threading.Lock()
                def get_request(self):
                    connection, address = self.socket.accept()
                    return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address
                def handle_error(self, *arguments): pass
            server = Server(("127.0.0.1", 0), Handler)
            print(server.server_address[1], flush=True)
            server.serve_forever()
            """

    private static let proxyScript =
        common + """
            listener = socket.create_server(("127.0.0.1", 0))
            print(listener.getsockname()[1], flush=True)
            targets = []
            def relay(source, target):
                try:
                    while data := source.recv(65536): target.sendall(data)
                except OSError: pass
                for side in (source, target):
                    try: side.shutdown(socket.SHUT_RDWR)
                    except OSError: pass
            def serve(client):
                head = b""
                while b"\\r\\n\\r\\n" not in head:
                    data = client.recv(4096)
                    if not data: return
                    head += data
                method, target = head.split(b" ")[:2]
                if method != b"CONNECT":
                    body = b"\\n".join(targets)
                    length = str(len(body)).encode()
                    client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: " + length + b"\\r\\n\\r\\n" + body)
                    return
                targets.append(target)
                host, port = target.decode().rsplit(":", 1)
                upstream = socket.create_connection((host, int(port)))
                client.sendall(b"HTTP/1.1 200 Connected\\r\\n\\r\\n")
                threading.Thread(target=relay, args=(upstream, client), daemon=True).start()
                relay(client, upstream)
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()
            """
}
