import CCurl

/// One libcurl easy handle with the buffers that must outlive a transfer on it. Used by the transport's thread only.
final class EasyHandle {
    let raw: UnsafeMutableRawPointer
    private let message: UnsafeMutablePointer<CChar>
    private var headers: UnsafeMutablePointer<curl_slist>?

    /// Nil when libcurl has no memory.
    init?() {
        guard let raw = curl_easy_init() else { return nil }
        self.raw = raw
        message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(raw)
        curl_slist_free_all(headers)
        message.deallocate()
    }

    /// Forgets the last transfer; the connection it used stays in the multi handle's cache.
    func reset() {
        curl_easy_reset(raw)
        curl_slist_free_all(headers)
        headers = nil
        message[0] = 0
    }

    /// What libcurl says about a failure.
    func errorMessage(_ code: CURLcode) -> String {
        message[0] == 0 ? String(cString: curl_easy_strerror(code)) : String(cString: message)
    }

    /// Sets every option for `transfer`, which the caller keeps alive until the handle leaves the multi handle.
    func prepare(_ transfer: Transfer, _ configuration: TransportConfiguration) throws(TransportError) {
        let request = transfer.request
        skein_curl_set_pointer(raw, CURLOPT_ERRORBUFFER, message)
        skein_curl_set_long(raw, CURLOPT_NOSIGNAL, 1)
        skein_curl_set_long(raw, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        guard skein_curl_set_string(raw, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK,
            skein_curl_set_string(raw, CURLOPT_URL, request.url) == CURLE_OK
        else { throw .invalidRequest("url '\(request.url)', expected an absolute http or https URL") }
        skein_curl_set_long(raw, CURLOPT_CONNECTTIMEOUT_MS, configuration.connectTimeout.curlMilliseconds)
        let timeout = request.timeout ?? configuration.totalTimeout
        skein_curl_set_long(raw, CURLOPT_TIMEOUT_MS, timeout.curlMilliseconds)
        if let proxy = configuration.proxy { skein_curl_set_string(raw, CURLOPT_PROXY, proxy) }
        setTLS(configuration.tls)
        try setHeaders(request.headers)
        setMethod(request)
        setCallbacks(transfer)
    }

    private func setTLS(_ tls: TransportConfiguration.TLS) {
        if let file = tls.caFile { skein_curl_set_string(raw, CURLOPT_CAINFO, file) }
        if let file = tls.clientCertificateFile { skein_curl_set_string(raw, CURLOPT_SSLCERT, file) }
        if let file = tls.clientKeyFile { skein_curl_set_string(raw, CURLOPT_SSLKEY, file) }
        if tls.isInsecure {
            skein_curl_set_long(raw, CURLOPT_SSL_VERIFYPEER, 0)
            skein_curl_set_long(raw, CURLOPT_SSL_VERIFYHOST, 0)
        }
    }

    private func setHeaders(_ fields: [HTTPHeader]) throws(TransportError) {
        // An empty value removes libcurl's own header: no round trip for "100 Continue" before large bodies.
        try appendHeader("Expect:")
        for field in fields {
            guard !field.name.isEmpty, !field.name.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: ":") }),
                !field.value.utf8.contains(where: { $0 == 0 || $0 == 0x0A || $0 == 0x0D })
            else { throw .invalidRequest("header '\(field.name)', expected a name and a value on one line") }
            // libcurl takes "name;" for a header with an empty value.
            try appendHeader(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        skein_curl_set_list(raw, CURLOPT_HTTPHEADER, headers)
    }

    private func appendHeader(_ line: String) throws(TransportError) {
        guard let longer = curl_slist_append(headers, line) else {
            throw .failed(code: Int(CURLE_OUT_OF_MEMORY.rawValue), message: "out of memory")
        }
        headers = longer
    }

    private func setMethod(_ request: HTTPRequestMessage) {
        if request.body.isEmpty, request.method == "GET" {
            skein_curl_set_long(raw, CURLOPT_HTTPGET, 1)
            return
        }
        if request.body.isEmpty, request.method == "HEAD" {
            skein_curl_set_long(raw, CURLOPT_NOBODY, 1)
            return
        }
        skein_curl_set_long(raw, CURLOPT_POST, 1)
        skein_curl_set_size(raw, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
        if request.method != "POST" { skein_curl_set_string(raw, CURLOPT_CUSTOMREQUEST, request.method) }
    }

    private func setCallbacks(_ transfer: Transfer) {
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        for option in [CURLOPT_READDATA, CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_SEEKDATA] {
            skein_curl_set_pointer(raw, option, context)
        }
        skein_curl_set_data_callback(raw, CURLOPT_READFUNCTION) { data, size, count, context in
            Transfer.at(context)?.read(into: UnsafeMutableRawBufferPointer(start: data, count: size &* count)) ?? 0
        }
        skein_curl_set_data_callback(raw, CURLOPT_WRITEFUNCTION) { data, size, count, context in
            let bytes = UnsafeRawBufferPointer(start: data, count: size &* count)
            // Any other number than the one offered aborts the transfer.
            return Transfer.at(context)?.append(bytes) == true ? bytes.count : bytes.count ^ 1
        }
        skein_curl_set_data_callback(raw, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            let bytes = UnsafeRawBufferPointer(start: data, count: size &* count)
            Transfer.at(context)?.appendHeader(String(decoding: bytes, as: UTF8.self))
            return bytes.count
        }
        skein_curl_set_seek_callback(raw) { context, offset, origin in
            guard origin == SEEK_SET, let offset = Int(exactly: offset), let transfer = Transfer.at(context) else {
                return Int32(CURL_SEEKFUNC_CANTSEEK)
            }
            return Int32(transfer.seek(to: offset) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL)
        }
    }
}

extension Transfer {
    fileprivate static func at(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }
}

extension Duration {
    /// Whole milliseconds for libcurl: at least 1, because 0 means "no limit" to it, and at most what its 32-bit
    /// platforms can hold.
    fileprivate var curlMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < Int64(Int32.max) / 1000 else { return Int(Int32.max) }
        return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}
