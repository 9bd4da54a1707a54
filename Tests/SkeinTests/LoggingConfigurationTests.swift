import Logging
import Skein
import Testing

@Suite struct LoggingConfigurationTests {
    private func read(_ variables: [String: String]) -> TracingConfiguration {
        TracingConfiguration(environment: { variables[$0] })
    }

    @Test func defaultsSendNothing() {
        let logs = read([:]).logs
        #expect(logs.exporters.isEmpty && logs.level == .info)
        #expect(logs.otlp.endpoint == "http://localhost:4318/v1/logs" && logs.otlp.encoding == .protobuf)
        #expect(logs.batch.scheduleDelay == .seconds(1) && logs.batch.maxExportBatchSize == 512)
        #expect(logs.batch.exportTimeout == .seconds(30) && logs.batch.maxQueueBytes == 16 << 20)
        #expect(logs.attributeCountMax == 128 && logs.attributeValueLengthMax == nil)
    }

    @Test func everyVariableIsRead() {
        let configuration = read([
            "OTEL_LOGS_EXPORTER": "OTLP", "OTEL_BLRP_SCHEDULE_DELAY": "10", "OTEL_BLRP_EXPORT_TIMEOUT": "20",
            "OTEL_BLRP_MAX_QUEUE_SIZE": "30", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "5",
            "SKEIN_BLRP_OVERFLOW": "drop_oldest", "SKEIN_BLRP_MAX_QUEUE_BYTES": "100000",
            "SKEIN_BLRP_SPILL_DIRECTORY": "spool", "SKEIN_BLRP_SPILL_MAX_BYTES": "7",
            "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "40", "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "50",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs:1/x", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "60", "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE": "ca.pem",
            "OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE": "c.pem", "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY": "k.pem",
        ])
        #expect(configuration.problems == [])
        let logs = configuration.logs
        #expect(logs.exporters.count == 1)
        var batch = BatchOptions()
        (batch.scheduleDelay, batch.exportTimeout) = (.milliseconds(10), .milliseconds(20))
        (batch.maxQueueSize, batch.maxExportBatchSize, batch.maxQueueBytes) = (30, 5, 100_000)
        batch.overflow = .dropOldest
        batch.spill = SpillOptions(directory: "spool")
        batch.spill?.bytesMax = 7
        #expect(logs.batch == batch)
        #expect(logs.attributeCountMax == 40 && logs.attributeValueLengthMax == 50)
        var otlp = OTLPOptions()
        (otlp.endpoint, otlp.encoding, otlp.compression) = ("http://logs:1/x", .json, .gzip)
        otlp.headers = [OTLPOptions.Header("a", "b")]
        otlp.timeout = .milliseconds(60)
        (otlp.certificateFile, otlp.clientCertificateFile, otlp.clientKeyFile) = ("ca.pem", "c.pem", "k.pem")
        #expect(logs.otlp == otlp)
        #expect(configuration.otlp == OTLPOptions() && configuration.batch == BatchOptions(), "traces have their own")
    }

    @Test func variablesForAllSignalsCountWhereThereIsNoneForLogs() {
        let logs = read([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318/base/", "OTEL_EXPORTER_OTLP_HEADERS": "a=all",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "a=logs", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_ATTRIBUTE_COUNT_LIMIT": "9", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "8",
            "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "3", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1",
        ]).logs
        #expect(logs.otlp.endpoint == "http://all:4318/base/v1/logs" && logs.otlp.compression == .gzip)
        #expect(logs.otlp.headers == [OTLPOptions.Header("a", "logs")] && logs.otlp.timeout == .seconds(10))
        #expect(logs.attributeCountMax == 3 && logs.attributeValueLengthMax == 8)
    }

    @Test(arguments: [
        ("none", 0, 0), ("otlp,none", 1, 1), ("otlp,console", 1, 1), ("console", 0, 1), ("zipkin", 0, 1), ("", 0, 0),
    ])
    func exportersAreThoseThatAreKnown(_ value: String, _ exporters: Int, _ problems: Int) {
        let configuration = read(["OTEL_LOGS_EXPORTER": value])
        #expect(configuration.logs.exporters.count == exporters)
        #expect(configuration.problems.count == problems)
        #expect(configuration.problems.allSatisfy { $0.name == "OTEL_LOGS_EXPORTER" })
    }

    @Test func mistakeInAVariableForAllSignalsIsReportedOnce() {
        let configuration = read([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "nowhere", "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd",
            "OTEL_ATTRIBUTE_COUNT_LIMIT": "-1", "OTEL_EXPORTER_OTLP_HEADERS": "bad",
        ])
        #expect(
            configuration.problems.map(\.name).sorted() == [
                "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_ENDPOINT",
                "OTEL_EXPORTER_OTLP_HEADERS",
            ])
        #expect(configuration.logs.otlp == read([:]).logs.otlp)
    }

    @Test(arguments: [
        "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_BLRP_MAX_QUEUE_SIZE", "SKEIN_BLRP_OVERFLOW",
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
    ])
    func mistakeIsReportedAndTheDefaultStays(_ name: String) {
        let configuration = read([name: "-5x"])
        #expect(configuration.problems.map(\.name) == [name])
        #expect(configuration.logs.batch == read([:]).logs.batch && configuration.logs.otlp == read([:]).logs.otlp)
    }
}
