import AgentTraffic
import OTLP
import OTLPTestSupport
import Testing

/// Our reader against protobuf-c.
///
/// Where they differ by intent: a field with another wire type than its own is an unknown field for us and an error
/// for protobuf-c; spans with wrong ids and values that are too deep are rejected by us alone, and what stands behind
/// the point of rejection in such a span is not looked at. Groups are refused by both.
@Suite struct DifferentialTests {
    @Test(arguments: [31, 32, 33] as [UInt64]) func validRequestsAreReadAlike(seed: UInt64) throws {
        var generator = RandomRequest(seed: seed)
        for _ in 0..<300 {
            let bytes = generator.next()
            let oracle = ProtobufCOracle(bytes)
            let ours = DecodedRequest(try SpanBatch(decoding: bytes)).cutAtNUL()
            let theirs = try #require(oracle.decoded)
            guard String(describing: ours) == String(describing: theirs) else {
                Issue.record("differs from protobuf-c, seed \(seed): \(bytes)\nours \(ours)\ntheirs \(theirs)")
                return
            }
        }
    }

    @Test func agentTrafficIsReadAlike() throws {
        var traffic = AgentTraffic(seed: 14)
        let bytes = traffic.request(spans: 512)
        let theirs = try #require(ProtobufCOracle(bytes).decoded)
        #expect(DecodedRequest(try SpanBatch(decoding: bytes)) == theirs)
    }

    @Test(arguments: [41, 42, 43, 44] as [UInt64]) func damagedRequestsAreReadOrRefusedAlike(seed: UInt64) throws {
        var generator = RandomRequest(seed: seed)
        var traffic = AgentTraffic(seed: seed)
        var damage = Damage(seed: seed)
        var compared = 0
        for round in 0..<40 {
            let bytes = round % 4 == 0 ? traffic.request(spans: 2) : generator.next()
            for _ in 0..<50 {
                if isComparedAndSame(damage.apply(to: bytes)) { compared += 1 }
            }
        }
        #expect(compared > 100)
    }

    @Test func intendedDifferencesAreThese() throws {
        let wrongType = Request.make(spans: [Request.span { $0.string(7, "a start time as text") }])
        #expect(ProtobufCOracle(wrongType).decoded == nil)
        #expect(try SpanBatch(decoding: wrongType).spans.count == 1)

        let zeroID = Request.make(spans: [Request.span(id: 0)])
        #expect(ProtobufCOracle(zeroID).decoded?.spans.count == 1)
        #expect(try SpanBatch(decoding: zeroID).rejectedSpans == 1)

        let group = Request.make(spans: [Request.span { $0.tag(1_000, WireType.startGroup) }])
        #expect(ProtobufCOracle(group).decoded == nil)
        #expect(throws: WireError.self) { try SpanBatch(decoding: group) }
    }

    @Test func valuesAndScalarsSentTwiceAreReadAlike() throws {
        let bytes = Request.make(spans: [
            Request.span { span in
                span.message(9) { pair in
                    for number in [1, 2] as [Int64] { pair.message(2) { $0.anyValue(.array([.int(number)])) } }
                }
                span.message(15) { $0.varint(3, 2) }
                span.message(15) { $0.varint(3, 0) }
            }
        ])
        let batch = try SpanBatch(decoding: bytes)
        #expect(try DecodedRequest(batch) == #require(ProtobufCOracle(bytes).decoded))
        #expect(batch.spans[0].needsRaw)
    }

    /// Whether both took the bytes and every span of ours; what they took must then be equal.
    private func isComparedAndSame(_ bytes: [UInt8]) -> Bool {
        let oracle = ProtobufCOracle(bytes)
        guard let theirs = oracle.decoded else { return false }
        let batch: SpanBatch
        do {
            batch = try SpanBatch(decoding: bytes)
        } catch {
            Issue.record("we refuse (\(error)) what protobuf-c reads: \(bytes)")
            return false
        }
        guard batch.spans.count + batch.rejectedSpans == oracle.spanCount else {
            Issue.record("\(batch.spans.count) of \(oracle.spanCount) spans: \(bytes)")
            return false
        }
        guard batch.rejectedSpans == 0 else { return false }
        let ours = DecodedRequest(batch).cutAtNUL()
        if String(describing: ours) != String(describing: theirs) {
            Issue.record("differs from protobuf-c: \(bytes)\nours \(ours)\ntheirs \(theirs)")
        }
        return true
    }
}
