import AgentTraffic
import OTLP
import Testing

@Suite struct AgentTrafficTests {
    @Test func theSeedDecidesEveryByte() {
        var first = AgentTraffic(seed: 77)
        var second = AgentTraffic(seed: 77)
        var other = AgentTraffic(seed: 78)
        let bytes = (0..<5).map { _ in first.request(spans: 100) }
        #expect(bytes == (0..<5).map { _ in second.request(spans: 100) })
        #expect(bytes[0] != other.request(spans: 100))
    }

    @Test func spansLookLikeThoseOfAgents() throws {
        var traffic = AgentTraffic(seed: 1)
        var spans = 0, bytes = 0, attributes = 0, errors = 0
        for _ in 0..<20 {
            let batch = try SpanBatch(decoding: traffic.request(spans: 512))
            #expect(batch.spans.count == 512)
            #expect(batch.rejectedSpans == 0)
            spans += batch.spans.count
            bytes += batch.bytes.count
            attributes += batch.spans.reduce(0) { $0 + Int($1.attributes.count) }
            errors += batch.spans.count { $0.isError }
            #expect(batch.spans.allSatisfy { $0.endTime > $0.startTime && !$0.needsRaw })
        }
        #expect((450...560).contains(bytes / spans))
        #expect((10.0...12.0).contains(Double(attributes) / Double(spans)))
        #expect((0.01...0.06).contains(Double(errors) / Double(spans)))
    }

    @Test func tracesAreTreesOf5To62Spans() throws {
        var traffic = AgentTraffic(seed: 6)
        var sizes: Set<Int> = []
        for _ in 0..<2_000 {
            let batch = try SpanBatch(decoding: traffic.trace())
            sizes.insert(batch.spans.count)
            #expect(AgentTraffic.traceSpans.contains(batch.spans.count))
            #expect(Set(batch.spans.map(\.traceID)).count == 1)
            let byID = Dictionary(uniqueKeysWithValues: batch.spans.map { ($0.spanID, $0) })
            #expect(batch.spans.count { !$0.parentSpanID.isValid } == 1)
            for span in batch.spans where span.parentSpanID.isValid {
                let parent = try #require(byID[span.parentSpanID])
                #expect(parent.startTime <= span.startTime && span.endTime <= parent.endTime)
            }
        }
        #expect(sizes.min() == 5 && sizes.count > 40)
    }

    @Test func aTraceBelongsToOneConversationOfOneUserAndAnAgentKeepsItsID() throws {
        var traffic = AgentTraffic(seed: 3)
        var traces: [String: Int] = [:]
        var users: [String: Set<String>] = [:]
        var agents: [String: Set<String>] = [:]
        for _ in 0..<4_000 {
            let batch = try SpanBatch(decoding: traffic.trace())
            func text(_ key: StaticString, _ span: SpanRow) -> String? {
                batch.attribute(key, in: span.attributes).map { String(decoding: batch.slice($0.slice), as: UTF8.self) }
            }
            let conversations = Set(batch.spans.compactMap { text("gen_ai.conversation.id", $0) })
            #expect(conversations.count == 1)
            for id in conversations {
                traces[id, default: 0] += 1
                users[id, default: []].formUnion(batch.spans.compactMap { text("user.id", $0) })
            }
            for span in batch.spans {
                guard let id = text("gen_ai.agent.id", span), let name = text("gen_ai.agent.name", span) else {
                    continue
                }
                agents[name, default: []].insert(id)
            }
        }
        #expect((3.0...5.0).contains(4_000 / Double(traces.count)))
        #expect(users.values.allSatisfy { $0.count == 1 })
        #expect(Set(users.values).count > users.count * 9 / 10)
        #expect(agents.count == 4 && agents.values.allSatisfy { $0.count == 1 })
        #expect(Set(agents.values).count == 4)
    }

    @Test(arguments: [false, true]) func anAgentSaysWhatItsCallsUsed(clientSpans: Bool) throws {
        var traffic = AgentTraffic(seed: 5, clientSpans: clientSpans)
        var sums = 0
        for _ in 0..<500 {
            let batch = try SpanBatch(decoding: traffic.trace())
            func tokens(_ key: StaticString, _ span: SpanRow) -> Int64? {
                batch.attribute(key, in: span.attributes).map(\.int)
            }
            for agent in batch.spans where batch.string(agent.name).hasPrefix("invoke_agent") {
                let calls = batch.spans.filter {
                    $0.parentSpanID == agent.spanID && batch.string($0.name).hasPrefix("chat")
                }
                for key in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"] as [StaticString] {
                    let used = calls.compactMap { tokens(key, $0) }
                    #expect(tokens(key, agent) == (used.isEmpty ? nil : used.reduce(0, +)))
                    sums += used.count
                }
            }
        }
        #expect(sums > 1_000)
    }

    @Test func aTraceGoesOnInTheNextRequest() throws {
        var whole = AgentTraffic(seed: 12)
        var parts = AgentTraffic(seed: 12)
        func ids(_ bytes: [UInt8]) throws -> Set<SpanID> { Set(try SpanBatch(decoding: bytes).spans.map(\.spanID)) }
        let expected = try ids(whole.request(spans: 60))
        let found = try (0..<6).map { _ in try ids(parts.request(spans: 10)) }
        #expect(found.allSatisfy { $0.count == 10 })
        #expect(found.reduce(into: Set()) { $0.formUnion($1) } == expected)
    }

    @Test func requestsBetweenServicesArePairsWhoseNumbersAreTold() throws {
        var traffic = AgentTraffic(seed: 8, clientSpans: true)
        var pairs: [String: [Bool]] = [:]
        for _ in 0..<2_000 {
            let batch = try SpanBatch(decoding: traffic.trace())
            #expect(AgentTraffic.traceSpansWithClients.contains(batch.spans.count))
            let byID = Dictionary(uniqueKeysWithValues: batch.spans.map { ($0.spanID, $0) })
            func service(_ span: SpanRow) throws -> String {
                let resource = batch.resource(of: span)
                let name = try #require(batch.attribute("service.name", in: resource.attributes))
                return String(decoding: batch.slice(name.slice), as: UTF8.self)
            }
            for span in batch.spans where span.parentSpanID.isValid {
                let parent = try #require(byID[span.parentSpanID])
                #expect(parent.startTime <= span.startTime && span.endTime <= parent.endTime)
                let isAsked = try service(span) != service(parent)
                #expect(isAsked == (span.kind == 2) && (!isAsked || parent.kind == 3))
                guard isAsked else { continue }
                let pair = "\(try service(parent)) \(try service(span))"
                pairs[pair, default: []].append(parent.isError || span.isError)
            }
        }
        #expect(pairs.count == 4 && pairs.values.allSatisfy { $0.contains(true) })
        let told = Dictionary(
            uniqueKeysWithValues: traffic.requestsBetweenServices.map { pair, count in
                ("\(pair.client) \(pair.server)", count)
            })
        #expect(pairs.mapValues(\.count) == told.mapValues(\.requests))
        #expect(pairs.mapValues { $0.count { $0 } } == told.mapValues(\.failed))
    }
}
