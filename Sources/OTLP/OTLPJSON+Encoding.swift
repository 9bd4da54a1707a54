extension OTLPJSON {
    /// The spans of a batch as one JSON object, `{"resourceSpans":[…]}`.
    ///
    /// - Parameter key: The name of the list; Tempo calls it `batches`.
    package static func encode(_ batch: SpanBatch, key: StaticString = "resourceSpans") -> [UInt8] {
        var json = JSONWriter(reservingCapacity: batch.bytes.count * 3)
        write(batch, key: key, to: &json)
        return json.takeBytes()
    }

    /// Writes the object of ``encode(_:key:)`` as a value, which a caller may wrap.
    ///
    /// Resources and scopes without spans are left out, members with default values as well. Text that is no UTF-8 is
    /// written with U+FFFD. Unknown protobuf fields have no JSON form and are left out.
    package static func write(_ batch: SpanBatch, key: StaticString = "resourceSpans", to json: inout JSONWriter) {
        var encoder = OTLPJSONEncoder(batch: batch, json: json)
        json = JSONWriter()
        encoder.resources(key)
        json = encoder.json
    }

    /// Writes one span of a batch as a `Span` object.
    package static func write(_ span: SpanRow, of batch: SpanBatch, to json: inout JSONWriter) {
        var encoder = OTLPJSONEncoder(batch: batch, json: json)
        json = JSONWriter()
        encoder.span(span)
        json = encoder.json
    }

    /// Writes an attribute's value as an `AnyValue` object.
    package static func write(_ value: AnyValue, to json: inout JSONWriter) {
        json.object { json in
            switch value {
            case .empty: break
            case .string(let text): json.string("stringValue", text)
            case .bool(let flag): json.bool("boolValue", flag)
            case .int(let number): json.int64String("intValue", number)
            case .double(let number): json.double("doubleValue", number)
            case .bytes(let content): json.base64("bytesValue", content[...])
            case .array(let elements):
                json.object("arrayValue") { json in
                    json.array("values") { json in
                        for element in elements { write(element, to: &json) }
                    }
                }
            case .keyValueList(let pairs):
                json.object("kvlistValue") { json in
                    json.array("values") { json in
                        for pair in pairs { write(pair, to: &json) }
                    }
                }
            }
        }
    }

    /// The `AnyValue` object as a text, such as `{"kvlistValue":{"values":[…]}}`.
    package static func text(_ value: AnyValue) -> String {
        var json = JSONWriter()
        write(value, to: &json)
        return String(decoding: json.takeBytes(), as: UTF8.self)
    }

    /// Writes a `KeyValue` object.
    package static func write(_ pair: KeyValue, to json: inout JSONWriter) {
        json.object { json in
            json.string("key", pair.key)
            json.key("value")
            write(pair.value, to: &json)
        }
    }
}

/// Writes the rows of one batch.
private struct OTLPJSONEncoder {
    let batch: SpanBatch
    var json: JSONWriter

    mutating func resources(_ key: StaticString) {
        json.beginObject()
        json.key(key)
        json.beginArray()
        for resource in batch.resources where resource.scopes.indices.contains(where: hasSpans) {
            json.beginObject()
            json.key("resource")
            json.beginObject()
            attributes(resource.attributes, resource.droppedAttributesCount)
            if resource.needsRaw { entityReferences(resource) }
            json.endObject()
            json.key("scopeSpans")
            json.beginArray()
            for index in resource.scopes.indices where hasSpans(index) { scope(batch.scopes[index]) }
            json.endArray()
            text("schemaUrl", resource.schemaURL)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }

    private func hasSpans(_ scope: Int) -> Bool { batch.scopes[scope].spans.count > 0 }

    private mutating func scope(_ scope: ScopeRow) {
        json.beginObject()
        json.key("scope")
        json.beginObject()
        text("name", scope.name)
        text("version", scope.version)
        attributes(scope.attributes, scope.droppedAttributesCount)
        json.endObject()
        json.key("spans")
        json.beginArray()
        for index in scope.spans.indices { span(batch.spans[index]) }
        json.endArray()
        text("schemaUrl", scope.schemaURL)
        json.endObject()
    }

    mutating func span(_ span: SpanRow) {
        json.beginObject()
        json.traceID("traceId", span.traceID)
        json.spanID("spanId", span.spanID)
        text("traceState", span.traceState)
        if span.parentSpanID.isValid { json.spanID("parentSpanId", span.parentSpanID) }
        count("flags", span.flags)
        text("name", span.name)
        if span.kind != 0 { json.int("kind", Int64(span.kind)) }
        time("startTimeUnixNano", span.startTime)
        time("endTimeUnixNano", span.endTime)
        attributes(span.attributes, span.droppedAttributesCount)
        if span.events.count > 0 {
            json.key("events")
            json.beginArray()
            for index in span.events.indices { event(batch.events[index]) }
            json.endArray()
        }
        count("droppedEventsCount", span.droppedEventsCount)
        if span.links.count > 0 {
            json.key("links")
            json.beginArray()
            for index in span.links.indices { link(batch.links[index]) }
            json.endArray()
        }
        count("droppedLinksCount", span.droppedLinksCount)
        if span.hasStatus {
            json.key("status")
            json.beginObject()
            text("message", span.statusMessage)
            if span.statusCode != 0 { json.int("code", Int64(span.statusCode)) }
            json.endObject()
        }
        json.endObject()
    }

    private mutating func event(_ event: EventRow) {
        json.beginObject()
        time("timeUnixNano", event.time)
        text("name", event.name)
        attributes(event.attributes, event.droppedAttributesCount)
        json.endObject()
    }

    private mutating func link(_ link: LinkRow) {
        json.beginObject()
        json.key("traceId")
        if link.traceID.isValid { json.traceID(link.traceID) } else { json.hex(rawID(Tag.Link.traceID, link)) }
        json.key("spanId")
        if link.spanID.isValid { json.spanID(link.spanID) } else { json.hex(rawID(Tag.Link.spanID, link)) }
        text("traceState", link.traceState)
        attributes(link.attributes, link.droppedAttributesCount)
        count("flags", link.flags)
        json.endObject()
    }

    /// A link's id as it was sent, which may be of any length.
    private func rawID(_ tag: UInt32, _ link: LinkRow) -> ArraySlice<UInt8> {
        batch.fields(tag, in: link.raw).last.map { batch.slice($0) } ?? []
    }

    private mutating func entityReferences(_ resource: ResourceRow) {
        let references = batch.fields(Tag.ResourceSpans.resource, in: resource.envelope)
            .flatMap { batch.fields(Tag.Resource.entityReferences, in: $0) }
        guard !references.isEmpty else { return }
        json.key("entityRefs")
        json.beginArray()
        for reference in references {
            json.beginObject()
            text("schemaUrl", batch.fields(Tag.EntityReference.schemaURL, in: reference).last ?? .empty)
            text("type", batch.fields(Tag.EntityReference.type, in: reference).last ?? .empty)
            texts("idKeys", batch.fields(Tag.EntityReference.idKeys, in: reference))
            texts("descriptionKeys", batch.fields(Tag.EntityReference.descriptionKeys, in: reference))
            json.endObject()
        }
        json.endArray()
    }

    // MARK: parts

    private mutating func attributes(_ rows: RowRange, _ dropped: UInt32) {
        if rows.count > 0 {
            json.key("attributes")
            json.beginArray()
            for index in rows.indices { attribute(batch.attributes[index]) }
            json.endArray()
        }
        count("droppedAttributesCount", dropped)
    }

    private mutating func attribute(_ row: AttributeRow) {
        json.beginObject()
        json.utf8("key", batch.slice(row.key))
        if row.kind != .absent {
            json.key("value")
            switch row.kind {
            case .string:
                json.beginObject()
                json.utf8("stringValue", batch.slice(row.slice))
                json.endObject()
            case .int:
                json.beginObject()
                json.int64String("intValue", row.int)
                json.endObject()
            default: OTLPJSON.write(batch.value(of: row), to: &json)
            }
        }
        json.endObject()
    }

    private mutating func text(_ key: StaticString, _ range: ByteRange) {
        if !range.isEmpty { json.utf8(key, batch.slice(range)) }
    }

    private mutating func texts(_ key: StaticString, _ ranges: [ByteRange]) {
        guard !ranges.isEmpty else { return }
        json.key(key)
        json.beginArray()
        for range in ranges { json.utf8(batch.slice(range)) }
        json.endArray()
    }

    private mutating func time(_ key: StaticString, _ value: UInt64) {
        if value != 0 { json.int64String(key, value) }
    }

    private mutating func count(_ key: StaticString, _ value: UInt32) {
        if value != 0 { json.int(key, UInt64(value)) }
    }
}
