import OTLP
import TraceStorage

/// A span to be written as OTLP in a test.
package struct SpanFixture: Sendable {
    package struct Event: Sendable {
        package var name: String
        package var time: UInt64
        package var attributes: [KeyValue]

        package init(_ name: String, time: UInt64 = 0, attributes: [KeyValue] = []) {
            self.name = name
            self.time = time
            self.attributes = attributes
        }
    }

    package struct Link: Sendable {
        package var traceID: TraceID
        package var spanID: SpanID
        package var attributes: [KeyValue]

        package init(_ traceID: TraceID, _ spanID: SpanID, attributes: [KeyValue] = []) {
            self.traceID = traceID
            self.spanID = spanID
            self.attributes = attributes
        }
    }

    package var resource: [KeyValue]
    package var scope = ""
    package var traceID = TraceID(high: 1, low: 1)
    package var spanID: SpanID
    package var parent = SpanID.invalid
    package var name: [UInt8]
    package var kind: Int32 = 2
    package var status: Int32 = 0
    package var statusMessage = ""
    package var start: UInt64 = 1_000
    package var end: UInt64 = 2_000
    package var traceState = ""
    package var attributes: [KeyValue] = []
    package var events: [Event] = []
    package var links: [Link] = []

    package init(_ name: String, service: String? = "shop", id: UInt64 = 1, parent: UInt64 = 0) {
        resource = service.map { [KeyValue("service.name", .string($0))] } ?? []
        spanID = SpanID(id)
        self.parent = SpanID(parent)
        self.name = Array(name.utf8)
    }

    /// The same span with some members set.
    package func with(_ change: (inout SpanFixture) -> Void) -> SpanFixture {
        var copy = self
        change(&copy)
        return copy
    }

    fileprivate func write(to writer: inout WireWriter) {
        writer.traceID(1, traceID)
        writer.spanID(2, spanID)
        if !traceState.isEmpty { writer.string(3, traceState) }
        if parent.isValid { writer.spanID(4, parent) }
        writer.bytes(5, name)
        writer.varint(6, UInt64(bitPattern: Int64(kind)))
        writer.fixed64(7, start)
        writer.fixed64(8, end)
        for attribute in attributes { writer.keyValue(9, attribute) }
        for event in events {
            writer.message(11) { writer in
                writer.fixed64(1, event.time)
                writer.string(2, event.name)
                for attribute in event.attributes { writer.keyValue(3, attribute) }
            }
        }
        for link in links {
            writer.message(13) { writer in
                writer.traceID(1, link.traceID)
                writer.spanID(2, link.spanID)
                for attribute in link.attributes { writer.keyValue(4, attribute) }
            }
        }
        writer.message(15) { writer in
            if !statusMessage.isEmpty { writer.string(2, statusMessage) }
            if status != 0 { writer.varint(3, UInt64(bitPattern: Int64(status))) }
        }
    }
}

extension SpanBatch {
    /// A batch of spans; neighbours with one resource and scope share them.
    package static func of(_ spans: [SpanFixture]) throws -> SpanBatch {
        var writer = WireWriter()
        var rest = spans[...]
        while let first = rest.first {
            let run = rest.prefix { $0.resource == first.resource && $0.scope == first.scope }
            rest = rest.dropFirst(run.count)
            writer.message(1) { writer in
                writer.message(1) { writer in
                    for attribute in first.resource { writer.keyValue(1, attribute) }
                }
                writer.message(2) { writer in
                    writer.message(1) { $0.string(1, first.scope) }
                    for span in run { writer.message(2) { span.write(to: &$0) } }
                }
            }
        }
        return try SpanBatch(decoding: writer.takeBytes())
    }
}

extension StoredBatch {
    package static func of(_ spans: [SpanFixture], position: UInt64, receivedAt: UInt64 = 0) throws -> StoredBatch {
        StoredBatch(batch: try .of(spans), position: JournalPosition(position), receivedAt: receivedAt)
    }
}

/// Random numbers that a seed repeats (SplitMix64).
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
