#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension OTLPOptions {
    /// Large enough for the bundle of a whole system's authorities, which is about 200 KiB.
    private static let fileBytesMax = 4 << 20

    /// What is wrong with the files for TLS: those that cannot be read or hold no PEM, and a client's certificate or key
    /// without the other. Empty where the endpoint is not https, because they are not used then.
    ///
    /// None of it is an error: secrets may be mounted later, and every connection reads the files anew.
    var fileProblems: [ConfigurationProblem] {
        guard endpoint.lowercased().hasPrefix("https://") else { return [] }
        let files = [
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", certificateFile, "the certificates of trusted authorities"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", clientCertificateFile, "the client's certificate"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", clientKeyFile, "the client's private key"),
        ]
        var problems: [ConfigurationProblem] = []
        for (name, path, content) in files {
            guard let path, let reason = Self.problem(ofFile: path) else { continue }
            problems.append(
                ConfigurationProblem(
                    name: name, value: path,
                    expected: "a PEM file with \(content), but \(reason); no connection succeeds until it is there"))
        }
        if (clientCertificateFile == nil) != (clientKeyFile == nil) {
            let (given, missing) = clientKeyFile == nil ? (files[1], files[2]) : (files[2], files[1])
            problems.append(
                ConfigurationProblem(
                    name: given.0, value: given.1 ?? "",
                    expected: "to come with \(missing.0): mutual TLS needs certificate and key"))
        }
        return problems
    }

    /// Why a file is no PEM file that can be read; nil where it is one.
    private static func problem(ofFile path: String) -> String? {
        do {
            let bytes = try FileReader.read(path, bytesMax: fileBytesMax)
            let text = String(decoding: bytes, as: UTF8.self)
            return text.contains("-----BEGIN ") ? nil : "it holds no PEM"
        } catch {
            return String(cString: strerror(error.code)).lowercased()
        }
    }
}

extension TracingConfiguration {
    /// What is wrong with the files that the exporters use; each file once.
    var fileProblems: [ConfigurationProblem] {
        guard !isDisabled else { return [] }
        var problems: [ConfigurationProblem] = []
        let sendsSpans = exporters.contains { if case .otlp = $0 { true } else { false } }
        if sendsSpans { problems += otlp.fileProblems }
        if !logs.exporters.isEmpty {
            problems += logs.otlp.fileProblems.filter { !problems.contains($0) }
        }
        return problems
    }
}
