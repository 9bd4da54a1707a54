import Alerting
import CurlTransport
import OTLP

extension NotifierConfiguration {
    /// `notifiers`: a mapping of ids, `slack` or `slack/ops`, to their settings.
    static func all(_ section: ConfigurationSection) -> [NotifierConfiguration] {
        var result: [NotifierConfiguration] = []
        for id in section.keys {
            let type = id.split(separator: "/", maxSplits: 1).first.map(String.init) ?? id
            guard types.contains(type) else { continue }
            if !isID(id) {
                section.fail(id, "is not valid, expected a name of at most 100 letters, digits and _ - . /")
            }
            let own = section.section(id)
            if let notifier = NotifierConfiguration(id: id, type: type, own) { result.append(notifier) }
        }
        section.know("webhook", "slack", "pagerduty", "email")
        section.end()
        if result.count > AlertsConfiguration.notifiersMax {
            section.issues.add(
                "has \(result.count) notifiers, expected at most \(AlertsConfiguration.notifiersMax)",
                key: section.path,
                place: section.place)
        }
        return result
    }

    private static let types = ["webhook", "slack", "pagerduty", "email"]

    private static func isID(_ id: String) -> Bool {
        id.utf8.count <= 100 && id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-./".contains($0)) }
    }

    private init?(id: String, type: String, _ section: ConfigurationSection) {
        let kind: Kind? =
            switch type {
            case "webhook": Webhook(section).map { .webhook($0) }
            case "slack": section.url("api_url", isSecret: true).map { .slack(Slack(url: $0)) }
            case "pagerduty": PagerDuty(section).map { .pagerDuty($0) }
            default: Email(section).map { .email($0) }
            }
        self.init(id: id, kind ?? .webhook(Webhook(url: .text(""))))
        minSeverity = section.choice(
            "min_severity", default: minSeverity, AlertSeverity.allCases.map { ($0.rawValue, $0) })
        sendsResolved = section.boolean("send_resolved", default: true)
        timeout = section.duration("timeout", default: timeout, in: .milliseconds(100) ... .seconds(120))
        let retry = section.section("retry_on_failure")
        self.retry.initialInterval = retry.nanoseconds(
            "initial_interval", default: self.retry.initialInterval, in: .milliseconds(10) ... .seconds(3600))
        self.retry.maxInterval = retry.nanoseconds(
            "max_interval", default: self.retry.maxInterval, in: .milliseconds(10) ... .seconds(3600))
        self.retry.maxElapsedTime = retry.nanoseconds(
            "max_elapsed_time", default: self.retry.maxElapsedTime, in: .zero ... .seconds(30 * 86_400))
        retry.end()
        let tls = ClientTLSConfiguration(section.section("tls"))
        self.tls = TransportConfiguration.TLS(
            caFile: tls.caFile, clientCertificateFile: tls.certificateFile, clientKeyFile: tls.keyFile,
            isInsecure: tls.skipsVerification)
        section.end()
        if kind == nil { return nil }
    }
}

extension NotifierConfiguration.Webhook {
    fileprivate init?(_ section: ConfigurationSection) {
        let url = section.url("url", isSecret: false)
        var headers: [(name: String, value: String)] = []
        for (name, value) in section.section("headers").texts() {
            if !OTLPHTTPExporterConfiguration.Header(name: name, value: value).isValid {
                section.fail("headers", "'\(name)' is not valid, expected an HTTP header's name and value")
            }
            headers.append((name, value))
        }
        let token = section.secret("bearer_token")
        let signing = section.secret("signing_secret")
        guard let url else { return nil }
        self.init(url: url)
        self.headers = headers
        bearerToken = token
        signingSecret = signing
    }
}

extension NotifierConfiguration.PagerDuty {
    fileprivate init?(_ section: ConfigurationSection) {
        let key = section.secret("routing_key")
        if key == nil { section.fail("routing_key", "is missing, expected ${env:NAME} or routing_key_file") }
        let url = section.url("url", isSecret: false, isRequired: false)
        guard let key else { return nil }
        self.init(routingKey: key)
        if case .text(let text) = url { self.url = text }
    }
}

extension NotifierConfiguration.Email {
    fileprivate init?(_ section: ConfigurationSection) {
        let to = section.strings("to") ?? []
        if to.isEmpty { section.fail("to", "is missing, expected a list of addresses") }
        let from = section.string("from", default: "")
        if from.isEmpty { section.fail("from", "is missing, expected an address such as skein@example.com") }
        for (key, address) in to.map({ ("to", $0) }) + (from.isEmpty ? [] : [("from", from)])
        where !Self.isAddress(address) {
            section.fail(key, "'\(address)' is not valid, expected an address such as ops@example.com")
        }
        let smarthost = section.string("smarthost", default: "")
        let endpoint = smarthost.first == ":" ? nil : ListenEndpoint(smarthost)
        if endpoint == nil || endpoint?.port == 0 {
            section.fail("smarthost", "'\(smarthost)' is not valid, expected host:port, such as mail.example.com:587")
        }
        let hello = section.string("hello", default: "localhost")
        if !hello.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-.[]:".contains($0)) }) || hello.isEmpty {
            section.fail("hello", "'\(hello)' is not valid, expected a host name")
        }
        let username = section.optionalString("auth_username")
        let password = section.secret("auth_password")
        if (username == nil) != (password == nil) {
            section.fail(
                username == nil ? "auth_username" : "auth_password", "auth_username and auth_password go together")
        }
        let isImplicit = section.boolean("implicit_tls", default: endpoint?.port == 465)
        let requiresTLS = section.boolean("require_tls", default: true)
        guard let endpoint, !to.isEmpty, !from.isEmpty else { return nil }
        self.init(to: to, from: from, host: endpoint.host, port: endpoint.port)
        self.hello = hello
        self.username = username
        self.password = password
        isTLSImplicit = isImplicit
        self.requiresTLS = requiresTLS
    }

    /// `a@b` or `Name <a@b>`, on one line and without what would end the address.
    private static func isAddress(_ text: String) -> Bool {
        var address = text[...]
        if text.hasSuffix(">"), let open = text.lastIndex(of: "<") {
            address = text[text.index(after: open)...].dropLast()
        }
        let parts = address.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty
            && !text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
            && !address.contains { $0.isWhitespace || "<>,;\"".contains($0) }
    }
}

extension ConfigurationSection {
    /// A URL, or the file that holds it.
    fileprivate func url(_ key: String, isSecret: Bool, isRequired: Bool = true) -> AlertSecret? {
        let result: AlertSecret?
        if isSecret || has(key + "_file") {
            result = secret(key)
        } else {
            know(key + "_file")
            result = optionalString(key).map { .text($0) }
        }
        guard let result else {
            if isRequired { fail(key, "is missing, expected a URL\(isSecret ? " as ${env:NAME}" : "") or \(key)_file") }
            return nil
        }
        if let text = try? result.read(), !text.isEmpty,
            !text.hasPrefix("http://") && !text.hasPrefix("https://") || text.contains(where: \.isWhitespace)
        {
            // It may be a secret, so it is not shown.
            fail(key, "is no URL, expected one that begins with https:// or http://")
        }
        return result
    }
}
