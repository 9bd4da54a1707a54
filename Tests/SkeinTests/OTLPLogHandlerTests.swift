import Logging
import Skein
import Testing
import Tracing

@Suite struct OTLPLogHandlerTests {
    private struct Failure: Error, CustomStringConvertible {
        var description: String { "no route" }
    }

    @Test func lineBecomesALogRecord() async throws {
        let start = DefaultTracerClock.now.nanosecondsSinceEpoch
        var line = 0
        let record = try await LogFixture.record(configure: { $0.resource["service.name"] = .string("desk") }) {
            log, _ in
            line = #line + 1
            log.warning("slow answer", metadata: ["model": "gpt-5", "tokens": "\(42)", "kind": .stringConvertible(7)])
        }
        let end = DefaultTracerClock.now.nanosecondsSinceEpoch
        #expect((start...end).contains(record.timeNanoseconds))
        #expect(record.observedNanoseconds == record.timeNanoseconds)
        #expect(record.severityNumber == 13 && record.severityText == "warning")
        #expect(record.body == "slow answer")
        #expect(
            record.attributes == [
                "model": "gpt-5", "tokens": "42", "kind": "7",
                "code.file.path": "SkeinTests/OTLPLogHandlerTests.swift", "code.line.number": .int(Int64(line)),
                "code.function.name": "lineBecomesALogRecord()",
            ])
        #expect(record.keys.count == 6 && record.droppedAttributes == 0)
        #expect(record.traceID.isEmpty && record.spanID.isEmpty && record.flags == nil)
        #expect(record.scope == "app" && record.resource["service.name"] == "desk")
        #expect(record.resource["telemetry.sdk.language"] == "swift" && record.unknownFields.isEmpty)
    }

    @Test(arguments: [
        (Logger.Level.trace, 1), (.debug, 5), (.info, 9), (.notice, 10), (.warning, 13), (.error, 17), (.critical, 21),
    ])
    func everyLevelHasItsSeverity(_ level: Logger.Level, _ number: Int) async throws {
        let record = try await LogFixture.record { log, _ in log.log(level: level, "") }
        #expect(record.severityNumber == UInt64(number) && record.severityText == level.rawValue)
        #expect(record.body == "")
    }

    @Test func idsAreThoseOfTheInnermostSpan() async throws {
        let fixture = try LogFixture()
        let log = fixture.logger()
        var contexts: [SpanContext?] = []
        await fixture.tracing.tracer.withSpan("outer", context: .topLevel) { outer in
            contexts.append(outer.spanContext)
            log.info("1")
            fixture.tracing.tracer.withSpan("inner") { inner in
                contexts.append(inner.spanContext)
                log.info("2")
            }
            contexts.append(outer.spanContext)
            await Task { log.info("3") }.value
            contexts.append(nil)
            await Task.detached { log.info("4") }.value
        }
        await fixture.tracing.shutdown()
        // Lines of different threads come in any order.
        let records = fixture.records.sorted { "\($0.body as Any)" < "\($1.body as Any)" }
        #expect(records.map(\.body) == ["1", "2", "3", "4"])
        #expect(records.map(\.traceID) == contexts.map { $0?.traceID.bytes ?? [] })
        #expect(records.map(\.spanID) == contexts.map { $0?.spanID.bytes ?? [] })
        #expect(records.map(\.flags) == [3, 3, 3, nil], "sampled, with a random trace id")
        #expect(Set(records.map(\.spanID)).count == 3)
    }

    @Test func linesOfUnsampledSpansSayThatTheyAre() async throws {
        var expected: SpanContext?
        let record = try await LogFixture.record(configure: { $0.sampler = AlwaysOffSampler() }) { log, tracer in
            tracer.withSpan("x", context: .topLevel) { span in
                expected = span.context.spanContext
                log.info("in it")
            }
        }
        #expect(record.traceID == expected?.traceID.bytes && record.flags == 2)
    }

    @Test func listsAndDictionariesKeepTheirShape() async throws {
        let record = try await LogFixture.record { log, _ in
            log.info("x", metadata: ["a": ["1", .stringConvertible(2), ["3"]], "d": ["k": "v", "e": [:], "l": []]])
        }
        #expect(record.attributes["a"] == .list(["1", "2", .list(["3"])]))
        #expect(record.attributes["d"] == .pairs(["k": "v", "e": .pairs([:]), "l": .list([])]))
    }

    @Test func whatIsNestedTooDeepBecomesText() async throws {
        func nested(_ depth: Int) -> Logger.MetadataValue { depth == 0 ? "core" : [nested(depth - 1)] }
        func expected(_ depth: Int, _ core: LoggedRecord.Value) -> LoggedRecord.Value {
            depth == 0 ? core : .list([expected(depth - 1, core)])
        }
        let record = try await LogFixture.record { log, _ in
            log.info("x", metadata: ["8": nested(8), "9": nested(9), "2000": nested(2000)])
        }
        #expect(record.attributes["8"] == expected(8, "core"))
        #expect(
            record.attributes["9"]
                == expected(8, .text("\([Logger.MetadataValue.string("core")] as Logger.MetadataValue)")))
        #expect(record.attributes["2000"] != nil)
    }

    @Test func linesOwnMetadataWinsOverTheProvidersAndThatOverTheLoggers() async throws {
        let provider = Logger.MetadataProvider { ["b": "provider", "c": "provider"] }
        let record = try await LogFixture.record(metadataProvider: provider) { log, _ in
            for key in ["a", "b", "c"] { log[metadataKey: key] = "logger" }
            log.info("x", metadata: ["c": "line"])
        }
        #expect(record.attributes["a"] == "logger" && record.attributes["b"] == "provider")
        #expect(record.attributes["c"] == "line")
        #expect(record.keys.count == Set(record.keys).count)
    }

    @Test func metadataWinsOverTheAttributesOfThePlaceAndTheError() async throws {
        let fixture = try LogFixture()
        var handler = fixture.tracing.logHandler(label: "app", metadataProvider: nil)
        handler[metadataKey: "code.line.number"] = "mine"
        for metadata: Logger.Metadata in [[:], ["exception.type": "mine"]] {
            handler.log(
                event: LogEvent(
                    level: .error, message: "x", error: Failure(), metadata: metadata, source: nil, file: "M/F.swift",
                    function: "f()", line: 3))
        }
        await fixture.tracing.shutdown()
        let (plain, own) = try (#require(fixture.records.first), #require(fixture.records.last))
        #expect(plain.attributes["exception.message"] == "no route")
        #expect(plain.attributes["exception.type"] == .text(String(reflecting: Failure.self)))
        #expect(plain.attributes["code.line.number"] == "mine" && plain.attributes["code.file.path"] == "M/F.swift")
        #expect(own.attributes["exception.type"] == "mine")
        #expect(own.keys.count == Set(own.keys).count)
    }

    @Test func idsInMetadataAreLeftOutOnlyWhereTheyRepeatTheRecords() async throws {
        let fixture = try LogFixture()
        let log = fixture.logger(metadataProvider: .skein)
        fixture.tracing.tracer.withSpan("x", context: .topLevel) { _ in
            log.info("repeated")
            log.info("other", metadata: ["trace_id": "another"])
        }
        log.info("none", metadata: ["span_id": "another"])
        await fixture.tracing.shutdown()
        let ids = fixture.records.map {
            $0.attributes.filter { ["trace_id", "span_id", "trace_flags"].contains($0.key) }
        }
        #expect(ids == [[:], ["trace_id": "another"], ["span_id": "another"]])
        #expect(fixture.records.map(\.traceID.isEmpty) == [false, false, true])
    }

    @Test func whatGoesOverTheLimitsIsCutAndCounted() async throws {
        let limits: (inout TracingConfiguration) -> Void = { configuration in
            configuration.logs.attributeCountMax = 4
            configuration.logs.attributeValueLengthMax = 3
        }
        let record = try await LogFixture.record(configure: limits) { log, _ in
            log.info("long body", metadata: ["a": "äöüß", "b": ["12345"], "": "no key"])
        }
        #expect(record.body == "long body")
        #expect(record.attributes["a"] == "äöü" && record.attributes["b"] == .list(["123"]))
        #expect(record.attributes["code.file.path"] == "Ske" && record.attributes["code.line.number"] != nil)
        #expect(record.keys.count == 4 && record.droppedAttributes == 2, "the empty key, and the function")
    }

    @Test func levelIsTheConfiguredOneUntilALoggerSetsItsOwn() async throws {
        let fixture = try LogFixture(GatedExporter()) { $0.logs.level = .warning }
        var verbose = fixture.logger("verbose")
        let usual = verbose
        verbose.logLevel = .debug
        usual.info("below")
        usual.warning("usual")
        verbose.debug("verbose")
        verbose.trace("below")
        await fixture.tracing.shutdown()
        #expect(fixture.records.map(\.body) == ["usual", "verbose"])
        #expect(fixture.tracing.logStatistics.recorded == 2)
    }

    @Test func everyHandlerOfAMultiplexHasItsOwnLevel() async throws {
        let fixture = try LogFixture(GatedExporter()) { $0.logs.level = .error }
        let other = LogLines()
        let log = Logger(label: "both") { label in
            MultiplexLogHandler([other, fixture.tracing.logHandler(label: label)], metadataProvider: .skein)
        }
        fixture.tracing.tracer.withSpan("x", context: .topLevel) { _ in
            log.info("one")
            log.error("two")
        }
        await fixture.tracing.shutdown()
        #expect(other.lines == ["one", "two"])
        let record = try #require(fixture.records.first)
        #expect(fixture.records.count == 1 && record.body == "two" && record.attributes["trace_id"] == nil)
    }

    @Test func metadataOfACopyIsItsOwn() async throws {
        let fixture = try LogFixture()
        var first = fixture.logger()
        first[metadataKey: "who"] = "first"
        var second = first
        second[metadataKey: "who"] = "second"
        #expect(first[metadataKey: "who"] == "first")
        first.info("x")
        second.info("x")
        await fixture.tracing.shutdown()
        #expect(fixture.records.map { $0.attributes["who"] } == ["first", "second"])
    }

    @Test func requestHoldsEachScopeOnceAndKeepsTheOrderWithin() async throws {
        let fixture = try LogFixture()
        let loggers = ["a", "b", "", String(repeating: "long", count: 100)].map { fixture.logger($0) }
        for number in 0..<40 { loggers[number % 4].info("\(number)") }
        await fixture.tracing.shutdown()
        let request = try #require(fixture.exporter.requests.first)
        #expect(fixture.exporter.requests.count == 1)
        #expect(LoggedRecord.scopes(inRequest: request) == loggers.map(\.label))
        for (index, logger) in loggers.enumerated() {
            let bodies = fixture.records.filter { $0.scope == logger.label }.map(\.body)
            #expect(bodies == (0..<10).map { .text("\($0 * 4 + index)") })
        }
    }
}
