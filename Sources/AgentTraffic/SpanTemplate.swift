import OTLP

/// A `Span` in protobuf, framed as a field of `ScopeSpans`, with gaps of fixed width that are filled for each span.
struct SpanTemplate: Sendable {
    /// A gap: where it is and what belongs into it.
    struct Slot: Sendable {
        enum Content: Sendable {
            case traceID
            case spanID
            case parentSpanID
            case startTime
            case endTime
            /// The digits of the trace's conversation.
            case conversation
            /// The digits of the user whose conversation it is.
            case user
            /// So many random hexadecimal digits.
            case hex(count: Int)
            /// A varint of two bytes, at least `from` and less than `from + count`, all within 128..<16384.
            case number(from: Int, count: Int)
            /// The same, as the tokens of a call.
            case tokens(Tokens, from: Int, count: Int)
            /// The tokens of the calls right below, which come to a varint of two bytes.
            case tokenSum(Tokens)
            /// A double in milliseconds under this one.
            case double(below: Int)
        }

        enum Tokens: Int, Sendable {
            case input, output
        }

        var offset: Int
        let content: Content
    }

    let bytes: [UInt8]
    let slots: [Slot]

    init(_ build: (inout SpanTemplateBuilder) -> Void) {
        var span = SpanTemplateBuilder()
        build(&span)
        var frame = SpanTemplateBuilder()
        frame.append(2, span)
        bytes = frame.writer.bytes
        slots = frame.slots
    }
}

/// Writes protobuf fields and notes where the gaps are.
struct SpanTemplateBuilder {
    private(set) var writer = WireWriter()
    private(set) var slots: [SpanTemplate.Slot] = []

    /// Ids, name, kind and times.
    mutating func head(_ name: String, kind: UInt64, isRoot: Bool = false) {
        slot(1, .traceID, width: 16)
        slot(2, .spanID, width: 8)
        if !isRoot { slot(4, .parentSpanID, width: 8) }
        writer.string(5, name)
        writer.varint(6, kind)
        writer.tag(7, WireType.fixed64)
        gap(.startTime, width: 8)
        writer.tag(8, WireType.fixed64)
        gap(.endTime, width: 8)
        writer.fixed32(16, isRoot ? 0x101 : 0x301)
    }

    mutating func attribute(_ key: String, _ value: AnyValue) {
        writer.keyValue(9, KeyValue(key, value))
    }

    mutating func attribute(_ key: String, prefix: String = "", hex count: Int) {
        attribute(key, prefix: prefix, .hex(count: count), digits: count)
    }

    mutating func conversation(_ key: String, prefix: String) {
        attribute(key, prefix: prefix, .conversation, digits: AgentTraffic.conversationDigits)
    }

    mutating func user(_ key: String, prefix: String) {
        attribute(key, prefix: prefix, .user, digits: AgentTraffic.userDigits)
    }

    mutating func attribute(_ key: String, number range: Range<Int>) {
        attribute(key, .number(from: range.lowerBound, count: range.count), in: range)
    }

    /// The tokens of a call; an agent makes at most three, so that their sum fits too.
    mutating func tokens(_ key: String, _ tokens: SpanTemplate.Slot.Tokens, _ range: Range<Int>) {
        precondition(range.upperBound * 3 <= 16_384, "a sum must be a varint of two bytes")
        attribute(key, .tokens(tokens, from: range.lowerBound, count: range.count), in: range)
    }

    mutating func tokenSum(_ key: String, _ tokens: SpanTemplate.Slot.Tokens) {
        attribute(key, .tokenSum(tokens), in: 128..<16_384)
    }

    private mutating func attribute(_ key: String, _ content: SpanTemplate.Slot.Content, in range: Range<Int>) {
        precondition(range.lowerBound >= 128 && range.upperBound <= 16_384, "a number must be a varint of two bytes")
        attribute(key) { value in
            value.writer.tag(3, WireType.varint)
            value.gap(content, width: 2)
        }
    }

    mutating func attribute(_ key: String, doubleBelow bound: Int) {
        attribute(key) { value in
            value.writer.tag(4, WireType.fixed64)
            value.gap(.double(below: bound), width: 8)
        }
    }

    /// Sets the status to an error and adds the exception event that goes with it.
    mutating func error(_ type: String, _ message: String) {
        attribute("error.type", .string(type))
        var event = SpanTemplateBuilder()
        event.writer.tag(1, WireType.fixed64)
        event.gap(.endTime, width: 8)
        event.writer.string(2, "exception")
        event.writer.keyValue(3, KeyValue("exception.type", .string(type)))
        event.writer.keyValue(3, KeyValue("exception.message", .string(message)))
        append(11, event)
        writer.message(15) { status in
            status.string(2, message)
            status.varint(3, 2)
        }
    }

    mutating func append(_ field: UInt32, _ part: SpanTemplateBuilder) {
        writer.bytes(field, part.writer.bytes)
        let start = writer.bytes.count - part.writer.bytes.count
        slots += part.slots.map { SpanTemplate.Slot(offset: $0.offset + start, content: $0.content) }
    }

    private mutating func attribute(_ key: String, _ build: (inout SpanTemplateBuilder) -> Void) {
        var value = SpanTemplateBuilder()
        build(&value)
        var pair = SpanTemplateBuilder()
        pair.writer.string(1, key)
        pair.append(2, value)
        append(9, pair)
    }

    private mutating func attribute(
        _ key: String, prefix: String, _ content: SpanTemplate.Slot.Content, digits: Int
    ) {
        attribute(key) { value in
            value.writer.tag(1, WireType.lengthDelimited)
            value.writer.varint(UInt64(prefix.utf8.count + digits))
            value.writer.raw(prefix.utf8)
            value.gap(content, width: digits)
        }
    }

    private mutating func slot(_ field: UInt32, _ content: SpanTemplate.Slot.Content, width: Int) {
        writer.tag(field, WireType.lengthDelimited)
        writer.varint(UInt64(width))
        gap(content, width: width)
    }

    private mutating func gap(_ content: SpanTemplate.Slot.Content, width: Int) {
        slots.append(SpanTemplate.Slot(offset: writer.bytes.count, content: content))
        writer.raw(repeatElement(0, count: width))
    }
}
