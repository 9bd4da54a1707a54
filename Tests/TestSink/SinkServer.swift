import CurlTransport
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// An HTTP/1.1 server on loopback for tests: it keeps every request and answers as it is told.
///
/// Unchecked because the only mutable state is behind `state`'s lock.
package final class SinkServer: @unchecked Sendable {
    package struct Request: Sendable {
        package var method = ""
        package var path = ""
        package var headers: [HTTPHeader] = []
        package var body: [UInt8] = []
        /// Which connection it came on, from 0.
        package var connection = 0

        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    package enum Reply: Sendable {
        case answer(Int, headers: [HTTPHeader] = [], body: [UInt8] = [])
        /// Closes the connection without an answer.
        case hangUp
        /// Leaves the request unanswered until the server stops.
        case silence
    }

    private struct State {
        var requests: [Request] = []
        var connections: [Int32] = []
        var isStopped = false
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    package let port: Int
    private let listener: Int32
    private let reply: @Sendable (Request, Int) -> Reply
    private let state = Mutex(State())

    /// - Parameters:
    ///   - isListening: false leaves the port bound but refusing connections until ``listen()``.
    ///   - reply: what the request of that index, from 0, is answered with.
    package init(
        isListening: Bool = true, reply: @escaping @Sendable (Request, Int) -> Reply = { _, _ in .answer(200) }
    ) throws {
        self.reply = reply
        #if canImport(Darwin)
            listener = socket(AF_INET, SOCK_STREAM, 0)
        #else
            listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        guard bound else { throw SinkError(errno: errno) }
        if isListening { try self.listen() }
    }

    package var url: String { "http://127.0.0.1:\(port)" }

    package var requests: [Request] { state.withLock { $0.requests } }

    package func listen() throws {
        #if canImport(Darwin)
            let started = Darwin.listen(listener, 64)
        #else
            let started = Glibc.listen(listener, 64)
        #endif
        guard started == 0, DetachedThread.start({ [self] in acceptLoop() }) else { throw SinkError(errno: errno) }
    }

    /// Returns when that many requests have arrived.
    package func arrived(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.requests.count >= count { return true }
                state.waiters.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Closes all connections there are; new ones are accepted.
    package func closeConnections() {
        for connection in state.withLock({ $0.connections }) { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    package func stop() {
        let connections = state.withLock { state in
            state.isStopped = true
            return state.connections
        }
        for connection in connections { shutdown(connection, Int32(SHUT_RDWR)) }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func acceptLoop() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            let number: Int? = state.withLock { state in
                guard !state.isStopped else { return nil }
                state.connections.append(connection)
                return state.connections.count - 1
            }
            guard let number else {
                close(connection)
                break
            }
            if !DetachedThread.start({ [self] in serve(connection, number) }) { close(connection) }
        }
        close(listener)
    }

    private func serve(_ connection: Int32, _ number: Int) {
        var input = ConnectionReader(connection)
        while var request = input.nextRequest() {
            request.connection = number
            let (index, ready) = state.withLock { state in
                state.requests.append(request)
                let count = state.requests.count
                let ready = state.waiters.filter { $0.count <= count }
                state.waiters.removeAll { $0.count <= count }
                return (count - 1, ready)
            }
            let reply = reply(request, index)
            for waiter in ready { waiter.continuation.resume() }
            switch reply {
            case .answer(let status, let headers, let body): Self.send(connection, status, headers, body)
            case .hangUp:
                shutdown(connection, Int32(SHUT_RDWR))
                return
            case .silence: break
            }
        }
    }

    private static func send(_ connection: Int32, _ status: Int, _ headers: [HTTPHeader], _ body: [UInt8]) {
        var head = "HTTP/1.1 \(status) Whatever\r\nContent-Length: \(body.count)\r\n"
        for header in headers { head += "\(header.name): \(header.value)\r\n" }
        let bytes = Array("\(head)\r\n".utf8) + body
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            sent += count
        }
    }
}

package struct SinkError: Error {
    let errno: Int32
}

/// Reads requests off one connection.
private struct ConnectionReader {
    private let connection: Int32
    private var buffer: [UInt8] = []

    init(_ connection: Int32) {
        self.connection = connection
    }

    mutating func nextRequest() -> SinkServer.Request? {
        let end = Array("\r\n\r\n".utf8)
        var searched = 0
        while true {
            if let index = find(end, from: searched) {
                let head = String(decoding: buffer[..<index], as: UTF8.self)
                buffer.removeFirst(index + end.count)
                return request(head)
            }
            searched = max(0, buffer.count - end.count)
            guard readMore() else { return nil }
        }
    }

    private func find(_ pattern: [UInt8], from start: Int) -> Int? {
        guard buffer.count >= start + pattern.count else { return nil }
        return (start...buffer.count - pattern.count).first { buffer[$0..<$0 + pattern.count].elementsEqual(pattern) }
    }

    private mutating func request(_ head: String) -> SinkServer.Request? {
        var request = SinkServer.Request()
        for (index, line) in head.split(separator: "\r\n").enumerated() {
            if index == 0 {
                let words = line.split(separator: " ")
                guard words.count == 3 else { return nil }
                request.method = String(words[0])
                request.path = String(words[1])
            } else if let colon = line.firstIndex(of: ":") {
                let value = line[line.index(after: colon)...].drop { $0 == " " }
                request.headers.append(HTTPHeader(String(line[..<colon]), String(value)))
            }
        }
        let length = request.header("Content-Length").flatMap { Int($0) } ?? 0
        while buffer.count < length {
            guard readMore() else { return nil }
        }
        request.body = Array(buffer.prefix(length))
        buffer.removeFirst(length)
        return request
    }

    private mutating func readMore() -> Bool {
        let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { target, count in
            count = max(0, read(connection, target.baseAddress, target.count))
        }
        buffer += chunk
        return !chunk.isEmpty
    }
}
