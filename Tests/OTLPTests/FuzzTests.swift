import AgentTraffic
import OTLP
import OTLPTestSupport
import Testing

/// Everything that can be done with bytes from outside; must return for any bytes.
func fuzzOne(_ bytes: [UInt8]) {
    if let batch = try? SpanBatch(decoding: bytes) {
        let decoded = DecodedRequest(batch)
        guard let again = try? SpanBatch(decoding: batch.encoded()), isSame(DecodedRequest(again), decoded) else {
            Issue.record("a rewritten request differs from what was read: \(bytes)")
            return
        }
        guard let fromJSON = try? OTLPJSON.decode(OTLPJSON.encode(batch)),
            (try? SpanBatch(decoding: fromJSON))?.spans.count == batch.spans.count
        else {
            Issue.record("a request's JSON cannot be read: \(bytes)")
            return
        }
    }
    if let request = try? OTLPJSON.decode(bytes), (try? SpanBatch(decoding: request)) == nil,
        request.count > bytes.count
    {
        Issue.record("JSON became a larger request: \(bytes)")
    }
    _ = try? ExportResponse(decoding: bytes)
    _ = try? RPCStatus(decoding: bytes).retryDelay
    _ = try? ExportResponse(decodingJSON: bytes)
}

/// Equal, or different in no more than that a NaN equals nothing.
private func isSame(_ a: DecodedRequest, _ b: DecodedRequest) -> Bool {
    a == b || String(describing: a) == String(describing: b)
}

@Suite struct FuzzTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func damagedRequestsAreReadOrRefused(seed: UInt64) throws {
        var damage = Damage(seed: seed)
        var generator = RandomRequest(seed: seed)
        var traffic = AgentTraffic(seed: seed)
        let seeds = (0..<20).map { _ in generator.next() } + [traffic.request(spans: 3), traffic.trace()]
        for bytes in seeds {
            for _ in 0..<60 { fuzzOne(damage.apply(to: bytes)) }
        }
    }

    @Test(arguments: [5, 6] as [UInt64]) func damagedJSONIsReadOrRefused(seed: UInt64) throws {
        var damage = Damage(seed: seed)
        var generator = RandomRequest(seed: seed)
        for _ in 0..<20 {
            let json = OTLPJSON.encode(try SpanBatch(decoding: generator.next()))
            for _ in 0..<60 { fuzzOne(damage.apply(to: json)) }
        }
    }
}
