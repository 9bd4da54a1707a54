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
        text += " name \(Array(batch.slice(span.name))) state \(Array(batch.slice(span.traceState))) kind \(span.kind)"
        text += " status \(span.hasStatus) \(span.statusCode) \(Array(batch.slice(span.statusMessage)))"
        text += " flags \(span.flags) dropped \(span.droppedAttributesCount) \(span.droppedEventsCount)"
        text += " \(span.droppedLinksCount)" + Self.attributes(batch, span.attributes)
        for index in span.events.indices {
            let event = batch.events[index]
            text += " event \(event.time) \(Array(batch.slice(event.name))) \(event.droppedAttributesCount)"
            text += Self.attributes(batch, event.attributes)
        }
        for index in span.links.indices {
            let link = batch.links[index]
            text += " link \(link.traceID) \(link.spanID) \(Array(batch.slice(link.traceState))) \(link.flags)"
            text += " \(link.droppedAttributesCount)" + Self.attributes(batch, link.attributes)
        }
        if span.needsRaw { text += " raw \(Array(batch.slice(span.raw)))" }
        let scope = batch.scope(of: span)
        text += " scope \(Array(batch.slice(scope.name))) \(Array(batch.slice(scope.version)))"
        text += " \(Array(batch.slice(scope.schemaURL))) \(scope.droppedAttributesCount) \(scope.needsRaw)"
        text += " \(Array(batch.slice(scope.raw)))" + Self.attributes(batch, scope.attributes)
        let resource = batch.resource(of: span)
        text += " resource \(Array(batch.slice(resource.schemaURL))) \(resource.droppedAttributesCount)"
        text += " \(resource.needsRaw) \(Array(batch.slice(resource.raw)))"
        description = text + Self.attributes(batch, resource.attributes)
    }

    private static func attributes(_ batch: SpanBatch, _ rows: RowRange) -> String {
        batch.attributes[rows.indices].map { row in
            let value: String
            switch row.kind {
            case .string, .bytes, .array, .keyValueList: value = "\(Array(batch.slice(row.slice)))"
            default: value = "\(row.payload)"
            }
            return " \(Array(batch.slice(row.key)))=\(row.kind):\(value)"
        }.joined()
    }
}
