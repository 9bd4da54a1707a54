extension OTLPOptions {
    /// Takes over `OTEL_EXPORTER_OTLP_*`; of a variable for the signal and one for all signals the first wins.
    ///
    /// - Parameters:
    ///   - signal: as the names of its variables have it.
    ///   - path: what follows the endpoint for all signals.
    mutating func read(_ environment: inout Environment, signal: String, path: String) {
        func names(_ suffix: String) -> [String] {
            ["OTEL_EXPORTER_OTLP_\(signal)_\(suffix)", "OTEL_EXPORTER_OTLP_\(suffix)"]
        }
        readEndpoint(&environment, names("ENDPOINT"), path)
        readProtocol(&environment, names("PROTOCOL"))
        readHeaders(&environment, names("HEADERS"))
        if let (name, value) = environment.first(of: names("COMPRESSION")) {
            if let chosen = Compression(rawValue: value.lowercased()) {
                compression = chosen
            } else {
                environment.report(name, value, expected: "gzip or none; none is used")
            }
        }
        environment.milliseconds(names("TIMEOUT"), min: 1, into: &timeout)
        if environment.flag(names("INSECURE")), endpoint.lowercased().hasPrefix("https://") {
            environment.report(
                environment.first(of: names("INSECURE"))?.name ?? "", "true",
                expected: "an http endpoint: over HTTP the scheme alone decides; TLS is used")
        }
        certificateFile = environment.first(of: names("CERTIFICATE"))?.value
        clientCertificateFile = environment.first(of: names("CLIENT_CERTIFICATE"))?.value
        clientKeyFile = environment.first(of: names("CLIENT_KEY"))?.value
    }

    private mutating func readProtocol(_ environment: inout Environment, _ names: [String]) {
        guard let (name, value) = environment.first(of: names) else { return }
        if let chosen = Encoding(rawValue: value.lowercased()) {
            encoding = chosen
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
            let header = Header(key, value)
            if header.canBeSent {
                headers.append(header)
            } else {
                environment.report(
                    environment.first(of: names)?.name ?? "", "\(key)=(not shown)",
                    expected: "a header's name and a value on one line; it is left out")
            }
        }
    }

    /// The endpoint for the signal, which is named first, is used as it is, the one for all signals as a base.
    private mutating func readEndpoint(_ environment: inout Environment, _ names: [String], _ path: String) {
        guard let (name, value) = environment.first(of: names) else { return }
        guard let slash = Self.endOfAuthority(value) else {
            return environment.report(
                name, Self.removingUserInfo(value),
                expected: "an http or https URL; \(endpoint) is used")
        }
        if name == names.first {
            endpoint = slash == value.endIndex ? "\(value)/" : value
        } else {
            endpoint = value.hasSuffix("/") ? "\(value)\(path)" : "\(value)/\(path)"
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
