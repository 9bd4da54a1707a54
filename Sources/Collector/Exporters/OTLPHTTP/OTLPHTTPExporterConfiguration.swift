/// `exporters.otlp_http` (alias `otlphttp`), one for each target, with the keys of the OpenTelemetry Collector.
package struct OTLPHTTPExporterConfiguration: Sendable, Equatable {
    package enum Compression: String, Sendable, CaseIterable {
        case gzip, none
    }

    /// The id as configured, such as `otlp_http/jaeger`; labels metrics and names the journal's cursor.
    package var id: String
    /// `traces_endpoint`, or `endpoint` with `/v1/traces` added; empty where neither is there.
    package var tracesURL: String
    /// `metrics_endpoint`, or `endpoint` with `/v1/metrics` added; nil where neither is there.
    package var metricsURL: String?
    /// Whether spans are forwarded. An exporter that pipelines name for metrics alone does not.
    package var sendsTraces = true
    /// Whether what is derived from spans is pushed: where `metrics_endpoint` is there, or a metrics pipeline names the
    /// exporter.
    package var sendsMetrics = false
    package var headers: [Header] = []
    package var compression = Compression.gzip
    /// Of one attempt.
    package var timeout = Duration.seconds(30)
    package var retry = RetryConfiguration()
    package var queue = SendingQueueConfiguration()
    package var tls = ClientTLSConfiguration()

    package struct Header: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }

        /// A token, and text without the characters that end a header (RFC 9110, section 5).
        var isValid: Bool {
            !name.isEmpty && name.allSatisfy(Self.isTokenCharacter)
                && !value.utf8.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }
        }

        private static func isTokenCharacter(_ character: Character) -> Bool {
            character.isASCII && (character.isLetter || character.isNumber || "!#$%&'*+-.^_`|~".contains(character))
        }
    }

    package init(id: String, tracesURL: String) {
        self.id = id
        self.tracesURL = tracesURL
    }

    package init(id: String, _ section: ConfigurationSection) {
        self.init(id: id, tracesURL: "")
        if !Self.isID(id) {
            section.issues.add(
                "is not valid, expected a name of at most \(Self.idCharactersMax) letters, digits and _ - . /",
                key: section.path, place: section.place)
        }
        let endpoint = section.optionalString("endpoint")
        let tracesEndpoint = section.optionalString("traces_endpoint")
        let metricsEndpoint = section.optionalString("metrics_endpoint")
        if let endpoint {
            let base = Self.checked(endpoint, "endpoint", section)
            let stem = base.hasSuffix("/") ? String(base.dropLast()) : base
            tracesURL = stem + "/v1/traces"
            metricsURL = stem + "/v1/metrics"
        } else if tracesEndpoint == nil, metricsEndpoint == nil {
            section.fail("endpoint", "is missing, expected a URL such as http://jaeger:4318")
        }
        if let tracesEndpoint { tracesURL = Self.checked(tracesEndpoint, "traces_endpoint", section) }
        if let metricsEndpoint { metricsURL = Self.checked(metricsEndpoint, "metrics_endpoint", section) }
        sendsTraces = endpoint != nil || tracesEndpoint != nil
        sendsMetrics = metricsEndpoint != nil
        headers = Self.headers(section)
        compression = section.choice(
            "compression", default: compression, Compression.allCases.map { ($0.rawValue, $0) })
        timeout = section.duration("timeout", default: timeout, in: .milliseconds(1) ... .seconds(600))
        retry = RetryConfiguration(section.section("retry_on_failure"))
        queue = SendingQueueConfiguration(section.section("sending_queue"))
        tls = ClientTLSConfiguration(section.section("tls"))
        section.end()
    }

    /// The id names a reader of the journal, which takes no more than this.
    private static let idCharactersMax = 100

    private static func isID(_ id: String) -> Bool {
        id.utf8.count <= idCharactersMax
            && id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-./".contains($0)) }
    }

    /// `headers` of an exporter.
    static func headers(_ section: ConfigurationSection) -> [Header] {
        let headers = section.section("headers").texts().map { Header(name: $0.key, value: $0.value) }
        for header in headers where !header.isValid {
            section.fail("headers", "'\(header.name)' is not valid, expected an HTTP header's name and value")
        }
        return headers
    }

    static func checked(_ url: String, _ key: String, _ section: ConfigurationSection) -> String {
        let rest = url.hasPrefix("http://") ? url.dropFirst(7) : url.hasPrefix("https://") ? url.dropFirst(8) : ""
        if rest.isEmpty || rest.hasPrefix("/") || url.contains(where: \.isWhitespace) {
            section.fail(key, "'\(url)' is not valid, expected a URL such as http://jaeger:4318")
        }
        return url
    }
}

/// `retry_on_failure` of an exporter.
package struct RetryConfiguration: Sendable, Equatable {
    package var isEnabled = true
    package var initialInterval = Duration.seconds(5)
    package var maxInterval = Duration.seconds(30)
    /// Zero retries for ever, which is the default: what waits lies in the journal and costs no memory, so giving up
    /// on an unreachable target would only lose spans. The sending queue's limits say when to let go.
    package var maxElapsedTime = Duration.zero
    package var multiplier = 1.5
    package var randomizationFactor = 0.5

    package init() {}

    package init(_ section: ConfigurationSection, defaults: RetryConfiguration = RetryConfiguration()) {
        self = defaults
        isEnabled = section.boolean("enabled", default: isEnabled)
        initialInterval = section.duration(
            "initial_interval", default: initialInterval, in: .milliseconds(1) ... .seconds(3600))
        maxInterval = section.duration("max_interval", default: maxInterval, in: .milliseconds(1) ... .seconds(3600))
        maxElapsedTime = section.duration("max_elapsed_time", default: maxElapsedTime)
        multiplier = section.number("multiplier", default: multiplier, in: 1...100)
        randomizationFactor = section.number("randomization_factor", default: randomizationFactor, in: 0...1)
        section.end()
    }
}

/// `sending_queue` of an exporter. The queue is the exporter's cursor in the journal, so it survives restarts.
package struct SendingQueueConfiguration: Sendable, Equatable {
    /// `queue_size`, in bytes of journal (`sizer: bytes`); past it the oldest spans are skipped and counted.
    package var bytesMax = 512 << 20
    /// `max_age`: what was received longer ago is skipped and counted; nil for no such limit.
    package var ageMax: Duration?
    /// `batch.max_size`: spans of one request to the target.
    package var batchSpansMax = 8192
    /// `batch.flush_timeout`: how long the first span waits for more to come.
    package var flushTimeout = Duration.milliseconds(200)

    package init() {}

    package init(_ section: ConfigurationSection) {
        let sizer = section.string("sizer", default: "bytes")
        if sizer != "bytes" {
            section.fail("sizer", "'\(sizer)' is not valid, expected bytes: the queue is a place in the journal")
        }
        bytesMax = section.integer("queue_size", default: bytesMax, in: (1 << 20)...Int.max)
        let age = section.duration("max_age", default: .zero, in: .zero ... .seconds(365 * 86_400))
        ageMax = age > .zero ? age : nil
        let batch = section.section("batch")
        batchSpansMax = batch.integer("max_size", default: batchSpansMax, in: 1...1_000_000)
        flushTimeout = batch.duration("flush_timeout", default: flushTimeout, in: .zero ... .seconds(60))
        batch.end()
        section.end()
    }
}

/// `tls` of an exporter.
package struct ClientTLSConfiguration: Sendable, Equatable {
    package var caFile: String?
    package var certificateFile: String?
    package var keyFile: String?
    package var skipsVerification = false

    package init() {}

    package init(_ section: ConfigurationSection) {
        caFile = section.optionalString("ca_file")
        certificateFile = section.optionalString("cert_file")
        keyFile = section.optionalString("key_file")
        skipsVerification = section.boolean("insecure_skip_verify", default: false)
        // `insecure` chooses cleartext for gRPC targets; over HTTP the URL's scheme does, so the key only must not
        // contradict it. It is read so that configurations that carry it stay valid.
        _ = section.boolean("insecure", default: false)
        if (certificateFile == nil) != (keyFile == nil) {
            section.fail(certificateFile == nil ? "cert_file" : "key_file", "cert_file and key_file go together")
        }
        section.end()
    }
}
