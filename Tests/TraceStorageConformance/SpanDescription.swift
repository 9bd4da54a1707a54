import OTLP

/// All that the rows of a span say, its resource and scope included; two spans are the same span exactly when these
/// are equal. Made by another way than the stores' own comparison, to hold it against.
package struct SpanDescription: Hashable, CustomStringConvertible {
    package let traceID: TraceID
    package let spanID: SpanID
    package let description: String

    package init(_ batch: SpanBatch, row: Int) {
        let span = batch.spans[row]
        traceID = span.traceID
        spanID = span.spanID
        var text = "\(span.traceID)/\(span.spanID)<\(span.parentSpanID) \(span.startTime)-\(span.endTime)"
        text +=
            " name \(Self.hex(batch.slice(span.name))) state \(Self.hex(batch.slice(span.traceState))) kind \(span.kind)"
        text += " status \(span.hasStatus) \(span.statusCode) \(Self.hex(batch.slice(span.statusMessage)))"
        text += " flags \(span.flags) dropped \(span.droppedAttributesCount) \(span.droppedEventsCount)"
        text += " \(span.droppedLinksCount)" + Self.attributes(batch, span.attributes)
        for index in span.events.indices {
            let event = batch.events[index]
            text += " event \(event.time) \(Self.hex(batch.slice(event.name))) \(event.droppedAttributesCount)"
            text += Self.attributes(batch, event.attributes)
        }
        for index in span.links.indices {
            let link = batch.links[index]
            text += " link \(link.traceID) \(link.spanID) \(Self.hex(batch.slice(link.traceState))) \(link.flags)"
            text += " \(link.droppedAttributesCount)" + Self.attributes(batch, link.attributes)
        }
        if span.needsRaw { text += " raw \(Self.hex(batch.slice(span.raw)))" }
        let scope = batch.scope(of: span)
        text += " scope \(Self.hex(batch.slice(scope.name))) \(Self.hex(batch.slice(scope.version)))"
        text += " \(Self.hex(batch.slice(scope.schemaURL))) \(scope.droppedAttributesCount) \(scope.needsRaw)"
        text += " \(Self.hex(batch.slice(scope.raw)))" + Self.attributes(batch, scope.attributes)
        let resource = batch.resource(of: span)
        text += " resource \(Self.hex(batch.slice(resource.schemaURL))) \(resource.droppedAttributesCount)"
        text += " \(resource.needsRaw) \(Self.hex(batch.slice(resource.raw)))"
        description = text + Self.attributes(batch, resource.attributes)
    }

    private static func attributes(_ batch: SpanBatch, _ rows: RowRange) -> String {
        batch.attributes[rows.indices].map { row in
            let value: String
            switch row.kind {
            case .string, .bytes, .array, .keyValueList: value = "\(Self.hex(batch.slice(row.slice)))"
            default: value = "\(row.payload)"
            }
            return " \(Self.hex(batch.slice(row.key)))=\(row.kind):\(value)"
        }.joined()
    }

    private static func hex(_ bytes: some Collection<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: bytes.count * 2) { text in
            for (index, byte) in bytes.enumerated() {
                text[index * 2] = digits[Int(byte >> 4)]
                text[index * 2 + 1] = digits[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }
}
