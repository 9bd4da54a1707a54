// Rows, and what else is looked at for every span, are public in name alone: members of a type that only the package
// sees are never inlined into its other modules, `@inlinable` or not.

/// A slice of a batch's bytes.
public struct ByteRange: Hashable, Sendable {
    @usableFromInline package var offset: UInt32
    @usableFromInline package var count: UInt32

    @inlinable
    package init(offset: UInt32, count: UInt32) {
        self.offset = offset
        self.count = count
    }

    @inlinable
    package static var empty: ByteRange { ByteRange(offset: 0, count: 0) }

    @inlinable
    package var isEmpty: Bool { count == 0 }

    /// As indices into ``SpanBatch/bytes``.
    @inlinable
    package var indices: Range<Int> { Int(offset)..<Int(offset) + Int(count) }
}

/// A run of rows in one of a batch's tables.
public struct RowRange: Hashable, Sendable {
    @usableFromInline package var start: UInt32
    @usableFromInline package var count: UInt32

    @inlinable
    package init(start: Int, end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        count = UInt32(truncatingIfNeeded: end - start)
    }

    @inlinable
    package static var empty: RowRange { RowRange(start: 0, end: 0) }

    @inlinable
    package var indices: Range<Int> { Int(start)..<Int(start) + Int(count) }
}

/// What an attribute's value is; raw values are part of the block format.
public enum ValueKind: UInt8, Sendable {
    /// The attribute has a key and no value at all.
    case absent = 0
    /// An `AnyValue` without content.
    case empty = 1
    case string = 2
    case bool = 3
    case int = 4
    case double = 5
    case array = 6
    case keyValueList = 7
    case bytes = 8

    @inlinable @inline(__always)
    package var hasSlice: Bool {
        switch self {
        case .string, .bytes, .array, .keyValueList: true
        default: false
        }
    }
}

/// One attribute of a resource, scope, span, event or link.
public struct AttributeRow: Sendable {
    @usableFromInline package var key: ByteRange
    /// `bool`, `int` and `double`: the value's bits. `string`, `bytes`, `array` and `keyValueList`: offset in the high
    /// and count in the low half of the value's content (for the last two the `ArrayValue` or `KeyValueList` message).
    @usableFromInline package var payload: UInt64
    @usableFromInline package var kind: ValueKind

    /// The slice that a `string`, `bytes`, `array` or `keyValueList` value occupies.
    @inlinable @inline(__always)
    package var slice: ByteRange {
        ByteRange(offset: UInt32(payload >> 32), count: UInt32(truncatingIfNeeded: payload))
    }

    /// Its value is one of those that occupy ``slice``.
    @inlinable @inline(__always)
    package var hasSlice: Bool { kind.hasSlice }

    @inlinable @inline(__always)
    package var int: Int64 { Int64(bitPattern: payload) }
    @inlinable
    package var double: Double { Double(bitPattern: payload) }
    @inlinable
    package var bool: Bool { payload != 0 }
}

/// One `ResourceSpans` of a request.
package struct ResourceRow: Sendable {
    /// The `ResourceSpans` message, scopes and spans included.
    package var envelope: ByteRange
    /// The `Resource` message; empty when there is none.
    package var raw: ByteRange
    package var schemaURL: ByteRange
    package var attributes: RowRange
    package var droppedAttributesCount: UInt32
    /// The rows of ``SpanBatch/scopes`` under this resource.
    package var scopes: RowRange
    /// The message or its envelope holds something that the other members do not express (unknown fields, entity
    /// references, a resource sent in two parts), so that only `raw` and `envelope` are complete.
    package var needsRaw: Bool
}

/// One `ScopeSpans` of a request.
package struct ScopeRow: Sendable {
    package var resource: UInt32
    /// The `ScopeSpans` message, spans included.
    package var envelope: ByteRange
    /// The `InstrumentationScope` message; empty when there is none.
    package var raw: ByteRange
    package var name: ByteRange
    package var version: ByteRange
    package var schemaURL: ByteRange
    package var attributes: RowRange
    package var droppedAttributesCount: UInt32
    /// The rows of ``SpanBatch/spans`` under this scope.
    package var spans: RowRange
    /// As ``ResourceRow/needsRaw``.
    package var needsRaw: Bool
}

/// One span.
public struct SpanRow: Sendable {
    /// The `Span` message.
    package var raw: ByteRange
    package var traceID: TraceID
    package var spanID: SpanID
    /// ``SpanID/invalid`` for a root span.
    package var parentSpanID: SpanID
    /// Unix nanoseconds.
    @usableFromInline package var startTime: UInt64
    /// Unix nanoseconds; may lie before `startTime`.
    @usableFromInline package var endTime: UInt64
    package var name: ByteRange
    package var traceState: ByteRange
    package var statusMessage: ByteRange
    package var scope: UInt32
    /// `SpanKind` as sent, values unknown to the specification included.
    package var kind: Int32
    /// `StatusCode` as sent, values unknown to the specification included.
    @usableFromInline package var statusCode: Int32
    package var flags: UInt32
    package var attributes: RowRange
    /// As ``ByteHash/shape(_:_:)`` of the process has it.
    package var attributeShape: UInt64
    package var events: RowRange
    package var links: RowRange
    package var droppedAttributesCount: UInt32
    package var droppedEventsCount: UInt32
    package var droppedLinksCount: UInt32
    /// The message sent a `status`, if only an empty one.
    package var hasStatus: Bool
    /// The message holds something that the rows do not express (unknown fields anywhere inside it, a link with an id
    /// of wrong length), so that only `raw` is complete.
    package var needsRaw: Bool

    /// Nanoseconds; 0 when the span ends before it starts.
    @inlinable
    package var durationNanoseconds: UInt64 { endTime > startTime ? endTime - startTime : 0 }
    @inlinable
    package var isError: Bool { statusCode == 2 }
}

/// One event of a span.
package struct EventRow: Sendable {
    package var raw: ByteRange
    /// Unix nanoseconds.
    package var time: UInt64
    package var name: ByteRange
    package var attributes: RowRange
    package var droppedAttributesCount: UInt32
}

/// One link of a span.
package struct LinkRow: Sendable {
    package var raw: ByteRange
    /// ``TraceID/invalid`` when the sent id is not 16 bytes.
    package var traceID: TraceID
    /// ``SpanID/invalid`` when the sent id is not 8 bytes.
    package var spanID: SpanID
    package var traceState: ByteRange
    package var flags: UInt32
    package var attributes: RowRange
    package var droppedAttributesCount: UInt32
}
