import CCurl
import Synchronization

/// The multi handle and the one thread that drives it.
///
/// Unchecked because `multi` is only ever used by the thread, except for `curl_multi_wakeup`, which any thread may
/// call, and because `active` and `idle` belong to the thread.
final class CurlLoop: @unchecked Sendable {
    private struct Inbox {
        var submitted: [Transfer] = []
        var hasCancellations = false
        var isRunning = false
        var isShutDown = false
    }

    /// Easy handles kept for reuse; more at once are made and thrown away.
    private static let idleHandlesMax = 8

    private let configuration: TransportConfiguration
    private let multi: UnsafeMutableRawPointer
    private let inbox = Mutex(Inbox())
    private var active: [UnsafeMutableRawPointer: (handle: EasyHandle, transfer: Transfer)] = [:]
    private var idle: [EasyHandle] = []

    /// libcurl asks for this once in a process, before anything else.
    private static let globalInit: CURLcode = curl_global_init(Int(CURL_GLOBAL_ALL))

    init(_ configuration: TransportConfiguration) throws(TransportError) {
        guard Self.globalInit == CURLE_OK, let multi = curl_multi_init() else {
            throw .failed(code: Int(Self.globalInit.rawValue), message: "libcurl cannot be initialized")
        }
        self.configuration = configuration
        self.multi = multi
        skein_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.connectionsPerHostMax)
        skein_curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
    }

    deinit {
        idle = []
        curl_multi_cleanup(multi)
    }

    /// Hands `transfer` to the thread, which starts with the first one.
    func submit(_ transfer: Transfer) {
        let verdict: TransportError? = inbox.withLock { inbox in
            guard !inbox.isShutDown else { return .shutDown }
            if !inbox.isRunning {
                guard DetachedThread.start({ [self] in run() }) else {
                    return .failed(code: 0, message: "no thread for transfers")
                }
                inbox.isRunning = true
            }
            inbox.submitted.append(transfer)
            return nil
        }
        if let verdict { transfer.finish(.failure(verdict)) } else { curl_multi_wakeup(multi) }
    }

    func cancel(_ transfer: Transfer) {
        transfer.finish(.failure(.cancelled))
        inbox.withLock { $0.hasCancellations = true }
        curl_multi_wakeup(multi)
    }

    /// Fails everything under way and ends the thread. Further submissions fail.
    func shutDown() {
        inbox.withLock { $0.isShutDown = true }
        curl_multi_wakeup(multi)
    }

    // MARK: the thread

    private func run() {
        while true {
            let (submitted, hasCancellations, isShutDown) = inbox.withLock { inbox in
                defer {
                    inbox.submitted = []
                    inbox.hasCancellations = false
                }
                return (inbox.submitted, inbox.hasCancellations, inbox.isShutDown)
            }
            if isShutDown {
                for transfer in submitted { transfer.finish(.failure(.shutDown)) }
                abort { _ in true }
                return
            }
            for transfer in submitted where !transfer.isFinished { start(transfer) }
            if hasCancellations { abort(where: \.isFinished) }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            collect()
            // Waits for a socket, a timer of libcurl or a wakeup; without transfers nothing else ever wakes it.
            curl_multi_poll(multi, nil, 0, Int32.max, nil)
        }
    }

    private func start(_ transfer: Transfer) {
        guard let handle = idle.popLast() ?? EasyHandle() else {
            transfer.finish(.failure(.failed(code: Int(CURLE_OUT_OF_MEMORY.rawValue), message: "out of memory")))
            return
        }
        do {
            try handle.prepare(transfer, configuration)
        } catch {
            transfer.finish(.failure(error))
            recycle(handle)
            return
        }
        active[handle.raw] = (handle, transfer)
        let added = curl_multi_add_handle(multi, handle.raw)
        if added != CURLM_OK {
            active[handle.raw] = nil
            let message = String(cString: curl_multi_strerror(added))
            transfer.finish(.failure(.failed(code: Int(added.rawValue), message: message)))
        }
    }

    private func collect() {
        var code = CURLE_OK
        while let raw = skein_curl_next_finished(multi, &code) {
            curl_multi_remove_handle(multi, raw)
            guard let (handle, transfer) = active.removeValue(forKey: raw) else { continue }
            if code == CURLE_OK {
                var status = 0
                skein_curl_get_long(raw, CURLINFO_RESPONSE_CODE, &status)
                transfer.complete(status: status)
            } else {
                transfer.finish(.failure(Self.error(code, handle.errorMessage(code), transfer)))
            }
            recycle(handle)
        }
    }

    private func abort(where isAborted: (Transfer) -> Bool) {
        for (raw, entry) in active where isAborted(entry.transfer) {
            curl_multi_remove_handle(multi, raw)
            active[raw] = nil
            entry.transfer.finish(.failure(.shutDown))
            recycle(entry.handle)
        }
    }

    private func recycle(_ handle: EasyHandle) {
        guard idle.count < Self.idleHandlesMax else { return }
        handle.reset()
        idle.append(handle)
    }

    private static func error(_ code: CURLcode, _ message: String, _ transfer: Transfer) -> TransportError {
        if transfer.isTooLarge { return .responseTooLarge(limitBytes: transfer.responseBytesMax) }
        return switch code {
        case CURLE_OPERATION_TIMEDOUT: .timedOut(message)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_SEND_ERROR,
            CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_PROXY, CURLE_SEND_FAIL_REWIND:
            .connectionFailed(message)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_CLIENTCERT, CURLE_USE_SSL_FAILED:
            .tls(message)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidRequest(message)
        default: .failed(code: Int(code.rawValue), message: message)
        }
    }
}
