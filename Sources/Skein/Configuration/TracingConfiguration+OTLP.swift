extension TracingConfiguration {
    /// Takes over `OTEL_EXPORTER_OTLP_*`; of a variable for traces and one for all signals the first wins.
    mutating func readOTLP(_ environment: inout Environment) {
        func names(_ suffix: String) -> [String] {
            ["OTEL_EXPORTER_OTLP_TRACES_\(suffix)", "OTEL_EXPORTER_OTLP_\(suffix)"]
        }
        readEndpoint(&environment)
        readProtocol(&environment, names("PROTOCOL"))
        readHeaders(&environment, names("HEADERS"))
        if let (name, value) = environment.first(of: names("COMPRESSION")) {
            if let compression = OTLPOptions.Compression(rawValue: value.lowercased()) {
                otlp.compression = compression
            } else {
                environment.report(name, value, expected: "gzip or none; none is used")
            }
        }
        environment.milliseconds(names("TIMEOUT"), min: 1, into: &otlp.timeout)
        if environment.flag(names("INSECURE")), otlp.endpoint.lowercased().hasPrefix("https://") {
            environment.report(
                environment.first(of: names("INSECURE"))?.name ?? "", "true",
                expected: "an http endpoint: over HTTP the scheme alone decides; TLS is used")
        }
        otlp.certificateFile = environment.first(of: names("CERTIFICATE"))?.value
        otlp.clientCertificateFile = environment.first(of: names("CLIENT_CERTIFICATE"))?.value
        otlp.clientKeyFile = environment.first(of: names("CLIENT_KEY"))?.value
    }

    private mutating func readProtocol(_ environment: inout Environment, _ names: [String]) {
        guard let (name, value) = environment.first(of: names) else { return }
        if let encoding = OTLPOptions.Encoding(rawValue: value.lowercased()) {
            otlp.encoding = encoding
        } else if value.lowercased() == "grpc" {
            environment.report(
                name, value,
                expected: "http/protobuf or http/json: gRPC is not supported; http/protobuf is used, which receivers "
                    + "take on port 4318")
        } else {
            environment.report(name, value, expected: "http/protobuf or http/json; http/protobuf is used")
        }
    }

    private mutating func readHeaders(_ environment: inout Environment, _ names: [String]) {
        guard let pairs = environment.pairs(names, isSecret: true) else { return }
        for (key, value) in pairs {
            let header = OTLPOptions.Header(key, value)
            if header.canBeSent {
                otlp.headers.append(header)
            } else {
                environment.report(
                    environment.first(of: names)?.name ?? "", "\(key)=(not shown)",
                    expected: "a header's name and a value on one line; it is left out")
            }
        }
    }

    /// The endpoint for traces is used as it is, the one for all signals as a base.
    private mutating func readEndpoint(_ environment: inout Environment) {
        let (traces, base) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
        guard let (name, value) = environment.first(of: [traces, base]) else { return }
        guard let slash = Self.endOfAuthority(value) else {
            return environment.report(
                name, OTLPOptions.removingUserInfo(value),
                expected: "an http or https URL; \(otlp.endpoint) is used")
        }
        if name == traces {
            otlp.endpoint = slash == value.endIndex ? "\(value)/" : value
        } else {
            otlp.endpoint = value.hasSuffix("/") ? "\(value)v1/traces" : "\(value)/v1/traces"
        }
    }

    /// Where the path of an http or https URL begins; nil for other text.
    private static func endOfAuthority(_ url: String) -> String.Index? {
        for scheme in ["http://", "https://"] where url.lowercased().hasPrefix(scheme) {
            let authority = url.dropFirst(scheme.count)
            let end = authority.firstIndex { "/?#".contains($0) } ?? authority.endIndex
            let isHost = end > authority.startIndex && !authority[..<end].contains { $0.isWhitespace }
            return isHost ? end : nil
        }
        return nil
    }
}
