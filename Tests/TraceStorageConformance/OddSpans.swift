import OTLP

/// Requests full of what OTLP allows and SDKs seldom send: duplicate and empty keys, nested values, attributes
/// without value, text that is no UTF-8, unknown fields and enum values, explicit defaults, fields out of order.
package struct OddSpans {
    package var random: SeededRandom
    /// Traces that spans are spread over, so that they come back in later requests.
    private var traces: [TraceID] = []
    private var spans: [SpanID] = []
    private static let base: UInt64 = 1_760_000_000_000_000_000

    package init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        for _ in 0..<12 { traces.append(TraceID(high: random.next(), low: random.next() | 1)) }
        // Ids that share their first half, to be told apart by the second.
        for low in 1...3 { traces.append(TraceID(high: 7, low: UInt64(low))) }
        traces.append(TraceID(high: 0, low: 1))
        traces.append(TraceID(high: .max, low: .max))
    }

    /// A serialized request with about this many spans.
    package mutating func request(spans count: Int) -> [UInt8] {
        var writer = WireWriter()
        var left = count
        while left > 0 {
            let inResource = min(left, random.number(1..<12))
            left -= inResource
            resourceSpans(inResource, &writer)
        }
        if random.oneIn(4) { writer.varint(77, 5) }
        return writer.takeBytes()
    }

    private mutating func resourceSpans(_ count: Int, _ writer: inout WireWriter) {
        var content = WireWriter()
        if !random.oneIn(6) {
            var resource = WireWriter()
            resource.keyValue(1, KeyValue("service.name", .string(random.pick(["gateway", "worker", "planner", ""]))))
            for _ in 0..<random.number(0..<4) { attribute(1, &resource) }
            if random.oneIn(4) { resource.varint(2, UInt64(random.number(0..<9))) }
            if random.oneIn(6) { resource.bytes(3, [1, 2, 3]) }
            content.bytes(1, resource.takeBytes())
        }
        if random.oneIn(3) { content.string(3, random.pick(["https://schema/1", "https://schema/2", ""])) }
        if random.oneIn(9) { content.fixed32(60, 9) }
        let split = random.number(0..<count + 1)
        for part in [split, count - split] where part > 0 { scopeSpans(part, &content) }
        writer.bytes(1, content.takeBytes())
    }

    private mutating func scopeSpans(_ count: Int, _ writer: inout WireWriter) {
        var content = WireWriter()
        let scopeLast = random.oneIn(5)
        var scope = WireWriter()
        scope.string(1, random.pick(["agents", "http", ""]))
        if random.oneIn(2) { scope.string(2, random.pick(["1.0", "2.0"])) }
        for _ in 0..<random.number(0..<3) { attribute(3, &scope) }
        if random.oneIn(5) { scope.varint(4, 3) }
        if random.oneIn(8) { scope.string(50, "future") }
        let hasScope = !random.oneIn(6)
        if hasScope, !scopeLast { content.bytes(1, scope.bytes) }
        for _ in 0..<count { content.bytes(2, span()) }
        if hasScope, scopeLast { content.bytes(1, scope.bytes) }
        if random.oneIn(3) { content.string(3, "https://scope/1") }
        writer.bytes(2, content.takeBytes())
    }

    /// One `Span` message.
    package mutating func span() -> [UInt8] {
        let id = random.oneIn(20) ? (spans.last ?? SpanID(5)) : SpanID(random.next() | 1)
        spans.append(id)
        var fields: [[UInt8]] = []
        func field(_ body: (inout WireWriter) -> Void) {
            var writer = WireWriter()
            body(&writer)
            fields.append(writer.takeBytes())
        }
        let trace = random.pick(traces)
        field { $0.traceID(1, trace) }
        field { $0.spanID(2, id) }
        if random.oneIn(3) {
            let state = random.pick(["ot=th:8", "a=b,ot=rv:00;th:c", "vendor=x", ""])
            field { $0.string(3, state) }
        }
        let parent = random.oneIn(2) ? random.pick(spans) : SpanID(random.next())
        if !random.oneIn(4) { field { $0.spanID(4, parent) } }
        let name = random.pick(["chat", "execute_tool", "invoke_agent", "", "wéird", "GET /\(random.number(0..<99))"])
        field { $0.string(5, name) }
        if !random.oneIn(5) {
            let kind = random.pick([0, 1, 2, 3, 4, 5, 99, UInt64(bitPattern: -3)])
            field { $0.varint(6, kind) }
        }
        times(&fields)
        if random.oneIn(3) { shuffledRest(&fields) } else { rest(&fields) }
        if random.oneIn(6) { fields.shuffle(using: &random) }
        return Array(fields.joined())
    }

    private mutating func times(_ fields: inout [[UInt8]]) {
        var start = Self.base &+ UInt64(random.number(0..<3_600)) &* 1_000_000_000 &+ UInt64(random.number(0..<999))
        var end = start &+ UInt64(random.number(0..<5_000_000_000))
        switch random.number(0..<20) {
        case 0: end = start &- 5
        case 1: (start, end) = (0, .max)
        case 2: (start, end) = (.max, 0)
        case 3: (start, end) = (0, 0)
        default: break
        }
        var writer = WireWriter()
        writer.fixed64(7, start)
        fields.append(writer.takeBytes())
        writer.fixed64(8, end)
        fields.append(writer.takeBytes())
    }

    private mutating func shuffledRest(_ fields: inout [[UInt8]]) {
        var more: [[UInt8]] = []
        rest(&more)
        fields += more
    }

    private mutating func rest(_ fields: inout [[UInt8]]) {
        for _ in 0..<random.number(0..<9) {
            var writer = WireWriter()
            attribute(9, &writer)
            fields.append(writer.takeBytes())
        }
        var writer = WireWriter()
        if random.oneIn(6) { writer.varint(10, UInt64(random.number(0..<4))) }
        for _ in 0..<(random.oneIn(3) ? random.number(0..<4) : 0) { event(&writer) }
        if random.oneIn(6) { writer.varint(12, 1) }
        for _ in 0..<(random.oneIn(4) ? random.number(0..<3) : 0) { link(&writer) }
        if random.oneIn(6) { writer.varint(14, UInt64(UInt32.max)) }
        status(&writer)
        if random.oneIn(2) { writer.fixed32(16, UInt32(truncatingIfNeeded: random.next())) }
        if random.oneIn(12) { writer.string(900, "unknown") }
        fields.append(writer.takeBytes())
    }

    private mutating func status(_ writer: inout WireWriter) {
        switch random.number(0..<6) {
        case 0: writer.bytes(15, [])
        case 1: writer.message(15) { $0.varint(3, 1) }
        case 2:
            writer.message(15) { writer in
                writer.string(2, "it broke")
                writer.varint(3, 2)
            }
        case 3: writer.message(15) { $0.varint(3, 17) }
        default: break
        }
    }

    private mutating func event(_ writer: inout WireWriter) {
        var content = WireWriter()
        content.fixed64(1, random.oneIn(5) ? random.next() : Self.base &+ UInt64(random.number(0..<9_999_999)))
        content.string(2, random.pick(["exception", "retry", ""]))
        for _ in 0..<random.number(0..<4) { attribute(3, &content) }
        if random.oneIn(5) { content.varint(4, 2) }
        if random.oneIn(15) { content.varint(90, 1) }
        writer.bytes(11, content.takeBytes())
    }

    private mutating func link(_ writer: inout WireWriter) {
        var content = WireWriter()
        if !random.oneIn(5) { content.traceID(1, random.pick(traces)) }
        if random.oneIn(9) {
            content.bytes(2, [1, 2, 3])
        } else {
            content.spanID(2, SpanID(random.next()))
        }
        if random.oneIn(3) { content.string(3, "link=state") }
        for _ in 0..<random.number(0..<3) { attribute(4, &content) }
        if random.oneIn(5) { content.varint(5, 1) }
        if random.oneIn(3) { content.fixed32(6, 0x301) }
        writer.bytes(13, content.takeBytes())
    }

    private mutating func attribute(_ field: UInt32, _ writer: inout WireWriter) {
        let key = random.pick([
            "gen_ai.request.model", "gen_ai.usage.input_tokens", "http.status", "user.id", "flag", "ratio", "tags", "",
            "k",
        ])
        if random.oneIn(15) {
            // A key alone, then a value without content: not the same thing.
            let hasValue = random.oneIn(2)
            writer.message(field) { writer in
                writer.string(1, key)
                if hasValue { writer.bytes(2, []) }
            }
            return
        }
        let value = value(depth: 0)
        let invalid = random.oneIn(20)
        writer.message(field) { writer in
            writer.string(1, key)
            writer.message(2) { writer in
                if invalid { writer.bytes(1, [0xFF, 0xFE, 0x41]) } else { writer.anyValue(value) }
            }
        }
    }

    private mutating func value(depth: Int) -> AnyValue {
        switch random.number(0..<(depth > 2 ? 6 : 9)) {
        case 0, 1:
            .string(random.pick(["gpt-x", "claude-x", "200", "", "a long text that is no id \(random.number(0..<9))"]))
        case 2: .string("id-\(random.next())")
        case 3: .int(Int64(random.pick([0, 200, 404, -7, Int(Int64.min), Int(Int64.max), 1024])))
        case 4: .double(random.pick([0.5, -0.0, 200, .infinity, .nan, 1e300]))
        case 5: .bool(random.oneIn(2))
        case 6: .bytes((0..<random.number(0..<5)).map { UInt8($0) })
        case 7: .array((0..<random.number(0..<4)).map { _ in value(depth: depth + 1) })
        default:
            .keyValueList((0..<random.number(0..<3)).map { KeyValue("k\($0 % 2)", value(depth: depth + 1)) })
        }
    }
}
