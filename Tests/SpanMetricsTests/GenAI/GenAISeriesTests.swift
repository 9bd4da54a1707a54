import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// Series of what calls used that failed, and of histograms by attribution.
@Suite struct GenAISeriesTests {
    private static let second: UInt64 = 1_000_000_000
    private static let errorStatus = ",status_code=\"STATUS_CODE_ERROR\""

    /// A call that one span tells of.
    private struct Call {
        var user = ""
        var application = ""
        var model = "m"
        /// Nil of one that succeeded.
        var errorType: String?
        var input: Int64?
        var output: Int64 = 0
        /// Dollars that the span says.
        var cost: Double?
        var milliseconds: UInt64 = 100

        func span(number: UInt64, id: UInt64 = 1, parent: UInt64 = 0) -> SpanFixture {
            SpanFixture("chat", id: id, parent: parent).with { span in
                span.traceID = TraceID(high: 7, low: number)
                span.end = span.start + milliseconds * 1_000_000
                span.attributes = [
                    KeyValue("gen_ai.operation.name", .string("chat")),
                    KeyValue("gen_ai.request.model", .string(model)),
                ]
                if !user.isEmpty { span.attributes.append(KeyValue("user.id", .string(user))) }
                if !application.isEmpty { span.attributes.append(KeyValue("application", .string(application))) }
                if let input {
                    span.attributes.append(KeyValue("gen_ai.usage.input_tokens", .int(input)))
                    span.attributes.append(KeyValue("gen_ai.usage.output_tokens", .int(output)))
                }
                if let cost { span.attributes.append(KeyValue("gen_ai.usage.cost", .double(cost))) }
                if let errorType {
                    span.status = 2
                    if !errorType.isEmpty { span.attributes.append(KeyValue("error.type", .string(errorType))) }
                }
            }
        }
    }

    /// What is counted from calls, as a process does it.
    private final class Counting {
        private(set) var metrics: GenAIMetrics
        private let configuration: GenAIConfiguration
        private var position: UInt64 = 0
        private var calls: UInt64 = 0

        init(_ configuration: GenAIConfiguration = GenAIConfiguration()) throws {
            self.configuration = configuration
            metrics = try GenAISeriesTests.metrics(configuration)
        }

        /// Counts calls before it returns.
        func count(_ calls: [Call]) throws {
            let spans = calls.map { call in
                self.calls += 1
                return call.span(number: self.calls)
            }
            try record(spans)
            try record([])
        }

        /// A batch that comes when those before have been counted.
        func record(_ spans: [SpanFixture], after seconds: UInt64 = 1_000) throws {
            position += 1
            now += seconds * GenAISeriesTests.second
            metrics.record(try .of(spans, position: position, receivedAt: now))
        }

        private var now: UInt64 = 0

        /// Goes on in another process.
        func restart() throws {
            let next = try GenAISeriesTests.metrics(configuration)
            #expect(try next.restore(metrics.checkpointSection()) == .restored)
            metrics = next
        }

        /// The samples of one name by their labels.
        func samples(_ name: String, _ format: ExpositionFormat = .prometheusText) -> [String: Double] {
            GenAISeriesTests.samples(metrics, name, format)
        }
    }

    /// A model `m` whose prices are powers of two, so that sums are exact; others have none.
    private static func metrics(_ configuration: GenAIConfiguration) throws -> GenAIMetrics {
        let prices = #"{"m": {"input_cost_per_token": 0.03125, "output_cost_per_token": 0.0625}}"#
        let metrics = GenAIMetrics(
            configuration, costs: CostModel(prices: try PriceBook(json: Array(prices.utf8))),
            log: UsageLog(directory: "u", files: MemoryFileSystem()))
        try metrics.open()
        return metrics
    }

    private static func samples(
        _ metrics: GenAIMetrics, _ name: String, _ format: ExpositionFormat = .prometheusText
    ) -> [String: Double] {
        var writer = PrometheusTextWriter(format: format)
        metrics.snapshot(now: 0).write(to: &writer)
        var result: [String: Double] = [:]
        for line in String(decoding: writer.takeBytes(), as: UTF8.self).split(separator: "\n") {
            guard line.hasPrefix(name + "{"), let end = line.lastIndex(of: "}") else { continue }
            let labels = String(line[..<end].dropFirst(name.utf8.count + 1))
            result[labels] = Double(line[end...].dropFirst(2))
        }
        return result
    }

    private static func labels(_ user: String, model: String = "m") -> String {
        "service_name=\"shop\",gen_ai_operation_name=\"chat\",gen_ai_request_model=\"\(model)\",user=\"\(user)\""
    }

    // MARK: what failed calls used

    @Test(arguments: [ExpositionFormat.prometheusText, .openMetrics])
    func whatFailedCallsUsedStandsApart(format: ExpositionFormat) throws {
        let counting = try Counting()
        try counting.count([
            Call(user: "ada", input: 100, output: 20), Call(user: "ada", errorType: "429", input: 8, output: 16),
            Call(user: "ada", errorType: "429"), Call(user: "bo", errorType: ""),
            Call(user: "ada", model: "x", errorType: "timeout", cost: 3),
            Call(user: "ada", model: "x", errorType: "timeout", input: 5),
        ])
        let (ada, onX) = (Self.labels("ada"), Self.labels("ada", model: "x"))
        #expect(
            counting.samples("gen_ai_client_tokens_total", format) == [
                ada + ",gen_ai_token_type=\"input\"": 100, ada + ",gen_ai_token_type=\"output\"": 20,
                ada + Self.errorStatus + ",gen_ai_token_type=\"input\"": 8,
                ada + Self.errorStatus + ",gen_ai_token_type=\"output\"": 16,
                onX + Self.errorStatus + ",gen_ai_token_type=\"input\"": 5,
            ])
        #expect(
            counting.samples("gen_ai_client_cost_usd_total", format) == [
                ada + ",cost_source=\"computed\"": 4.375,
                ada + Self.errorStatus + ",cost_source=\"computed\"": 1.25,
                onX + Self.errorStatus + ",cost_source=\"reported\"": 3,
            ])
        #expect(counting.samples("gen_ai_client_unpriced_calls_total", format) == [onX: 1])
        #expect(
            counting.samples("gen_ai_client_call_errors_total", format) == [ada: 2, onX: 2, Self.labels("bo"): 1])
    }

    /// With and without a limit of series, through restarts.
    @Test(arguments: [0, 4])
    func thePartsAddUpToEverything(limit: Int) throws {
        let seed = UInt64.random(in: 0...(.max))
        print("GenAISeriesTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var configuration = GenAIConfiguration()
        configuration.aggregationCardinalityLimit = limit
        let counting = try Counting(configuration)
        var tokens: [String: Double] = [:]
        var costs: [String: Double] = [:]
        for _ in 0..<20 {
            let calls = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                var call = Call(user: ["ada", "bo", "cy"].randomElement(using: &random) ?? "")
                if Bool.random(using: &random) { call.errorType = "429" }
                if Bool.random(using: &random) { call.input = .random(in: 1...4_000, using: &random) }
                if call.input == nil, Bool.random(using: &random) { call.cost = 0.5 }
                call.model = ["m", "x"].randomElement(using: &random) ?? ""
                return call
            }
            for call in calls {
                let key = Self.labels(call.user, model: call.model) + (call.errorType == nil ? "" : Self.errorStatus)
                if let input = call.input {
                    tokens[key, default: 0] += Double(input)
                    if call.model == "m" { costs[key, default: 0] += Double(input) / 32 }
                }
                if let cost = call.cost { costs[key, default: 0] += cost }
            }
            try counting.count(calls)
            if Int.random(in: 0..<3, using: &random) == 0 { try counting.restart() }
        }
        for (name, label, truth) in [
            ("gen_ai_client_tokens_total", ",gen_ai_token_type=", tokens),
            ("gen_ai_client_cost_usd_total", ",cost_source=", costs),
        ] {
            var found: [String: Double] = [:]
            for (labels, value) in counting.samples(name) {
                found[labels.firstRange(of: label).map { String(labels[..<$0.lowerBound]) } ?? "", default: 0] += value
            }
            #expect(limit != 0 || found == truth)
            for isError in [false, true] {
                func sum(_ samples: [String: Double]) -> Double {
                    samples.reduce(0) { $0 + ($1.key.contains(Self.errorStatus) == isError ? $1.value : 0) }
                }
                #expect(sum(found) == sum(truth) && sum(truth) > 0)
            }
            #expect(limit == 0 || found.keys.contains("otel_metric_overflow=\"true\"" + Self.errorStatus))
        }
    }

    /// The tokens of a call come with a span that nobody waited for.
    @Test(arguments: [nil, "429"]) func usageThatComesLaterHasTheStatusOfItsCall(errorType: String?) throws {
        let counting = try Counting()
        let outer = Call(user: "ada", errorType: errorType)
        var inner = outer
        (inner.input, inner.output) = (32, 0)
        let agent = SpanFixture("invoke_agent a", id: 9).with {
            $0.traceID = TraceID(high: 7, low: 1)
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("invoke_agent")), KeyValue("gen_ai.agent.name", .string("a")),
            ]
        }
        try counting.record([agent, outer.span(number: 1, id: 2, parent: 9)])
        try counting.record([], after: 15)
        let counted = counting.samples("gen_ai_client_calls_total")
        #expect(counted.values.reduce(0, +) == 1 && counting.samples("gen_ai_client_tokens_total").isEmpty)
        try counting.record([inner.span(number: 1, id: 3, parent: 2)], after: 5)
        try counting.record([])
        #expect(counting.samples("gen_ai_client_calls_total") == counted)
        let labels = try #require(counted.keys.first) + (errorType == nil ? "" : Self.errorStatus)
        #expect(counting.samples("gen_ai_client_tokens_total") == [labels + ",gen_ai_token_type=\"input\"": 32])
        #expect(counting.samples("gen_ai_client_cost_usd_total") == [labels + ",cost_source=\"computed\"": 1])
    }

    // MARK: checkpoint

    /// A section of version 2: a call of ada's with 100 and 20 tokens, and one that failed with 7 and 20.
    private static let oldSection = """
        422275736572222c226465706172746d656e74222c226170706c69636174696f6e222c2274656e616e74222c22656e766972\
        6f6e6d656e74222c2276617269616e74220604757365720a6465706172746d656e740b6170706c69636174696f6e0674656e\
        616e740b656e7669726f6e6d656e740776617269616e7480c2d72f80c2d72fa09c0192dc86acabd896f518000100d7210dff\
        076ce2ef01c6a53877330bdb013fc1eaf17fd374000000000000000000000000000000000100011900046465736b00046368\
        617400016d00036164610000000000020100006b000000002800000000000000601740000000000000000002110004646573\
        6b00046368617400016d00000f9a9999999999b93f0000000001000000000000000000000f00000000000059400000000001\
        000000000000000000000f000000000000344000000001000000000000000000000000000000000000000000000000000000\
        00001400046465736b00046368617400016d00033432390f9a9999999999c93f0000000000010000000000000000000f0000\
        000000001c400000010000000000000000000000000f00000000000034400000000100000000000000000000000000000000\
        00000000000000000000000000000000
        """

    private static func oldCheckpoint(version: UInt32 = 2) throws -> CheckpointSection {
        var digits = oldSection[...]
        var payload: [UInt8] = []
        while !digits.isEmpty {
            payload.append(try #require(UInt8(digits.prefix(2), radix: 16)))
            digits = digits.dropFirst(2)
        }
        return CheckpointSection(name: "gen_ai", version: version, position: JournalPosition(2), payload: payload)
    }

    @Test func aSectionOfAnEarlierVersionIsContinued() throws {
        let metrics = try Self.metrics(GenAIConfiguration())
        #expect(try metrics.restore(Self.oldCheckpoint()) == .restored)
        let labels = Self.labels("ada").replacing("shop", with: "desk")
        // Of what had been counted nobody knows any more which of it was of the failed call.
        #expect(
            Self.samples(metrics, "gen_ai_client_tokens_total") == [
                labels + ",gen_ai_token_type=\"input\"": 107, labels + ",gen_ai_token_type=\"output\"": 40,
            ])
        #expect(
            Self.samples(metrics, "gen_ai_client_cost_usd_total") == [labels + ",cost_source=\"computed\"": 5.84375])
        #expect(Self.samples(metrics, "gen_ai_client_call_errors_total") == [labels: 1])
        #expect(Self.samples(metrics, "gen_ai_client_operation_duration_seconds_count").count == 2)

        let call = Call(user: "ada", errorType: "429", input: 3).span(number: 1).with {
            $0.resource = [KeyValue("service.name", .string("desk"))]
        }
        let now: UInt64 = 1_900_000_000 * Self.second
        metrics.record(try .of([call], position: 3, receivedAt: now))
        metrics.record(try .of([], position: 4, receivedAt: now + 100 * Self.second))
        #expect(
            Self.samples(metrics, "gen_ai_client_tokens_total") == [
                labels + ",gen_ai_token_type=\"input\"": 107, labels + ",gen_ai_token_type=\"output\"": 40,
                labels + Self.errorStatus + ",gen_ai_token_type=\"input\"": 3,
            ])
    }

    @Test func aSectionOfAFutureVersionIsRefused() throws {
        let metrics = try Self.metrics(GenAIConfiguration())
        let error = try #require(throws: CheckpointError.self) {
            try metrics.restore(Self.oldCheckpoint(version: 4))
        }
        #expect("\(error)".contains("'gen_ai' in version 4, expected at most 3"))
    }

    @Test func aSectionThatIsCutIsRefusedAndAFlippedOneIsNoTrap() throws {
        var configuration = GenAIConfiguration()
        configuration.histogramAttribution = ["user"]
        let counting = try Counting(configuration)
        try counting.count([
            Call(user: "ada", errorType: "429", input: 8), Call(user: "bo", input: 9),
            Call(user: "bo", errorType: "", input: 8),
        ])
        let section = counting.metrics.checkpointSection()
        let metrics = try Self.metrics(configuration)
        for end in section.payload.indices {
            var cut = section
            cut.payload.removeSubrange(end...)
            #expect(throws: CheckpointError.self, "cut at \(end)") {
                _ = try metrics.restore(cut)
            }
            var flipped = section
            flipped.payload[end] ^= 1 << (end % 8)
            // Either it is refused, or what it says can be shown.
            if (try? metrics.restore(flipped)) != nil { _ = Self.samples(metrics, "gen_ai_client_tokens_total") }
        }
    }

    @Test func otherHistogramsBeginTheCountersAnew() throws {
        func configuration(_ names: [String]) -> GenAIConfiguration {
            var configuration = GenAIConfiguration()
            configuration.histogramAttribution = names
            return configuration
        }
        let sets = [[], ["user"], ["application"], ["user", "application"]]
        for written in sets {
            let counting = try Counting(configuration(written))
            try counting.count([Call(user: "ada", application: "desk")])
            let section = counting.metrics.checkpointSection()
            for read in sets {
                let outcome = try Self.metrics(configuration(read)).restore(section)
                let changed = RestoreOutcome.startedOver(
                    reason: "the attribution keys of gen_ai, or those of its histograms, have changed")
                #expect(outcome == (written == read ? .restored : changed))
            }
            // The order in which they are listed changes nothing.
            let next = try Self.metrics(configuration(written.reversed()))
            #expect(try next.restore(section) == .restored)
            let name = "gen_ai_client_operation_duration_seconds_count"
            #expect(Self.samples(next, name) == counting.samples(name))
        }
    }

    // MARK: histograms by attribution

    @Test func histogramsHaveTheAttributionThatIsConfigured() throws {
        var configuration = GenAIConfiguration()
        configuration.histogramAttribution = ["application"]
        let counting = try Counting(configuration)
        try counting.count([
            Call(user: "ada", application: "desk", input: 3, output: 4),
            Call(user: "bo", application: "desk", input: 3),
            Call(user: "ada", application: "lab", errorType: "429"), Call(user: "ada", errorType: ""),
        ])
        let common = "service_name=\"shop\",gen_ai_operation_name=\"chat\",gen_ai_request_model=\"m\""
        #expect(
            counting.samples("gen_ai_client_operation_duration_seconds_count") == [
                common + ",application=\"desk\"": 2, common + ",error_type=\"429\",application=\"lab\"": 1,
                common + ",error_type=\"_OTHER\"": 1,
            ])
        let (input, output) = (",gen_ai_token_type=\"input\"", ",gen_ai_token_type=\"output\"")
        #expect(
            counting.samples("gen_ai_client_token_usage_sum") == [
                common + ",application=\"desk\"" + input: 6, common + ",application=\"desk\"" + output: 4,
            ])
        // The counters have all of it.
        #expect(counting.samples("gen_ai_client_calls_total").count == 4)
    }

    private static let attributions: [[String]] = [[], ["application"], ["user"], ["user", "application"]]

    /// As a plain sum over the calls has them, however rows are found, through restarts and past the limit: who has a
    /// series keeps it, and the rest is in the one of what is over.
    @Test(arguments: attributions, [(limit: 0, users: 40, calls: 3_000), (limit: 100, users: 20_000, calls: 30_000)])
    func histogramsAreThoseOfTheirCalls(names: [String], size: (limit: Int, users: Int, calls: Int)) throws {
        let seed = UInt64.random(in: 0...(.max))
        print("GenAISeriesTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var configuration = GenAIConfiguration()
        configuration.histogramAttribution = names
        configuration.aggregationCardinalityLimit = size.limit
        let counting = try Counting(configuration)
        var truth: [String: Double] = [:]
        var seconds = 0.0
        for _ in 0..<size.calls / 1_000 {
            let calls = (0..<1_000).map { _ in
                var call = Call(milliseconds: .random(in: 1...100_000, using: &random))
                call.user = "u\(Int.random(in: 0..<size.users, using: &random))"
                call.application = ["", "desk", "lab"].randomElement(using: &random) ?? ""
                call.model = ["m", "x"].randomElement(using: &random) ?? ""
                call.errorType = [nil, nil, "", "429"].randomElement(using: &random) ?? nil
                return call
            }
            for call in calls {
                var key =
                    "service_name=\"shop\",gen_ai_operation_name=\"chat\",gen_ai_request_model=\"\(call.model)\""
                if let type = call.errorType { key += ",error_type=\"\(type.isEmpty ? "_OTHER" : type)\"" }
                if names.contains("user") { key += ",user=\"\(call.user)\"" }
                if names.contains("application"), !call.application.isEmpty {
                    key += ",application=\"\(call.application)\""
                }
                truth[key, default: 0] += 1
                seconds += Double(call.milliseconds) / 1_000
            }
            try counting.count(calls)
            if Int.random(in: 0..<10, using: &random) == 0 { try counting.restart() }
        }
        var found = counting.samples("gen_ai_client_operation_duration_seconds_count")
        let sum = counting.samples("gen_ai_client_operation_duration_seconds_sum").values.reduce(0, +)
        #expect(abs(sum - seconds) < 1e-6 * seconds)
        let overflow = found.removeValue(forKey: "otel_metric_overflow=\"true\"")
        #expect((overflow != nil) == (size.limit > 0 && truth.count > size.limit))
        #expect(found.count == (overflow == nil ? truth.count : size.limit))
        for (labels, count) in found { #expect(truth.removeValue(forKey: labels) == count, "\(labels)") }
        #expect(truth.values.reduce(0, +) == overflow ?? 0)
    }
}
