import CCurl
import CurlTransport
import Synchronization
import TraceStorage

/// Sends mails over libcurl's SMTP: greeting, STARTTLS or TLS from the first byte, login, recipients, and the message
/// with its dots stuffed. Blocks; used by one thread, but for ``shutdown()``.
final class SMTPClient: Sendable {
    /// Why a mail was not taken.
    struct Failure: Error, CustomStringConvertible {
        /// What the server answered last, 0 without an answer.
        let status: Int
        let description: String
        /// TLS was asked for, and the server offers none.
        var lacksTLS = false
    }

    struct Server: Sendable {
        var host: String
        var port: Int
        var hello: String
        var isTLSImplicit: Bool
        var requiresTLS: Bool
        var username: String?
        var password: String?
        var tls: TransportConfiguration.TLS
        var timeout: Duration
    }

    /// libcurl asks for this once in a process; it counts how often it was done.
    private static let globalInit: CURLcode = curl_global_init(Int(CURL_GLOBAL_ALL))

    private let isStopped = Atomic<Bool>(false)

    /// Makes what is under way fail, within a second.
    func shutdown() { isStopped.store(true, ordering: .releasing) }

    func send(_ message: [UInt8], from: String, to: [String], over server: Server) throws(Failure) {
        guard Self.globalInit == CURLE_OK, let handle = curl_easy_init() else {
            throw Failure(status: 0, description: "libcurl cannot be initialized")
        }
        defer { curl_easy_cleanup(handle) }
        var recipients: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(recipients) }
        for address in to {
            guard let longer = curl_slist_append(recipients, "<\(address)>") else {
                throw Failure(status: 0, description: "out of memory")
            }
            recipients = longer
        }
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        text.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        defer { text.deallocate() }
        let upload = Upload(message, isStopped: { [self] in isStopped.load(ordering: .acquiring) })
        skein_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, text)
        skein_curl_set_list(handle, CURLOPT_MAIL_RCPT, recipients)
        skein_curl_set_string(handle, CURLOPT_MAIL_FROM, "<\(from)>")
        Self.configure(handle, server)
        Self.setCallbacks(handle, upload)
        let code = withExtendedLifetime(upload) { curl_easy_perform(handle) }
        guard code != CURLE_OK else { return }
        var status = 0
        skein_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        let message = text[0] == 0 ? String(cString: curl_easy_strerror(code)) : String(cString: text)
        throw Failure(status: status, description: message, lacksTLS: code == CURLE_USE_SSL_FAILED)
    }

    private static func configure(_ handle: UnsafeMutableRawPointer, _ server: Server) {
        let host = server.host.contains(":") ? "[\(server.host)]" : server.host
        let scheme = server.isTLSImplicit ? "smtps" : "smtp"
        skein_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        skein_curl_set_string(handle, CURLOPT_URL, "\(scheme)://\(host):\(server.port)/\(server.hello)")
        skein_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        skein_curl_set_long(handle, CURLOPT_UPLOAD, 1)
        let milliseconds = max(1, Int(server.timeout.components.seconds) * 1_000)
        skein_curl_set_long(handle, CURLOPT_TIMEOUT_MS, milliseconds)
        skein_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, min(milliseconds, 10_000))
        // A mail server is near; proxies of the environment are for the web.
        skein_curl_set_string(handle, CURLOPT_PROXY, "")
        let use = server.requiresTLS ? CURLUSESSL_ALL : CURLUSESSL_TRY
        skein_curl_set_long(handle, CURLOPT_USE_SSL, Int(use.rawValue))
        if let username = server.username { skein_curl_set_string(handle, CURLOPT_USERNAME, username) }
        if let password = server.password { skein_curl_set_string(handle, CURLOPT_PASSWORD, password) }
        if let file = server.tls.caFile { skein_curl_set_string(handle, CURLOPT_CAINFO, file) }
        if let file = server.tls.clientCertificateFile { skein_curl_set_string(handle, CURLOPT_SSLCERT, file) }
        if let file = server.tls.clientKeyFile { skein_curl_set_string(handle, CURLOPT_SSLKEY, file) }
        if server.tls.isInsecure {
            skein_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 0)
            skein_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 0)
        }
    }

    private static func setCallbacks(_ handle: UnsafeMutableRawPointer, _ upload: Upload) {
        let context = Unmanaged.passUnretained(upload).toOpaque()
        skein_curl_set_pointer(handle, CURLOPT_READDATA, context)
        skein_curl_set_data_callback(handle, CURLOPT_READFUNCTION) { data, size, count, context in
            guard let context else { return 0 }
            let upload = Unmanaged<Upload>.fromOpaque(context).takeUnretainedValue()
            return upload.read(into: UnsafeMutableRawBufferPointer(start: data, count: size &* count))
        }
        skein_curl_set_long(handle, CURLOPT_NOPROGRESS, 0)
        skein_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
        skein_curl_set_progress_callback(handle) { context, _, _, _, _ in
            guard let context else { return 0 }
            return Unmanaged<Upload>.fromOpaque(context).takeUnretainedValue().isStopped() ? 1 : 0
        }
    }

    /// The message on its way. Only the thread that sends touches it.
    private final class Upload {
        private let message: [UInt8]
        private var sent = 0
        let isStopped: () -> Bool

        init(_ message: [UInt8], isStopped: @escaping () -> Bool) {
            self.message = message
            self.isStopped = isStopped
        }

        func read(into target: UnsafeMutableRawBufferPointer) -> Int {
            let count = min(target.count, message.count - sent)
            guard count > 0 else { return 0 }
            target.copyBytes(from: message[sent..<sent + count])
            sent += count
            return count
        }
    }
}

/// Tells people by mail.
package final class EmailNoticeSender: NoticeSender {
    private let configuration: NotifierConfiguration
    private let email: NotifierConfiguration.Email
    private let externalURL: String
    private let now: @Sendable () -> UInt64
    private let client = SMTPClient()

    package init(
        _ configuration: NotifierConfiguration, _ email: NotifierConfiguration.Email, externalURL: String,
        now: @escaping @Sendable () -> UInt64
    ) {
        self.configuration = configuration
        self.email = email
        self.externalURL = externalURL
        self.now = now
    }

    package func shutdown() { client.shutdown() }

    package func send(_ notice: Notice) -> DeliveryResult {
        let password: String?
        do throws(FileError) { password = try email.password?.read() } catch {
            return .retryable(reason: "\(error)", retryAfter: nil)
        }
        let server = SMTPClient.Server(
            host: email.host, port: email.port, hello: email.hello, isTLSImplicit: email.isTLSImplicit,
            requiresTLS: email.requiresTLS, username: email.username, password: password, tls: configuration.tls,
            timeout: configuration.timeout)
        let message = MailMessage.bytes(
            notice, email, externalURL: externalURL, unique: "skein.\(notice.createdAt).\(notice.id)", at: now())
        do throws(SMTPClient.Failure) {
            try client.send(
                message, from: MailMessage.addressPart(email.from), to: email.to.map(MailMessage.addressPart),
                over: server)
            return .delivered
        } catch {
            if error.lacksTLS {
                let reason =
                    "the mail server \(email.host):\(email.port) offers no TLS by STARTTLS, expected it as require_tls "
                    + "of alerts.notifiers.\(configuration.id) is true: \(error)"
                return .retryable(reason: reason, retryAfter: nil)
            }
            // 5xx is for good (RFC 5321, section 4.2.1), but for a login, whose password may be put right.
            let isFinal = (550...559).contains(error.status)
            let reason = error.status > 0 ? "status \(error.status): \(error)" : "\(error)"
            return isFinal ? .refused(reason: reason) : .retryable(reason: reason, retryAfter: nil)
        }
    }
}

extension NotifierConfiguration {
    /// What brings notices to this notifier.
    package func sender(
        externalURL: String, userAgent: String, now: @escaping @Sendable () -> UInt64
    ) throws(TransportError) -> any NoticeSender {
        if case .email(let email) = kind { return EmailNoticeSender(self, email, externalURL: externalURL, now: now) }
        return try HTTPNoticeSender(self, externalURL: externalURL, userAgent: userAgent, now: now)
    }
}
