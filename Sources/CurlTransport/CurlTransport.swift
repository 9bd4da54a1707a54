import Synchronization

/// Outbound HTTP/1.1 over libcurl: any number of requests on one multi handle, driven by one thread of its own.
///
/// Connections are kept alive and shared by requests to the same host. Proxies come from libcurl's environment
/// (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`) unless the configuration names one. Redirects are not
/// followed. Safe to use from any task or thread.
package final class CurlTransport: Sendable {
    /// A request under way that was started with a completion.
    package struct Handle: Sendable {
        fileprivate let transfer: Transfer
        fileprivate let loop: CurlLoop

        /// Aborts the transfer; its completion is told ``TransportError/cancelled`` unless it was told before.
        package func cancel() {
            loop.cancel(transfer)
        }
    }

    private let configuration: TransportConfiguration
    /// Owned by this object. Only ``abandonAfterFork()`` replaces it, and what it replaces is never freed, so that a
    /// reader cannot meet a loop that is gone. No lock, which a fork could leave taken for ever.
    private let loopReference: Atomic<Unmanaged<CurlLoop>>

    private var loop: CurlLoop { loopReference.load(ordering: .acquiring).takeUnretainedValue() }

    /// Prepares libcurl; the thread starts with the first request.
    package init(_ configuration: TransportConfiguration = TransportConfiguration()) throws(TransportError) {
        self.configuration = configuration
        loopReference = Atomic(Unmanaged.passRetained(try CurlLoop(configuration)))
    }

    deinit {
        loop.shutDown()
        loopReference.load(ordering: .acquiring).release()
    }

    /// Sends one request and waits for its whole response, whatever its status. Cancelling the task aborts it.
    package func send(_ request: HTTPRequestMessage) async throws(TransportError) -> HTTPResponseMessage {
        let transfer = try makeTransfer(request)
        let loop = loop
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.whenFinished { continuation.resume(returning: $0) }
                loop.submit(transfer)
            }
        } onCancel: {
            loop.cancel(transfer)
        }
        return try outcome.get()
    }

    /// Sends one request for a caller that is no task. `completion` is called once, from the transport's thread or
    /// from the thread that cancels, and must not block.
    @discardableResult
    package func start(
        _ request: HTTPRequestMessage,
        completion: @escaping @Sendable (Result<HTTPResponseMessage, TransportError>) -> Void
    ) throws(TransportError) -> Handle {
        let transfer = try makeTransfer(request)
        let loop = loop
        transfer.whenFinished(completion)
        loop.submit(transfer)
        return Handle(transfer: transfer, loop: loop)
    }

    /// Fails what is under way with ``TransportError/shutDown`` and ends the thread. May be called twice.
    package func shutdown() {
        loop.shutDown()
    }

    /// To be called in the child of a `fork()`, before the transport is used there and while no other thread uses it:
    /// starts afresh with connections and a thread of the child's own.
    ///
    /// The thread stayed with the parent, and so do the connections: their descriptors are left as they are, because to
    /// close a connection in the usual way would say goodbye to the server in the parent's name. What the parent had
    /// under way completes there and never here. The memory of the old connections is not freed.
    ///
    /// - Throws: when libcurl has no memory; the transport must then not be used.
    package func abandonAfterFork() throws(TransportError) {
        let fresh = Unmanaged.passRetained(try CurlLoop(configuration))
        _ = loopReference.exchange(fresh, ordering: .acquiringAndReleasing)
    }

    private func makeTransfer(_ request: HTTPRequestMessage) throws(TransportError) -> Transfer {
        var request = request
        if request.compressesBody, !request.body.isEmpty {
            request.body = try gzip(request.body)
            request.headers.append(HTTPHeader("Content-Encoding", "gzip"))
        }
        return Transfer(request, responseBytesMax: configuration.responseBytesMax)
    }
}
