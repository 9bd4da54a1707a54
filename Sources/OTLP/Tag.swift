/// The tags (`field number << 3 | wire type`) of the OTLP trace messages, by message.
package enum Tag {
    package enum Request {
        package static let resourceSpans: UInt32 = 1 << 3 | 2
    }
    package enum ResourceSpans {
        package static let resource: UInt32 = 1 << 3 | 2
        package static let scopeSpans: UInt32 = 2 << 3 | 2
        package static let schemaURL: UInt32 = 3 << 3 | 2
    }
    package enum Resource {
        package static let attributes: UInt32 = 1 << 3 | 2
        package static let droppedAttributesCount: UInt32 = 2 << 3 | 0
        package static let entityReferences: UInt32 = 3 << 3 | 2
    }
    package enum EntityReference {
        package static let schemaURL: UInt32 = 1 << 3 | 2
        package static let type: UInt32 = 2 << 3 | 2
        package static let idKeys: UInt32 = 3 << 3 | 2
        package static let descriptionKeys: UInt32 = 4 << 3 | 2
    }
    package enum ScopeSpans {
        package static let scope: UInt32 = 1 << 3 | 2
        package static let spans: UInt32 = 2 << 3 | 2
        package static let schemaURL: UInt32 = 3 << 3 | 2
    }
    package enum Scope {
        package static let name: UInt32 = 1 << 3 | 2
        package static let version: UInt32 = 2 << 3 | 2
        package static let attributes: UInt32 = 3 << 3 | 2
        package static let droppedAttributesCount: UInt32 = 4 << 3 | 0
    }
    package enum Span {
        package static let traceID: UInt32 = 1 << 3 | 2
        package static let spanID: UInt32 = 2 << 3 | 2
        package static let traceState: UInt32 = 3 << 3 | 2
        package static let parentSpanID: UInt32 = 4 << 3 | 2
        package static let name: UInt32 = 5 << 3 | 2
        package static let kind: UInt32 = 6 << 3 | 0
        package static let startTime: UInt32 = 7 << 3 | 1
        package static let endTime: UInt32 = 8 << 3 | 1
        package static let attributes: UInt32 = 9 << 3 | 2
        package static let droppedAttributesCount: UInt32 = 10 << 3 | 0
        package static let events: UInt32 = 11 << 3 | 2
        package static let droppedEventsCount: UInt32 = 12 << 3 | 0
        package static let links: UInt32 = 13 << 3 | 2
        package static let droppedLinksCount: UInt32 = 14 << 3 | 0
        package static let status: UInt32 = 15 << 3 | 2
        package static let flags: UInt32 = 16 << 3 | 5
    }
    package enum Event {
        package static let time: UInt32 = 1 << 3 | 1
        package static let name: UInt32 = 2 << 3 | 2
        package static let attributes: UInt32 = 3 << 3 | 2
        package static let droppedAttributesCount: UInt32 = 4 << 3 | 0
    }
    package enum Link {
        package static let traceID: UInt32 = 1 << 3 | 2
        package static let spanID: UInt32 = 2 << 3 | 2
        package static let traceState: UInt32 = 3 << 3 | 2
        package static let attributes: UInt32 = 4 << 3 | 2
        package static let droppedAttributesCount: UInt32 = 5 << 3 | 0
        package static let flags: UInt32 = 6 << 3 | 5
    }
    package enum Status {
        package static let message: UInt32 = 2 << 3 | 2
        package static let code: UInt32 = 3 << 3 | 0
    }
    package enum KeyValue {
        package static let key: UInt32 = 1 << 3 | 2
        package static let value: UInt32 = 2 << 3 | 2
    }
    /// `ArrayValue` and `KeyValueList`.
    package enum List {
        package static let values: UInt32 = 1 << 3 | 2
    }
    package enum AnyValue {
        package static let string: UInt32 = 1 << 3 | 2
        package static let bool: UInt32 = 2 << 3 | 0
        package static let int: UInt32 = 3 << 3 | 0
        package static let double: UInt32 = 4 << 3 | 1
        package static let array: UInt32 = 5 << 3 | 2
        package static let keyValueList: UInt32 = 6 << 3 | 2
        package static let bytes: UInt32 = 7 << 3 | 2
    }
}
