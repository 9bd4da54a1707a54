import CurlTransport
import Glibc
import OTLP
import Synchronization

/// A receiver of OTLP/HTTP on loopback, in a process of its own, that counts spans and does nothing else.
///
///     skein-bench --sink DOWN STALLED    prints its port, then serves until its standard input ends; then prints the
///                                        count and how many of them have an id of their own. It refuses connections for DOWN milliseconds, and leaves them without
///                                        an answer for STALLED more.
enum CountingSink {
    private struct Received {
        var spans = 0
        /// Span ids, so that one that came twice does not hide one that is missing.
        var ids: Set<UInt64> = []
    }

    private static let received = Mutex(Received())

    static func run(down: UInt32, stalled: UInt32) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound, down > 0 || listen(listener, 16) == 0 else {
            print("error \(errno)")
            return
        }
        print(UInt16(bigEndian: address.sin_port))
        fflush(nil)
        _ = DetachedThread.start {
            if down > 0 {
                usleep(down * 1_000)
                guard listen(listener, 16) == 0 else { return }
            }
            usleep(stalled * 1_000)
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                _ = DetachedThread.start { serve(connection) }
            }
        }
        while readLine() != nil {}
        print(received.withLock { "\($0.spans) \($0.ids.count)" })
    }

    private static func serve(_ connection: Int32) {
        var received: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n".utf8)
        while true {
            if let (start, length) = requestBody(received), received.count >= start + length {
                if let batch = try? SpanBatch(decoding: Array(received[start..<start + length])) {
                    Self.received.withLock { received in
                        received.spans += batch.spans.count
                        for span in batch.spans { received.ids.insert(span.spanID.rawValue) }
                    }
                }
                received.removeFirst(start + length)
                guard write(connection, answer, answer.count) == answer.count else { break }
                continue
            }
            let count = read(connection, &piece, piece.count)
            guard count > 0 else { break }
            received += piece[..<count]
        }
        close(connection)
    }

    /// Where the body of the request begins and how long it is; nil until its head is complete.
    private static func requestBody(_ bytes: [UInt8]) -> (start: Int, length: Int)? {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count > 4,
            let start = (0..<min(bytes.count - 3, 8192)).first(where: { Array(bytes[$0..<$0 + 4]) == end })
        else { return nil }
        let head = String(decoding: bytes[..<start], as: UTF8.self)
        for line in head.split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == "content-length" {
                return (start + 4, Int(parts[1].drop { $0 == " " }) ?? 0)
            }
        }
        return (start + 4, 0)
    }
}
