/// The messages of an OTLP trace request as JSON names them: what ``OTLPJSONDecoder`` walks by.
struct OTLPSchema: Sendable {
    /// A message; the raw value is its index in ``messages``.
    enum Message: Int, CaseIterable, Sendable {
        case request, resourceSpans, resource, entityReference, scopeSpans, scope, span, event, link, status
        case keyValue, anyValue, arrayValue, keyValueList
        case response, partialSuccess, rpcStatus
    }

    enum FieldType: Sendable {
        case string
        /// Hexadecimal in JSON, bytes on the wire.
        case id
        /// Base64 in JSON.
        case bytes
        case bool
        case int32
        case uint32
        case int64
        case fixed32
        case fixed64
        case double
        case enumeration(_ names: [StaticString])
        case message(Message)
    }

    struct Field: Sendable {
        let name: StaticString
        let number: UInt32
        let type: FieldType
        let isRepeated: Bool

        init(_ number: UInt32, _ name: StaticString, _ type: FieldType, isRepeated: Bool = false) {
            self.number = number
            self.name = name
            self.type = type
            self.isRepeated = isRepeated
        }
    }

    let messages: [[Field]]

    static let traces = OTLPSchema(messages: Message.allCases.map(fields))

    private static let attributes = "attributes" as StaticString
    private static let dropped = "droppedAttributesCount" as StaticString
    private static let spanKinds: [StaticString] = [
        "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER",
        "SPAN_KIND_CONSUMER",
    ]
    private static let statusCodes: [StaticString] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]

    private static func fields(of message: Message) -> [Field] {
        switch message {
        case .request: [Field(1, "resourceSpans", .message(.resourceSpans), isRepeated: true)]
        case .resourceSpans:
            [
                Field(1, "resource", .message(.resource)),
                Field(2, "scopeSpans", .message(.scopeSpans), isRepeated: true), Field(3, "schemaUrl", .string),
            ]
        case .resource:
            [
                Field(1, attributes, .message(.keyValue), isRepeated: true), Field(2, dropped, .uint32),
                Field(3, "entityRefs", .message(.entityReference), isRepeated: true),
            ]
        case .entityReference:
            [
                Field(1, "schemaUrl", .string), Field(2, "type", .string),
                Field(3, "idKeys", .string, isRepeated: true), Field(4, "descriptionKeys", .string, isRepeated: true),
            ]
        case .scopeSpans:
            [
                Field(1, "scope", .message(.scope)), Field(2, "spans", .message(.span), isRepeated: true),
                Field(3, "schemaUrl", .string),
            ]
        case .scope:
            [
                Field(1, "name", .string), Field(2, "version", .string),
                Field(3, attributes, .message(.keyValue), isRepeated: true), Field(4, dropped, .uint32),
            ]
        case .span: spanFields
        case .event:
            [
                Field(1, "timeUnixNano", .fixed64), Field(2, "name", .string),
                Field(3, attributes, .message(.keyValue), isRepeated: true), Field(4, dropped, .uint32),
            ]
        case .link:
            [
                Field(1, "traceId", .id), Field(2, "spanId", .id), Field(3, "traceState", .string),
                Field(4, attributes, .message(.keyValue), isRepeated: true), Field(5, dropped, .uint32),
                Field(6, "flags", .fixed32),
            ]
        case .status: [Field(2, "message", .string), Field(3, "code", .enumeration(statusCodes))]
        case .keyValue: [Field(1, "key", .string), Field(2, "value", .message(.anyValue))]
        case .anyValue:
            [
                Field(1, "stringValue", .string), Field(3, "intValue", .int64), Field(4, "doubleValue", .double),
                Field(2, "boolValue", .bool), Field(5, "arrayValue", .message(.arrayValue)),
                Field(6, "kvlistValue", .message(.keyValueList)), Field(7, "bytesValue", .bytes),
            ]
        case .arrayValue: [Field(1, "values", .message(.anyValue), isRepeated: true)]
        case .keyValueList: [Field(1, "values", .message(.keyValue), isRepeated: true)]
        case .response: [Field(1, "partialSuccess", .message(.partialSuccess))]
        case .partialSuccess:
            // The same number under another name in the answer to an export of logs.
            [
                Field(1, "rejectedSpans", .int64), Field(2, "errorMessage", .string),
                Field(1, "rejectedLogRecords", .int64),
            ]
        case .rpcStatus: [Field(1, "code", .int32), Field(2, "message", .string)]
        }
    }

    /// In the order in which most SDKs write them, which lets the decoder find a field at the first try.
    private static let spanFields = [
        Field(1, "traceId", .id), Field(2, "spanId", .id), Field(3, "traceState", .string),
        Field(4, "parentSpanId", .id), Field(16, "flags", .fixed32), Field(5, "name", .string),
        Field(6, "kind", .enumeration(spanKinds)), Field(7, "startTimeUnixNano", .fixed64),
        Field(8, "endTimeUnixNano", .fixed64), Field(9, attributes, .message(.keyValue), isRepeated: true),
        Field(10, dropped, .uint32), Field(11, "events", .message(.event), isRepeated: true),
        Field(12, "droppedEventsCount", .uint32), Field(13, "links", .message(.link), isRepeated: true),
        Field(14, "droppedLinksCount", .uint32), Field(15, "status", .message(.status)),
    ]
}
