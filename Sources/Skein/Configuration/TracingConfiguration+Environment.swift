import ContextBaggage
import SemanticConventions

extension TracingConfiguration {
    /// Takes over every variable that concerns traces.
    mutating func read(_ environment: inout Environment) {
        isDisabled = environment.flag("OTEL_SDK_DISABLED")
        readResource(&environment)
        readSampler(&environment)
        readPropagators(&environment)
        readLimits(&environment)
        readBatch(&environment)
        readExporter(&environment)
        readOTLP(&environment)
    }

    private mutating func readResource(_ environment: inout Environment) {
        for (key, value) in environment.pairs(["OTEL_RESOURCE_ATTRIBUTES"]) ?? [] {
            resource[key] = .string(value)
        }
        if let name = environment.string("OTEL_SERVICE_NAME") {
            resource[ServiceAttributes.serviceName.name] = .string(name)
        }
    }

    private mutating func readSampler(_ environment: inout Environment) {
        let variable = "OTEL_TRACES_SAMPLER"
        let names = "always_on, always_off, traceidratio or one of them after parentbased_"
        guard let name = environment.string(variable) else { return }
        switch name.lowercased() {
        case "always_on": sampler = AlwaysOnSampler()
        case "always_off": sampler = AlwaysOffSampler()
        case "traceidratio": sampler = TraceIDRatioSampler(ratio: readRatio(&environment))
        case "parentbased_always_on": sampler = ParentBasedSampler(root: AlwaysOnSampler())
        case "parentbased_always_off": sampler = ParentBasedSampler(root: AlwaysOffSampler())
        case "parentbased_traceidratio":
            sampler = ParentBasedSampler(root: TraceIDRatioSampler(ratio: readRatio(&environment)))
        case "jaeger_remote", "parentbased_jaeger_remote", "xray":
            environment.report(
                variable, name,
                expected: "\(names); samplers that ask a server are not supported; parentbased_always_on is used")
        default:
            environment.report(variable, name, expected: "\(names); parentbased_always_on is used")
        }
    }

    private func readRatio(_ environment: inout Environment) -> Double {
        let variable = "OTEL_TRACES_SAMPLER_ARG"
        guard let text = environment.string(variable) else { return 1 }
        guard let ratio = Double(text), (0...1).contains(ratio) else {
            environment.report(variable, text, expected: "a number from 0 to 1; 1 is used")
            return 1
        }
        return ratio
    }

    private mutating func readPropagators(_ environment: inout Environment) {
        if let list = environment.string("SKEIN_BAGGAGE_ATTRIBUTES") {
            baggageAttributes = Self.names(list)
        }
        let variable = "OTEL_PROPAGATORS"
        guard let list = environment.string(variable) else { return }
        var chosen: [Propagator] = []
        let names = Self.names(list.lowercased())
        for name in names where name != "none" {
            guard let propagator = Propagator(named: name) else {
                environment.report(
                    variable, name,
                    expected: "tracecontext, baggage, b3, b3multi, jaeger or none; it is left out")
                continue
            }
            chosen.append(propagator)
        }
        if names.contains("none"), names.count > 1 {
            environment.report(variable, list, expected: "none to stand alone; it is left out")
        }
        propagators = chosen
    }

    /// The distinct names of a list separated by commas, in order.
    private static func names(_ list: String) -> [String] {
        var names: [String] = []
        for part in list.split(separator: ",") {
            let name = String(part.trimmingOptionalWhitespace())
            if !name.isEmpty, !names.contains(name) { names.append(name) }
        }
        return names
    }

    private mutating func readLimits(_ environment: inout Environment) {
        // The variables for all attributes come first, so that those for spans win.
        for name in ["OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] {
            environment.integer(name, min: 0, into: &limits.attributeCountMax)
        }
        for name in ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"] {
            var length = limits.attributeValueLengthMax ?? Int.max
            environment.integer(name, min: 0, into: &length)
            limits.attributeValueLengthMax = length == Int.max ? nil : length
        }
        environment.integer("OTEL_SPAN_EVENT_COUNT_LIMIT", min: 0, into: &limits.eventCountMax)
        environment.integer("OTEL_SPAN_LINK_COUNT_LIMIT", min: 0, into: &limits.linkCountMax)
        environment.integer("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", min: 0, into: &limits.attributesPerEventMax)
        environment.integer("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", min: 0, into: &limits.attributesPerLinkMax)
    }

    private mutating func readBatch(_ environment: inout Environment) {
        environment.milliseconds(["OTEL_BSP_SCHEDULE_DELAY"], min: 0, into: &batch.scheduleDelay)
        environment.milliseconds(["OTEL_BSP_EXPORT_TIMEOUT"], min: 1, into: &batch.exportTimeout)
        var queueSize = batch.maxQueueSize ?? Int.max
        environment.integer("OTEL_BSP_MAX_QUEUE_SIZE", min: 1, into: &queueSize)
        batch.maxQueueSize = queueSize == Int.max ? nil : queueSize
        environment.integer("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", min: 1, into: &batch.maxExportBatchSize)
        if batch.maxExportBatchSize > queueSize {
            if environment.string("OTEL_BSP_MAX_EXPORT_BATCH_SIZE") != nil {
                environment.report(
                    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "\(batch.maxExportBatchSize)",
                    expected: "at most the queue size; \(queueSize) is used")
            }
            batch.maxExportBatchSize = queueSize
        }
    }

    private mutating func readExporter(_ environment: inout Environment) {
        let variable = "OTEL_TRACES_EXPORTER"
        guard let name = environment.string(variable) else { return }
        switch name.lowercased() {
        case "otlp": exporters = [.otlp]
        case "none": exporters = []
        default: environment.report(variable, name, expected: "otlp or none; otlp is used")
        }
    }

    private mutating func readOTLP(_ environment: inout Environment) {
        func names(_ suffix: String) -> [String] {
            ["OTEL_EXPORTER_OTLP_TRACES_\(suffix)", "OTEL_EXPORTER_OTLP_\(suffix)"]
        }
        readEndpoint(&environment)
        if let (name, value) = environment.first(of: names("PROTOCOL")), value.lowercased() != "http/protobuf" {
            environment.report(name, value, expected: "http/protobuf, which is used")
        }
        if let pairs = environment.pairs(names("HEADERS")) {
            otlp.headers = pairs.map { OTLPOptions.Header($0.key, $0.value) }
        }
        if let (name, value) = environment.first(of: names("COMPRESSION")) {
            if let compression = OTLPOptions.Compression(rawValue: value.lowercased()) {
                otlp.compression = compression
            } else {
                environment.report(name, value, expected: "gzip or none; none is used")
            }
        }
        environment.milliseconds(names("TIMEOUT"), min: 1, into: &otlp.timeout)
        otlp.certificateFile = environment.first(of: names("CERTIFICATE"))?.value
        otlp.clientCertificateFile = environment.first(of: names("CLIENT_CERTIFICATE"))?.value
        otlp.clientKeyFile = environment.first(of: names("CLIENT_KEY"))?.value
    }

    /// The endpoint for traces is used as it is, the one for all signals as a base.
    private mutating func readEndpoint(_ environment: inout Environment) {
        let (traces, base) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
        guard let (name, value) = environment.first(of: [traces, base]) else { return }
        guard let slash = Self.endOfAuthority(value) else {
            return environment.report(name, value, expected: "an http or https URL; \(otlp.endpoint) is used")
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
