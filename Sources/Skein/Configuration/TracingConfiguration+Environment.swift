import ContextBaggage
import Logging
import SemanticConventions

extension TracingConfiguration {
    /// Takes over every variable that concerns traces or logs.
    mutating func read(_ environment: inout Environment, _ source: DetectionSource) {
        reportUnsupported(&environment)
        isDisabled = environment.flag(["OTEL_SDK_DISABLED"])
        readLogLevel(&environment)
        readResource(&environment, source)
        readSampler(&environment)
        readPropagators(&environment)
        readLimits(&environment)
        batch.read(&environment, prefix: "BSP")
        readExporters(&environment)
        let destinations = [
            "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT",
        ]
        isDestinationInEnvironment = environment.first(of: destinations) != nil
        otlp.read(&environment, signal: "TRACES", path: "v1/traces")
        logs.read(&environment)
    }

    private func reportUnsupported(_ environment: inout Environment) {
        if let (name, value) = environment.first(of: ["OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"]) {
            environment.report(
                name, value,
                expected:
                    "nothing: configuration files are not supported; the file is not read, and the other variables "
                    + "count")
        }
        if let value = environment.string("OTEL_ENTITIES") {
            environment.report(
                "OTEL_ENTITIES", value,
                expected:
                    "nothing: entities are not supported and left out; OTEL_RESOURCE_ATTRIBUTES describes a service")
        }
    }

    private mutating func readLogLevel(_ environment: inout Environment) {
        let variable = "OTEL_LOG_LEVEL"
        guard let name = environment.string(variable) else { return }
        switch name.lowercased() {
        case "trace": logger.logLevel = .trace
        case "debug": logger.logLevel = .debug
        case "info": logger.logLevel = .info
        case "warn", "warning": logger.logLevel = .warning
        case "error": logger.logLevel = .error
        case "fatal": logger.logLevel = .critical
        case "none": logger = Logger(label: logger.label) { _ in SwiftLogNoOpLogHandler() }
        default:
            environment.report(
                variable, name,
                expected: "none, fatal, error, warn, info, debug or trace; the log's own level stays")
        }
    }

    private mutating func readResource(_ environment: inout Environment, _ source: DetectionSource) {
        environmentResource = environment.pairs(["OTEL_RESOURCE_ATTRIBUTES"]) ?? []
        if let name = environment.string("OTEL_SERVICE_NAME") {
            environmentResource.append((ServiceAttributes.serviceName.name, name))
        }
        detectResource(with: readDetectors(&environment), from: source)
    }

    private func readDetectors(_ environment: inout Environment) -> [ResourceDetector] {
        let variable = "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"
        guard let names = environment.list(variable) else { return ResourceDetector.all }
        // `otel` stands for the two variables about the resource, which are read in any case.
        let known = ResourceDetector.all.map(\.name)
        for name in names where !(known + ["all", "none", "otel", "*"]).contains(name) {
            environment.report(
                variable, name, expected: "\(known.joined(separator: ", ")), all or none; it is left out")
        }
        let wantsAll = names.contains("all") || names.contains("*")
        return ResourceDetector.all.filter { wantsAll || names.contains($0.name) }
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

    private mutating func readExporters(_ environment: inout Environment) {
        let variable = "OTEL_TRACES_EXPORTER"
        guard let names = environment.list(variable) else { return }
        let supported = ["otlp", "console", "none"]
        let chosen = names.filter(supported.contains)
        for name in names where !supported.contains(name) {
            environment.report(
                variable, name,
                expected: "otlp, console or none; \(chosen.isEmpty ? "otlp is used" : "it is left out")")
        }
        if chosen.count > 1, chosen.contains("none") {
            environment.report(
                variable, names.joined(separator: ","), expected: "none alone, or without none; none is left out")
        }
        guard !chosen.isEmpty else { return }
        exporters = chosen.compactMap { name in
            switch name {
            case "otlp": .otlp
            case "console": .console
            default: nil
            }
        }
    }
}
