import Dispatch
import Synchronization

extension CurlTransport {
    /// Sends one request and waits for its response on the caller's own thread.
    package func sendBlocking(_ request: HTTPRequestMessage) throws(TransportError) -> HTTPResponseMessage {
        let outcome = Mutex<Result<HTTPResponseMessage, TransportError>>(.failure(.shutDown))
        let done = DispatchSemaphore(value: 0)
        _ = try start(request) { result in
            outcome.withLock { $0 = result }
            done.signal()
        }
        done.wait()
        return try outcome.withLock { $0 }.get()
    }
}
