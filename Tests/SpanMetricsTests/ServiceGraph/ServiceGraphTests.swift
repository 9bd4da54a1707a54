import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct ServiceGraphTests {
    private static let second: UInt64 = 1_000_000_000
    private static let prefix = "traces_service_graph_request"

    private static func samples(_ graph: ServiceGraph, now: UInt64 = 0) -> Samples {
        var writer = PrometheusTextWriter(format: .prometheusText)
        graph.snapshot(now: now).write(to: &writer)
        return Samples(writer.takeBytes())
    }

    /// Requests by labels.
    private static func requests(_ graph: ServiceGraph, now: UInt64 = 0) -> [String: Double] {
        let begin = prefix + "_total{"
        var result: [String: Double] = [:]
        for (key, value) in samples(graph, now: now).values where key.hasPrefix(begin) {
            result[String(key.dropFirst(begin.count).dropLast())] = value
        }
        return result
    }

    private static func graph(
        _ batches: [StoredBatch], _ change: (inout ServiceGraphConfiguration) -> Void = { _ in }
    ) throws -> ServiceGraph {
        var configuration = ServiceGraphConfiguration()
        change(&configuration)
        let graph = try ServiceGraph(configuration)
        for batch in batches { graph.record(batch) }
        return graph
    }

    /// Spans in any order, cut anywhere, within the wait; at the end nothing waits any more.
    private static func journal(_ spans: [SpanFixture], seed: UInt64) throws -> [StoredBatch] {
        var random = SeededGenerator(seed: seed)
        var rest = spans.shuffled(using: &random)
        var result: [StoredBatch] = []
        while !rest.isEmpty {
            let count = min(rest.count, .random(in: 1...60, using: &random))
            let position = UInt64(result.count + 1)
            result.append(try .of(Array(rest.suffix(count)), position: position, receivedAt: second + position))
            rest.removeLast(count)
        }
        result.append(try .of([], position: UInt64(result.count + 1), receivedAt: 60 * second))
        return result
    }

    private static func client(_ service: String = "shop", id: UInt64, trace: UInt64 = 1) -> SpanFixture {
        SpanFixture("ask", service: service, id: id, parent: 99).with {
            $0.kind = 3
            $0.traceID = TraceID(high: 5, low: trace)
        }
    }

    private static func server(_ service: String = "stock", of client: UInt64, trace: UInt64 = 1) -> SpanFixture {
        SpanFixture("answer", service: service, id: client + 1_000, parent: client).with {
            $0.kind = 2
            $0.traceID = TraceID(high: 5, low: trace)
        }
    }

    // MARK: counts

    @Test func everyRequestCountsOnceInAnyOrderOfArrival() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("ServiceGraphTests seed \(seed)")
        let scenario = ServiceGraphScenario(seed: seed, traces: 400)
        let bounds: [Double] = [
            0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.4, 2, 5, 10, 15,
        ]
        for order in 0..<4 as Range<UInt64> {
            let graph = try Self.graph(try Self.journal(scenario.spans, seed: seed &+ order))
            let samples = Self.samples(graph)
            var total: UInt64 = 0
            for (edge, sum) in scenario.truth {
                let labels = edge.escapedLabels
                total += sum.count
                #expect(samples["\(Self.prefix)_total{\(labels)}"] == Double(sum.count), "\(labels)")
                #expect(samples["\(Self.prefix)_failed_total{\(labels)}"] == (edge.isFailed ? Double(sum.count) : nil))
                for (side, nanoseconds) in [("server", sum.serverNanoseconds), ("client", sum.clientNanoseconds)] {
                    let name = "\(Self.prefix)_\(side)_seconds"
                    #expect(samples["\(name)_count{\(labels)}"] == Double(sum.count))
                    let seconds = try #require(samples["\(name)_sum{\(labels)}"])
                    #expect(abs(seconds - Double(nanoseconds) / 1e9) < 1e-6 * max(1, seconds))
                }
            }
            let failed = scenario.truth.keys.count(where: \.isFailed)
            let lines = scenario.truth.count * (1 + 2 * (bounds.count + 3)) + failed
            #expect(samples.values.count == lines)
            #expect(graph.statistics.edges == total && graph.statistics.series == scenario.truth.count)
            #expect(graph.statistics.expiredEdges == UInt64(scenario.expired))
            #expect(graph.statistics.dropped(.nested) == UInt64(scenario.nested) && scenario.nested > 0)
            #expect(graph.statistics.droppedSpans.reduce(0, +) == UInt64(scenario.nested))
            #expect(graph.statistics.waitingSpans == 0)
        }
    }

    @Test func bucketsHoldWhatIsNotAboveTheirBound() throws {
        let pairs: [(UInt64, UInt64)] = [
            (2_000_000, 1), (2_000_001, 0), (15_000_000_000, 0), (15_000_000_001, 0), (0, 1),
        ]
        for (nanoseconds, inFirst) in pairs {
            let graph = try Self.graph([
                try .of(
                    [
                        Self.client(id: 1).with { $0.end = $0.start + nanoseconds + 5_000_000 },
                        Self.server(of: 1).with { $0.end = $0.start + nanoseconds },
                    ], position: 1)
            ])
            let labels = "client=\"shop\",server=\"stock\",failed=\"false\""
            let samples = Self.samples(graph)
            #expect(samples["\(Self.prefix)_server_seconds_bucket{\(labels),le=\"0.002\"}"] == Double(inFirst))
            #expect(samples["\(Self.prefix)_client_seconds_bucket{\(labels),le=\"0.002\"}"] == 0)
            let isWithin = nanoseconds <= 15_000_000_000
            #expect(samples["\(Self.prefix)_server_seconds_bucket{\(labels),le=\"15\"}"] == (isWithin ? 1 : 0))
            #expect(samples["\(Self.prefix)_server_seconds_bucket{\(labels),le=\"+Inf\"}"] == 1)
        }
    }

    @Test func aRequestFailsWhenEitherSideSaysSo() throws {
        for (client, server) in [(0, 2), (2, 0), (2, 2), (1, 1)] as [(Int32, Int32)] {
            let spans = [
                Self.client(id: 1).with { $0.status = client }, Self.server(of: 1).with { $0.status = server },
            ]
            let isFailed = client == 2 || server == 2
            let graph = try Self.graph([try .of(spans, position: 1)])
            #expect(Self.requests(graph) == ["client=\"shop\",server=\"stock\",failed=\"\(isFailed)\"": 1])
        }
    }

    @Test func sidesOfDifferentTracesOrTenantsDoNotMatch() throws {
        let other = try StoredBatch.of([Self.server(of: 1)], position: 3)
        let graph = try Self.graph([
            try .of([Self.client(id: 1)], position: 1), try .of([Self.server(of: 1, trace: 2)], position: 2),
            StoredBatch(
                batch: other.batch, position: other.position, receivedAt: 0, tenant: try #require(TenantID("b"))),
        ])
        #expect(graph.statistics.edges == 0 && graph.statistics.waitingSpans == 3)
    }

    @Test func theSameClientsSpanAgainIsPassedOver() throws {
        let spans = [Self.client(id: 1), Self.server(of: 1), Self.client(id: 1)]
        for order in [[0, 1, 2], [1, 0, 2], [0, 2, 1]] {
            let graph = try Self.graph(
                try order.enumerated().map { try .of([spans[$0.element]], position: UInt64($0.offset + 1)) }
                    + [try .of([], position: 9, receivedAt: 60 * Self.second)])
            #expect(Self.requests(graph) == ["client=\"shop\",server=\"stock\",failed=\"false\"": 1])
            #expect(graph.statistics.dropped(.duplicate) == 1)
        }
    }

    @Test func aFractionOfAWeightIsRoundedAlikeWhicheverSideComesFirst() throws {
        // 1 / (1 - 1/4) = 4/3.
        let spans = (1...600).flatMap { id in
            [Self.client(id: id, trace: id), Self.server(of: id, trace: id)].map { span in
                span.with { $0.traceState = "ot=th:4" }
            }
        }
        let counts = try [spans, spans.reversed()].map {
            Self.requests(try Self.graph([try .of($0, position: 1)])).values.first ?? 0
        }
        #expect(counts[0] == counts[1] && abs(counts[0] - 800) < 80)
    }

    @Test func ofClientsBelowOneAnotherTheInnermostCounts() throws {
        let peer = [KeyValue("peer.service", .string("payment"))]
        let chain = [
            Self.client(id: 1).with { $0.attributes = peer },
            Self.client(id: 2).with { $0.parent = SpanID(1) },
            Self.client(id: 3).with { ($0.parent, $0.attributes) = (SpanID(2), peer) },
        ]
        let named = "client=\"shop\",server=\"payment\",connection_type=\"virtual_node\",failed=\"false\""
        // Another service's client below it is another request, whatever became of the server's span between them.
        let passed = [chain[0], Self.client("proxy", id: 2).with { $0.parent = SpanID(1) }]
        let unknown = "client=\"proxy\",server=\"unknown\",connection_type=\"virtual_node\",failed=\"false\""
        let cases: [([SpanFixture], [String: Double])] = [
            (chain, [named: 1]), (Array(chain[..<2]), [named: 1]), (passed, [named: 1, unknown: 1]),
            // A span that says it is its own parent.
            ([chain[0].with { $0.parent = SpanID(1) }], [named: 1]),
            (
                Array(chain[..<2]) + [Self.server(of: 2), Self.server("cache", of: 1)],
                [
                    "client=\"shop\",server=\"stock\",failed=\"false\"": 1,
                    "client=\"shop\",server=\"cache\",failed=\"false\"": 1,
                ]
            ),
        ]
        for (spans, expected) in cases {
            for order in [spans, spans.reversed()] {
                var batches = try order.enumerated().map { index, span in
                    try StoredBatch.of([span], position: UInt64(index + 1), receivedAt: UInt64(index + 1))
                }
                let waiting = try Self.graph(batches)
                #expect(Self.requests(waiting, now: 60 * Self.second) == expected)
                batches.append(try .of([], position: 9, receivedAt: 60 * Self.second))
                #expect(Self.requests(try Self.graph(batches)) == expected)
            }
        }
    }

    @Test func dimensionsOfSpansMakeNoOtherService() throws {
        let spans = [
            Self.client(id: 1).with { $0.attributes = [KeyValue("zone", .string("a"))] },
            Self.client(id: 2).with {
                ($0.parent, $0.attributes) = (SpanID(1), [KeyValue("zone", .string("b"))])
            },
        ]
        let graph = try Self.graph([
            try .of(spans, position: 1), try .of([], position: 2, receivedAt: 60 * Self.second),
        ]) { $0.dimensions = ["zone"] }
        let labels = "client=\"shop\",server=\"unknown\",connection_type=\"virtual_node\",failed=\"false\""
        #expect(Self.requests(graph) == [labels + ",client_zone=\"b\"": 1])
        #expect(graph.statistics.dropped(.nested) == 1)
    }

    @Test func aResourceWithoutServiceNameTakesNoPart() throws {
        let nameless = [
            Self.client(id: 1).with { $0.resource = [] },
            Self.server(of: 2).with { $0.resource = [KeyValue("service.name", .int(3))] },
            Self.client(id: 3).with { $0.resource = [KeyValue("service.name", .string(""))] },
        ]
        let graph = try Self.graph([try .of(nameless, position: 1, receivedAt: 1)])
        #expect(graph.statistics.dropped(.unnamed) == 3 && graph.statistics.waitingSpans == 0)
    }

    // MARK: virtual nodes and labels

    @Test func withoutPeerAttributesOnlyKnownRequestsCount() throws {
        let spans = [Self.client(id: 1), SpanFixture("root", service: "shop", id: 2), Self.server(of: 7)]
        let journal = [
            try StoredBatch.of(spans, position: 1), try .of([], position: 2, receivedAt: 60 * Self.second),
        ]
        let graph = try Self.graph(journal) { $0.virtualNodePeerAttributes = [] }
        #expect(Self.requests(graph).isEmpty && graph.statistics.expiredEdges == 3)
    }

    @Test func theFirstPeerAttributeThatIsThereNamesTheVirtualNode() throws {
        let attributes: [([KeyValue], String)] = [
            ([KeyValue("server.address", .string("a")), KeyValue("peer.service", .string("b"))], "b"),
            ([KeyValue("server.address", .string("")), KeyValue("server.port", .int(1))], "unknown"),
            ([KeyValue("server.address", .int(17))], "17"),
            (
                [KeyValue("server.address", .string(String(repeating: "é", count: 400)))],
                String(repeating: "é", count: 256)
            ),
        ]
        for (attributes, name) in attributes {
            let span = Self.client(id: 1).with { $0.attributes = attributes }
            let graph = try Self.graph([
                try .of([span], position: 1), try .of([], position: 2, receivedAt: 60 * Self.second),
            ])
            let labels = "client=\"shop\",server=\"\(name)\",connection_type=\"virtual_node\",failed=\"false\""
            #expect(Self.requests(graph) == [labels: 1])
        }
    }

    @Test func labelsAreThoseOfTheConfiguration() throws {
        let spans = [
            SpanFixture("root", service: "shop", id: 1).with { $0.attributes = [KeyValue("zone", .string("z"))] },
            Self.client(id: 2).with { $0.attributes = [KeyValue("zone", .string("of the span"))] },
            Self.server(of: 2).with {
                $0.resource.append(KeyValue("zone", .string("of the resource")))
                $0.attributes = [KeyValue("zone", .string("of the span")), KeyValue("http.route", .string("/x"))]
            },
            Self.client(id: 3).with { $0.attributes = [KeyValue("zone", .string("y"))] },
        ]
        let journal = [
            try StoredBatch.of(spans, position: 1), try .of([], position: 2, receivedAt: 60 * Self.second),
        ]
        let graph = try Self.graph(journal) {
            $0.dimensions = ["zone", "http.route"]
            $0.hasVirtualNodeLabel = true
        }
        #expect(
            Set(Self.requests(graph).keys) == [
                """
                client="user",server="shop",connection_type="virtual_node",failed="false",virtual_node="client",\
                server_zone="z"
                """,
                """
                client="shop",server="stock",failed="false",client_zone="of the span",server_zone="of the resource",\
                server_http_route="/x"
                """,
                """
                client="shop",server="unknown",connection_type="virtual_node",failed="false",virtual_node="server",\
                client_zone="y"
                """,
            ])
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let changes: [(inout ServiceGraphConfiguration) -> Void] = [
            { $0.bucketBoundsNanoseconds = [2, 2] }, { $0.dimensions = ["a.b", "a_b"] }, { $0.dimensions = [""] },
            { $0.bucketBoundsNanoseconds = Array(0...200) }, { $0.aggregationCardinalityLimit = -1 },
        ]
        for change in changes {
            #expect(throws: SpanMetricsConfigurationError.self) { try Self.graph([], change) }
        }
    }

    // MARK: bounds

    @Test func theOldestMakeRoomAndAreNoRequestsToNobody() throws {
        let graph = try Self.graph([]) { $0.itemsMax = 100 }
        for id in 1...3_000 as ClosedRange<UInt64> {
            graph.record(try .of([Self.client(id: id, trace: id)], position: id))
            #expect(graph.statistics.waitingSpans == min(Int(id), 100))
        }
        // Those that still wait find their other side.
        for id in 2_901...3_000 as ClosedRange<UInt64> {
            graph.record(try .of([Self.server(of: id, trace: id)], position: id + 100))
        }
        #expect(graph.statistics.edges == 100 && graph.statistics.dropped(.noRoom) == 2_900)
        graph.record(try .of([], position: 9_000, receivedAt: 60 * Self.second))
        #expect(graph.statistics.waitingSpans == 0 && graph.statistics.expiredEdges == 0)
    }

    @Test func oneClientWithCountlessServersSlowsDownNobody() throws {
        let servers = (1...1_000).map { id in Self.server(of: 7).with { $0.spanID = SpanID(UInt64(id)) } }
        let graph = try Self.graph([
            try .of(servers, position: 1), try .of([Self.client(id: 7)], position: 2), try .of(servers, position: 3),
        ])
        #expect(graph.statistics.edges == UInt64(HalfEdgeLimits.perKey + 1_000))
        #expect(graph.statistics.dropped(.noRoom) == UInt64(1_000 - HalfEdgeLimits.perKey))
    }

    @Test func whatIsOverTheLimitOfSeriesIsCountedInOne() throws {
        let spans = (1...50).flatMap { id in
            [Self.client(id: id), Self.server("service \(id)", of: id)]
        }
        let graph = try Self.graph([try .of(spans, position: 1), try .of(spans, position: 2)]) {
            $0.aggregationCardinalityLimit = 10
        }
        let requests = Self.requests(graph)
        #expect(requests.count == 11 && requests["otel_metric_overflow=\"true\""] == 80)
        #expect(graph.statistics.overflowedEdges == 80 && requests.values.reduce(0, +) == 100)
    }

    @Test func failedRequestsOverTheLimitAreAmongThemAndAmongTheFailed() throws {
        let spans = (1...50).flatMap { id in
            [Self.client(id: id), Self.server("service \(id)", of: id).with { $0.status = id % 5 == 0 ? 2 : 0 }]
        }
        let batch = try StoredBatch.of(spans, position: 1)
        let graph = try Self.graph([batch]) { $0.aggregationCardinalityLimit = 10 }
        let restored = try Self.graph([]) { $0.aggregationCardinalityLimit = 10 }
        #expect(try restored.restore(graph.checkpointSection()) == .restored)
        for graph in [graph, restored] {
            let samples = Self.samples(graph)
            #expect(samples["\(Self.prefix)_total{otel_metric_overflow=\"true\"}"] == 40)
            #expect(samples["\(Self.prefix)_failed_total{otel_metric_overflow=\"true\"}"] == 8)
            #expect(samples["\(Self.prefix)_server_seconds_count{otel_metric_overflow=\"true\"}"] == 40)
            let failed = samples.values.filter { $0.key.hasPrefix("\(Self.prefix)_failed_total") }
            #expect(failed.values.reduce(0, +) == 10 && graph.statistics.series == 11)
        }
    }

    @Test func whichServersSeriesAreOverTheLimitIsTheSameForEverySeed() throws {
        let servers = (1...40).map { id in
            Self.server("service \(id)", of: 7).with { $0.spanID = SpanID(UInt64(id)) }
        }
        let batches = [
            try StoredBatch.of(Array(servers[..<20]), position: 1), try .of(Array(servers[20...]), position: 2),
            try .of([Self.client(id: 7)], position: 3),
        ]
        var configuration = ServiceGraphConfiguration()
        configuration.aggregationCardinalityLimit = 10
        for seed in 0..<8 as Range<UInt64> {
            let graph = try ServiceGraph(configuration, seed: seed)
            for batch in batches { graph.record(batch) }
            let requests = Self.requests(graph)
            #expect(requests.count == 11)
            for id in 1...10 {
                #expect(requests["client=\"shop\",server=\"service \(id)\",failed=\"false\""] == 1, "seed \(seed)")
            }
        }
    }

    @Test func aDatabaseCountsThoughThereIsNoRoomForItToWait() throws {
        let graph = try Self.graph([]) { $0.itemsMax = 10 }
        let spans = (1...50).map { id in
            Self.client(id: id, trace: id).with { $0.attributes = [KeyValue("db.name", .string("orders"))] }
        }
        graph.record(try .of(spans, position: 1))
        #expect(graph.statistics.edges == 40 && graph.statistics.dropped(.noRoom) == 0)
        graph.record(try .of([], position: 2, receivedAt: 60 * Self.second))
        #expect(graph.statistics.edges == 50 && graph.statistics.expiredEdges == 0)
    }

    @Test func aCheckpointWithMoreSpansThanThereIsRoomForKeepsTheYoungest() throws {
        let spans = (1...3_000).map { id in Self.client(id: id, trace: id) }
        let source = try Self.graph([try .of(spans, position: 1)])
        let graph = try Self.graph([]) { $0.itemsMax = 100 }
        #expect(try graph.restore(source.checkpointSection()) == .restored)
        #expect(graph.statistics.waitingSpans == 100 && graph.statistics.dropped(.noRoom) == 2_900)
        let servers = (2_901...3_000).map { id in Self.server(of: id, trace: id) }
        graph.record(try .of(servers, position: 2))
        #expect(graph.statistics.edges == 100)
    }

    @Test func aSeriesNobodyAsksForGoesAwayAndMakesRoom() throws {
        func pair(_ server: String, _ minute: UInt64) throws -> StoredBatch {
            let spans = [Self.client(id: minute), Self.server(server, of: minute)]
            return try .of(spans, position: minute, receivedAt: minute * 60 * Self.second)
        }
        let graph = try Self.graph([try pair("old", 1), try pair("kept", 2)]) {
            $0.aggregationCardinalityLimit = 2
        }
        for minute in 3...61 as ClosedRange<UInt64> { graph.record(try pair("kept", minute)) }
        #expect(Self.requests(graph).count == 2)
        graph.record(try pair("kept", 62))
        graph.record(try pair("new", 63))
        #expect(
            Self.requests(graph) == [
                "client=\"shop\",server=\"kept\",failed=\"false\"": 61,
                "client=\"shop\",server=\"new\",failed=\"false\"": 1,
            ])
    }

    @Test func namesThatComeAndGoAreForgotten() throws {
        let graph = try Self.graph([]) { $0.aggregationCardinalityLimit = 5 }
        for batch in 1...20 as ClosedRange<UInt64> {
            let spans = (batch * 2_000..<batch * 2_000 + 2_000).map { id in
                Self.client("service \(id)", id: id)
            }
            graph.record(try .of(spans, position: batch, receivedAt: batch * 4 * Self.second))
        }
        // Of those that waited over a renumbering each still has its own name.
        let last = (40_000..<42_000).map { id in Self.server(of: UInt64(id)) }
        graph.record(try .of(last, position: 21, receivedAt: 81 * Self.second))
        #expect(graph.statistics.dropped(.noRoom) == 0)
        #expect(graph.statistics.edges == 36_000)
        #expect(graph.statistics.series == 6)
    }

    @Test func aSideIsShownAsExpiredThoughNothingElseArrivesAndTheNextBatchSaysTheSame() throws {
        let graph = try Self.graph([try .of([Self.client(id: 1)], position: 1, receivedAt: 100 * Self.second)])
        let labels = "client=\"shop\",server=\"unknown\",connection_type=\"virtual_node\",failed=\"false\""
        #expect(Self.requests(graph, now: 110 * Self.second - 1).isEmpty)
        #expect(Self.requests(graph, now: 110 * Self.second) == [labels: 1])
        #expect(Self.requests(graph).isEmpty)
        graph.record(try .of([Self.server(of: 1)], position: 2, receivedAt: 110 * Self.second))
        #expect(Self.requests(graph) == [labels: 1])
    }

    @Test func switchedOffItCountsNothingAndMovesOn() throws {
        let graph = try Self.graph([try .of([Self.client(id: 1), Self.server(of: 1)], position: 4)]) {
            $0.isEnabled = false
        }
        #expect(
            graph.statistics.edges == 0 && graph.statistics.waitingSpans == 0 && graph.position == JournalPosition(4))
    }

    // MARK: restarts

    @Test func aRestartAfterAnyBatchChangesNothing() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("ServiceGraphTests seed \(seed)")
        let scenario = ServiceGraphScenario(seed: seed, traces: 60)
        var journal = try Self.journal(scenario.spans, seed: seed)
        // Time passes, so that some expire on the way and room runs out.
        journal = journal.enumerated().map { index, batch in
            StoredBatch(
                batch: batch.batch, position: batch.position, receivedAt: UInt64(index / 4) * 20 * Self.second)
        }
        var configuration = ServiceGraphConfiguration()
        configuration.itemsMax = 30
        configuration.dimensions = ["server.address"]
        let whole = try ServiceGraph(configuration)
        for batch in journal { whole.record(batch) }
        let expected = Self.samples(whole).values
        #expect(whole.statistics.dropped(.noRoom) > 0 && whole.statistics.expiredEdges > 0)
        for end in journal.indices {
            let before = try ServiceGraph(configuration)
            for batch in journal[...end] { before.record(batch) }
            let after = try ServiceGraph(configuration)
            #expect(try after.restore(before.checkpointSection()) == .restored)
            #expect(after.checkpointSection().payload.count == before.checkpointSection().payload.count)
            for batch in journal { after.record(batch) }
            #expect(Self.samples(after).values == expected, "after batch \(end)")
        }
    }

    @Test func crashesAndLossesOfPowerNeitherLoseNorDoubleARequest() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("ServiceGraphTests seed \(seed)")
        let scenario = ServiceGraphScenario(seed: seed, traces: 80)
        let journal = try Self.journal(scenario.spans, seed: seed)
        let disk = MemoryFileSystem()
        try disk.createDirectory("derived")
        var random = SeededGenerator(seed: seed)
        var next = 0
        while next < journal.count {
            let fault = Int.random(in: 0..<30, using: &random)
            let kind = Fault.allCases.randomElement(using: &random)
            let files = FaultyFileSystem(on: disk) { $0.index == fault ? kind : nil }
            let graph = try ServiceGraph()
            let state = DerivedState(directory: "derived", derivations: [graph], files: files)
            if (try? state.load()) == nil { continue }
            for batch in journal[..<next] where batch.position > state.replayPosition { state.record(batch) }
            let end = min(journal.count, next + .random(in: 1...6, using: &random))
            for batch in journal[next..<end] {
                state.record(batch)
                if Int.random(in: 0..<2, using: &random) == 0 { try? state.checkpoint() }
            }
            next = end
            if Bool.random(using: &random) {
                disk.losePower { Bool.random(using: &random) }
            } else {
                disk.endProcess()
            }
        }
        let graph = try ServiceGraph()
        let state = DerivedState(directory: "derived", derivations: [graph], files: disk)
        _ = try state.load()
        for batch in journal where batch.position > state.replayPosition { state.record(batch) }
        let requests = Self.requests(graph)
        #expect(requests.count == scenario.truth.count)
        for (edge, sum) in scenario.truth { #expect(requests[edge.escapedLabels] == Double(sum.count)) }
    }

    @Test func aSectionThatHoldsSomethingElseLeavesTheStateAlone() throws {
        let source = try Self.graph([
            try .of([Self.client(id: 1), Self.server(of: 1), Self.client(id: 2)], position: 9)
        ])
        let section = source.checkpointSection()
        for length in 0..<section.payload.count {
            let graph = try Self.graph([])
            var cut = section
            cut.payload.removeSubrange(length...)
            #expect(throws: CheckpointError.self) { try graph.restore(cut) }
            #expect(graph.position == .beginning)
        }
        var future = section
        future.version = 3
        #expect(throws: CheckpointError.self) { try Self.graph([]).restore(future) }
        let changed = try Self.graph([]) { $0.dimensions = ["x"] }
        guard case .startedOver = try changed.restore(section) else {
            Issue.record("series were continued under other labels")
            return
        }
        #expect(changed.position == JournalPosition(9) && changed.statistics.series == 0)
    }
}

/// What the tests rely on.
private enum HalfEdgeLimits {
    static let perKey = 64
}
