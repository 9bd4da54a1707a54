import CSkeinProto
import OTLP

/// A request as protobuf-c reads it.
///
/// protobuf-c ends text at its first NUL byte; ``DecodedRequest/cutAtNUL()`` does the same to ours.
package struct ProtobufCOracle {
    /// Nil when protobuf-c, or the guard before it, refuses the bytes.
    package let decoded: DecodedRequest?
    /// Spans of any kind, those without valid ids included.
    package private(set) var spanCount = 0

    package init(_ bytes: [UInt8]) {
        // Far over what a test sends; the cap itself is not what is compared.
        let arena = skein_arena_create(1 << 30)
        defer { skein_arena_destroy(arena) }
        var message: UnsafeMutablePointer<ProtobufCMessage>?
        let result = bytes.withUnsafeBufferPointer { buffer in
            skein_guard_unpack(
                opentelemetry__proto__collector__trace__v1__export_trace_service_request__type(), buffer.baseAddress,
                buffer.count, skein_guard_default_limits(), arena, &message)
        }
        guard result == SKEIN_GUARD_OK, let message else {
            decoded = nil
            return
        }
        let request = UnsafeRawPointer(message)
            .load(as: Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest.self)
        var all = DecodedRequest(SpanBatch.empty)
        all.resources = list(request.resource_spans, request.n_resource_spans).map(resource)
        spanCount = all.spans.count
        for index in all.resources.indices { all.resources[index].scopes.removeAll(where: \.spans.isEmpty) }
        all.resources.removeAll(where: \.scopes.isEmpty)
        decoded = all
    }
}

extension DecodedRequest {
    /// The same with each text cut at its first NUL.
    package func cutAtNUL() -> DecodedRequest {
        var result = self
        for r in result.resources.indices {
            OTLPTestSupport.cut(&result.resources[r].schemaURL)
            OTLPTestSupport.cut(&result.resources[r].attributes)
            for s in result.resources[r].scopes.indices { Self.cut(&result.resources[r].scopes[s]) }
        }
        return result
    }

    private static func cut(_ scope: inout Scope) {
        OTLPTestSupport.cut(&scope.name)
        OTLPTestSupport.cut(&scope.version)
        OTLPTestSupport.cut(&scope.schemaURL)
        OTLPTestSupport.cut(&scope.attributes)
        for index in scope.spans.indices { cut(&scope.spans[index]) }
    }

    private static func cut(_ span: inout Span) {
        OTLPTestSupport.cut(&span.name)
        OTLPTestSupport.cut(&span.traceState)
        OTLPTestSupport.cut(&span.statusMessage)
        OTLPTestSupport.cut(&span.attributes)
        for index in span.events.indices {
            OTLPTestSupport.cut(&span.events[index].name)
            OTLPTestSupport.cut(&span.events[index].attributes)
        }
        for index in span.links.indices {
            OTLPTestSupport.cut(&span.links[index].traceState)
            OTLPTestSupport.cut(&span.links[index].attributes)
        }
    }
}

private func cut(_ text: inout String) {
    if let end = text.utf8.firstIndex(of: 0) { text = String(text[..<end]) }
}

private func cut(_ pairs: inout [KeyValue]) {
    for index in pairs.indices {
        cut(&pairs[index].key)
        cut(&pairs[index].value)
    }
}

private func cut(_ value: inout AnyValue) {
    switch value {
    case .string(var text):
        cut(&text)
        value = .string(text)
    case .array(var elements):
        for index in elements.indices { cut(&elements[index]) }
        value = .array(elements)
    case .keyValueList(var pairs):
        cut(&pairs)
        value = .keyValueList(pairs)
    default: break
    }
}

// MARK: protobuf-c's structs

private typealias Pointers<Message> = UnsafeMutablePointer<UnsafeMutablePointer<Message>?>?

private func list<Message>(_ pointers: Pointers<Message>, _ count: Int) -> [Message] {
    UnsafeBufferPointer(start: pointers, count: count).compactMap { $0?.pointee }
}

private func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
}

private func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
    Array(UnsafeBufferPointer(start: data.data, count: data.len))
}

private func number(_ data: ProtobufCBinaryData, from: Int = 0, of length: Int) -> UInt64 {
    guard data.len == length else { return 0 }
    return bytes(data)[from..<from + 8].reduce(0) { $0 << 8 | UInt64($1) }
}

private func traceID(_ data: ProtobufCBinaryData) -> TraceID {
    TraceID(high: number(data, of: 16), low: number(data, from: 8, of: 16))
}

private func resource(_ message: Opentelemetry__Proto__Trace__V1__ResourceSpans) -> DecodedRequest.Resource {
    let resource = message.resource?.pointee
    return DecodedRequest.Resource(
        schemaURL: text(message.schema_url),
        attributes: resource.map { keyValues($0.attributes, $0.n_attributes) } ?? [],
        dropped: resource?.dropped_attributes_count ?? 0,
        scopes: list(message.scope_spans, message.n_scope_spans).map(scope))
}

private func scope(_ message: Opentelemetry__Proto__Trace__V1__ScopeSpans) -> DecodedRequest.Scope {
    let scope = message.scope?.pointee
    return DecodedRequest.Scope(
        name: text(scope?.name), version: text(scope?.version), schemaURL: text(message.schema_url),
        attributes: scope.map { keyValues($0.attributes, $0.n_attributes) } ?? [],
        dropped: scope?.dropped_attributes_count ?? 0, spans: list(message.spans, message.n_spans).map(span))
}

private func span(_ message: Opentelemetry__Proto__Trace__V1__Span) -> DecodedRequest.Span {
    let status = message.status?.pointee
    return DecodedRequest.Span(
        traceID: traceID(message.trace_id), spanID: SpanID(number(message.span_id, of: 8)),
        parentSpanID: SpanID(number(message.parent_span_id, of: 8)), traceState: text(message.trace_state),
        name: text(message.name), kind: Int32(truncatingIfNeeded: message.kind.rawValue),
        times: [message.start_time_unix_nano, message.end_time_unix_nano],
        attributes: keyValues(message.attributes, message.n_attributes),
        events: list(message.events, message.n_events).map {
            DecodedRequest.Event(
                time: $0.time_unix_nano, name: text($0.name), attributes: keyValues($0.attributes, $0.n_attributes),
                dropped: $0.dropped_attributes_count)
        },
        links: list(message.links, message.n_links).map {
            DecodedRequest.Link(
                traceID: traceID($0.trace_id), spanID: SpanID(number($0.span_id, of: 8)),
                traceState: text($0.trace_state), attributes: keyValues($0.attributes, $0.n_attributes),
                dropped: $0.dropped_attributes_count, flags: $0.flags)
        },
        dropped: [message.dropped_attributes_count, message.dropped_events_count, message.dropped_links_count],
        hasStatus: status != nil, statusCode: Int32(truncatingIfNeeded: status?.code.rawValue ?? .init(0)),
        statusMessage: text(status?.message), flags: message.flags)
}

private func keyValues(
    _ pointers: Pointers<Opentelemetry__Proto__Common__V1__KeyValue>, _ count: Int
) -> [KeyValue] {
    list(pointers, count).map { KeyValue(text($0.key), $0.value.map { value($0.pointee) } ?? .empty) }
}

private func value(_ message: Opentelemetry__Proto__Common__V1__AnyValue) -> AnyValue {
    switch message.value_case {
    case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE: .string(text(message.string_value))
    case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE: .bool(message.bool_value != 0)
    case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE: .int(message.int_value)
    case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_DOUBLE_VALUE: .double(message.double_value)
    case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BYTES_VALUE: .bytes(bytes(message.bytes_value))
    case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_ARRAY_VALUE:
        .array(list(message.array_value.pointee.values, message.array_value.pointee.n_values).map(value))
    case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_KVLIST_VALUE:
        .keyValueList(keyValues(message.kvlist_value.pointee.values, message.kvlist_value.pointee.n_values))
    default: .empty
    }
}
