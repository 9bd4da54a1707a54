import CCurl
import Synchronization

/// One request on its way: what libcurl's callbacks read and write, and who is told the outcome.
///
/// Unchecked because `sentBytes`, `response` and `isTooLarge` are touched by the transport's thread only; the outcome,
/// which any thread may decide, has its own lock.
final class Transfer: @unchecked Sendable {
    typealias Outcome = Result<HTTPResponseMessage, TransportError>

    private enum State {
        case open((@Sendable (Outcome) -> Void)?)
        case decided(Outcome)
        case told
    }

    let request: HTTPRequestMessage
    let responseBytesMax: Int
    private(set) var response = HTTPResponseMessage(status: 0)
    private(set) var isTooLarge = false
    private var sentBytes = 0
    private let state = Mutex(State.open(nil))

    init(_ request: HTTPRequestMessage, responseBytesMax: Int) {
        self.request = request
        self.responseBytesMax = responseBytesMax
    }

    /// Names who is told; at once when the outcome is decided already.
    func whenFinished(_ tell: @escaping @Sendable (Outcome) -> Void) {
        let decided: Outcome? = state.withLock { state in
            switch state {
            case .decided(let outcome):
                state = .told
                return outcome
            case .open, .told:
                state = .open(tell)
                return nil
            }
        }
        if let decided { tell(decided) }
    }

    /// Decides the outcome; only the first call counts.
    func finish(_ outcome: Outcome) {
        let tell: (@Sendable (Outcome) -> Void)? = state.withLock { state in
            guard case .open(let tell) = state else { return nil }
            state = tell == nil ? .decided(outcome) : .told
            return tell
        }
        tell?(outcome)
    }

    var isFinished: Bool {
        state.withLock { state in
            if case .open = state { false } else { true }
        }
    }
}

// MARK: callbacks of libcurl, all on the transport's thread

extension Transfer {
    /// Copies the next part of the body into libcurl's send buffer.
    func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        request.body.withUnsafeBytes { body in
            let count = min(target.count, body.count - sentBytes)
            guard count > 0 else { return 0 }
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: body[sentBytes..<sentBytes + count]))
            sentBytes += count
            return count
        }
    }

    /// Goes back to `offset`, which libcurl asks for when it repeats a request on a fresh connection.
    func seek(to offset: Int) -> Bool {
        guard offset >= 0, offset <= request.body.count else { return false }
        sentBytes = offset
        return true
    }

    /// Takes a part of the response body; false aborts the transfer.
    func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= responseBytesMax - response.body.count else {
            isTooLarge = true
            return false
        }
        response.body.append(contentsOf: bytes)
        return true
    }

    /// Takes one header line. A status line starts anew, so that interim responses leave nothing behind.
    func appendHeader(_ line: String) {
        if line.hasPrefix("HTTP/") {
            response.headers = []
            return
        }
        guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return }
        let value = line[line.utf8.index(after: colon)...].drop(while: \.isWhitespace)
        let end = value.lastIndex { !$0.isWhitespace }.map { value.index(after: $0) } ?? value.startIndex
        response.headers.append(HTTPHeader(String(line[..<colon]), String(value[..<end])))
    }

    func complete(status: Int) {
        response.status = status
        finish(.success(response))
    }
}
