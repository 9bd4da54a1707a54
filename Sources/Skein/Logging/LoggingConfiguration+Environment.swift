extension LoggingConfiguration {
    /// Takes over every variable that concerns logs.
    mutating func read(_ environment: inout Environment) {
        readExporters(&environment)
        batch.read(&environment, prefix: "BLRP")
        var reader = environment
        otlp.read(&reader, signal: "LOGS", path: "v1/logs")
        readLimits(&reader)
        // What is wrong for logs alone does not matter where none are sent, unless it was said for logs.
        environment.report(
            reader.problems.filter { problem in
                !exporters.isEmpty || ["_LOGS_", "_LOGRECORD_"].contains { problem.name.contains($0) }
            })
    }

    private mutating func readExporters(_ environment: inout Environment) {
        let variable = "OTEL_LOGS_EXPORTER"
        guard let names = environment.list(variable) else { return }
        let supported = ["otlp", "none"]
        let isOTLP = names.contains("otlp")
        for name in names where !supported.contains(name) {
            let hint = name == "console" ? "; swift-log's StreamLogHandler prints logs" : ""
            environment.report(variable, name, expected: "otlp or none\(hint); it is left out")
        }
        if isOTLP, names.contains("none") {
            environment.report(
                variable, names.joined(separator: ","), expected: "none alone, or without none; none is left out")
        }
        exporters = isOTLP ? [.otlp] : []
    }

    private mutating func readLimits(_ environment: inout Environment) {
        // The variables for all attributes come first, so that those for log records win.
        for name in ["OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT"] {
            environment.integer(name, min: 0, into: &attributeCountMax)
        }
        for name in ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT"] {
            var length = attributeValueLengthMax ?? Int.max
            environment.integer(name, min: 0, into: &length)
            attributeValueLengthMax = length == Int.max ? nil : length
        }
    }
}
