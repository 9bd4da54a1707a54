import AgentTraffic
import OTLP

/// Makes valid but odd requests from a seed: every field, every kind of value, members in any order, scalars sent
/// twice, unknown fields and text of all sorts.
package struct RandomRequest {
    private var random: SeededRandom
    private let hasUnknownFields: Bool

    package init(seed: UInt64, unknownFields: Bool = true) {
        random = SeededRandom(seed: seed)
        hasUnknownFields = unknownFields
    }

    /// A serialized `ExportTraceServiceRequest` of at most some dozen spans, all with valid ids.
    package mutating func next() -> [UInt8] {
        message(repeated(3) { random, writer in random.resourceSpans(&writer) })
    }

    private typealias Part = (inout RandomRequest, inout WireWriter) -> Void

    /// Writes the parts in any order, an unknown field now and then between them.
    private mutating func message(_ parts: [Part]) -> [UInt8] {
        var writer = WireWriter()
        for part in parts.shuffled(using: &random) {
            part(&self, &writer)
            if hasUnknownFields, random.below(12) == 0 { unknown(&writer) }
        }
        return writer.takeBytes()
    }

    private mutating func repeated(_ most: Int, _ part: @escaping Part) -> [Part] {
        Array(repeating: part, count: random.below(most + 1))
    }

    private mutating func resourceSpans(_ writer: inout WireWriter) {
        let resource: Part = { random, writer in
            let parts = random.attributes(1, most: 4) + random.number(2)
            writer.bytes(1, random.message(parts))
        }
        let scopes = repeated(3) { random, writer in random.scopeSpans(&writer) }
        writer.bytes(1, message(scopes + maybe(resource) + text(3)))
    }

    private mutating func scopeSpans(_ writer: inout WireWriter) {
        let scope: Part = { random, writer in
            let parts = random.text(1) + random.text(2) + random.attributes(3, most: 2) + random.number(4)
            writer.bytes(1, random.message(parts))
        }
        let spans = repeated(6) { random, writer in random.span(&writer) }
        writer.bytes(2, message(spans + maybe(scope) + text(3)))
    }

    private mutating func span(_ writer: inout WireWriter) {
        var parts: [Part] = [
            { random, writer in writer.traceID(1, TraceID(high: random.random.next(), low: random.random.next() | 1)) },
            { random, writer in writer.spanID(2, SpanID(random.random.next() | 1)) },
        ]
        parts += maybe { random, writer in writer.spanID(4, SpanID(random.random.next())) }
        parts += text(3) + text(5) + number(10) + number(12) + number(14)
        parts += twice { random, writer in writer.varint(6, UInt64(random.random.below(9))) }
        parts += twice { random, writer in writer.fixed64(7, random.random.next()) }
        parts += twice { random, writer in writer.fixed64(8, random.random.next()) }
        parts += maybe { random, writer in writer.fixed32(16, UInt32(truncatingIfNeeded: random.random.next())) }
        parts += attributes(9, most: 14)
        parts += repeated(3) { random, writer in
            var parts = random.text(2) + random.attributes(3, most: 3) + random.number(4)
            parts += random.maybe { random, writer in writer.fixed64(1, random.random.next()) }
            writer.bytes(11, random.message(parts))
        }
        parts += repeated(2) { random, writer in
            var parts = random.text(3) + random.attributes(4, most: 2) + random.number(5)
            parts.append { random, writer in writer.traceID(1, TraceID(high: 1, low: random.random.next())) }
            parts.append { random, writer in writer.spanID(2, SpanID(random.random.next() | 1)) }
            parts += random.maybe { random, writer in writer.fixed32(6, 0x301) }
            writer.bytes(13, random.message(parts))
        }
        parts += maybe { random, writer in
            var parts = random.text(2)
            parts += random.maybe { random, writer in writer.varint(3, UInt64(random.random.below(5))) }
            writer.bytes(15, random.message(parts))
        }
        writer.bytes(2, message(parts))
    }

    // MARK: parts

    private mutating func maybe(_ part: @escaping Part) -> [Part] {
        random.below(4) > 0 ? [part] : []
    }

    /// A scalar that now and then is sent again; the last one counts.
    private mutating func twice(_ part: @escaping Part) -> [Part] {
        Array(repeating: part, count: random.below(10) == 0 ? 2 : random.below(8) == 0 ? 0 : 1)
    }

    private mutating func text(_ field: UInt32) -> [Part] {
        twice { random, writer in writer.string(field, random.someText()) }
    }

    private mutating func number(_ field: UInt32) -> [Part] {
        random.below(4) == 0 ? [{ random, writer in writer.varint(field, UInt64(random.random.below(1 << 31))) }] : []
    }

    private mutating func attributes(_ field: UInt32, most: Int) -> [Part] {
        repeated(most) { random, writer in
            let key: Part = { random, writer in writer.string(1, random.someText()) }
            let value: Part = { random, writer in writer.bytes(2, random.anyValue(depth: 0)) }
            writer.bytes(field, random.message([key] + random.maybe(value)))
        }
    }

    private mutating func anyValue(depth: Int) -> [UInt8] {
        var writer = WireWriter()
        switch random.below(depth > 4 ? 6 : 8) {
        case 0: break
        case 1: writer.string(1, someText())
        case 2: writer.varint(2, UInt64(random.below(2)))
        case 3: writer.varint(3, random.next() >> UInt64(random.below(64)))
        case 4: writer.fixed64(4, double().bitPattern)
        case 5: writer.bytes(7, (0..<random.below(9)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        case 6:
            let values = repeated(4) { random, writer in writer.bytes(1, random.anyValue(depth: depth + 1)) }
            writer.bytes(5, message(values))
        default:
            let pairs = repeated(3) { random, writer in
                let key: Part = { random, writer in writer.string(1, random.someText()) }
                let value: Part = { random, writer in writer.bytes(2, random.anyValue(depth: depth + 1)) }
                writer.bytes(1, random.message([key, value]))
            }
            writer.bytes(6, message(pairs))
        }
        if hasUnknownFields, random.below(30) == 0 { unknown(&writer) }
        return writer.takeBytes()
    }

    private mutating func double() -> Double {
        switch random.below(6) {
        case 0: 0
        case 1: .infinity
        case 2: -.infinity
        case 3: Double(Int64(bitPattern: random.next()) >> 40)
        case 4: 0.1 * Double(random.below(1_000))
        default: Double(sign: .plus, exponent: random.below(600) - 300, significand: 1 + Double(random.below(1 << 30)))
        }
    }

    private mutating func someText() -> String {
        let words = [
            "", "a", "gen_ai.usage.input_tokens", "quote \" backslash \\ slash /", "line\nbreak\ttab\r",
            "\u{0}\u{1F}\u{7F}",
            "Grüße", "日本語", "🧵 skein", "\u{2028}\u{FFFD}", String(repeating: "long text ", count: 20),
        ]
        return words[random.below(words.count)]
    }

    private mutating func unknown(_ writer: inout WireWriter) {
        let field = UInt32(1_000 + random.below(1_000_000))
        switch random.below(4) {
        case 0: writer.varint(field, random.next())
        case 1: writer.fixed64(field, random.next())
        case 2: writer.fixed32(field, 7)
        default: writer.string(field, someText())
        }
    }
}
