import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The body of one answer, chunk by chunk as it comes. On Linux `URLSession.bytes(for:)` is not there.
final class StreamedBody: NSObject, URLSessionDataDelegate {
    typealias Chunks = AsyncThrowingStream<Data, any Error>

    /// Chunks that may wait for a slow reader, some 100 bytes each; past it the stream fails.
    private static let waitingMax = 8192

    let chunks: Chunks
    private let writer: Chunks.Continuation
    private let head = Mutex<CheckedContinuation<HTTPURLResponse, any Error>?>(nil)

    override init() {
        (chunks, writer) = Chunks.makeStream(bufferingPolicy: .bufferingOldest(Self.waitingMax))
    }

    /// Sends the request, once, and returns when the head of the answer is there.
    ///
    /// - Throws: ``HTTPFailure`` when there is no answer.
    func start(_ request: URLRequest, _ configuration: URLSessionConfiguration) async throws -> HTTPURLResponse {
        let session = URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
        defer { session.finishTasksAndInvalidate() }
        return try await withCheckedThrowingContinuation { continuation in
            head.withLock { $0 = continuation }
            session.dataTask(with: request).resume()
        }
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        completionHandler(.allow)
        if let response = response as? HTTPURLResponse { takeHead()?.resume(returning: response) }
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        if case .dropped = writer.yield(data) {
            writer.finish(throwing: HTTPFailure(status: nil, reason: "\(Self.waitingMax) chunks wait to be read"))
            dataTask.cancel()
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let failure = error.map { HTTPFailure(status: nil, reason: $0.localizedDescription) }
        takeHead()?.resume(throwing: failure ?? HTTPFailure(status: nil, reason: "the answer is not HTTP"))
        writer.finish(throwing: failure)
    }

    private func takeHead() -> CheckedContinuation<HTTPURLResponse, any Error>? {
        head.withLock { head in
            defer { head = nil }
            return head
        }
    }
}
