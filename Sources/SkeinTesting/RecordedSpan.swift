import OTLP
import Skein
import Tracing

/// A finished span as a receiver sees it.
public struct RecordedSpan: Sendable, Equatable {
    /// An event of a span.
    public struct Event: Sendable, Equatable {
        /// What happened.
        public var name = ""
        /// Unix time in nanoseconds.
        public var timeNanoseconds: UInt64 = 0
        /// By key; of equal keys the last.
        public var attributes: [String: AttributeValue] = [:]
        /// Attributes that went over the limit.
        public var droppedAttributes = 0
    }

    /// A link to another span.
    public struct Link: Sendable, Equatable {
        /// The other span's trace.
        public var traceID = TraceID.invalid
        /// The other span.
        public var spanID = SpanID.invalid
        /// The other span's trace state.
        public var traceState = ""
        /// By key; of equal keys the last.
        public var attributes: [String: AttributeValue] = [:]
        /// Attributes that went over the limit.
        public var droppedAttributes = 0
        /// As on the wire.
        public var flags: UInt32 = 0
    }

    /// The outcome of a span.
    public enum Status: Sendable, Equatable {
        /// Nothing was said.
        case unset
        /// It went well.
        case ok
        /// It failed, for the reason given.
        case error(String)
    }

    /// The trace of the span.
    public var traceID = TraceID.invalid
    /// The span itself.
    public var spanID = SpanID.invalid
    /// The parent; not valid on the first span of a trace.
    public var parentSpanID = SpanID.invalid
    /// The trace state as it is sent.
    public var traceState = ""
    /// The name at the end of the span.
    public var name = ""
    /// The kind; nil for one that is unspecified.
    public var kind: SpanKind?
    /// Unix time in nanoseconds.
    public var startNanoseconds: UInt64 = 0
    /// Unix time in nanoseconds, never before the start.
    public var endNanoseconds: UInt64 = 0
    /// By key; of equal keys the last.
    public var attributes: [String: AttributeValue] = [:]
    /// Keys in the order on the wire, repeated where the wire repeats them.
    public var attributeKeys: [String] = []
    /// In order.
    public var events: [Event] = []
    /// In order.
    public var links: [Link] = []
    /// The outcome.
    public var status = Status.unset
    /// As on the wire: trace flags, and whether the parent is remote.
    public var flags: UInt32 = 0
    /// Attributes that went over the limit.
    public var droppedAttributes = 0
    /// Events that went over the limit.
    public var droppedEvents = 0
    /// Links that went over the limit.
    public var droppedLinks = 0
    /// The resource the span came with.
    public var resource: [String: AttributeValue] = [:]
    /// The name of the instrumentation scope.
    public var scopeName = ""

    /// A span without content.
    public init() {}
}

extension RecordedSpan {
    /// The spans of an OTLP `ExportTraceServiceRequest` in protobuf, in order. What is malformed is left out.
    public static func spans(inRequest request: [UInt8]) -> [RecordedSpan] {
        var spans: [RecordedSpan] = []
        for resourceSpans in ProtobufFields(request) where resourceSpans.number == 1 {
            var resource: [String: AttributeValue] = [:]
            for field in ProtobufFields(resourceSpans.content) {
                switch field.number {
                case 1:
                    for attribute in ProtobufFields(field.content) where attribute.number == 1 {
                        resource.add(attribute.content)
                    }
                case 2: spans += Self.spans(inScope: field.content, resource)
                default: break
                }
            }
        }
        return spans
    }

    private static func spans(
        inScope message: ArraySlice<UInt8>, _ resource: [String: AttributeValue]
    ) -> [RecordedSpan] {
        var scopeName = ""
        var spans: [RecordedSpan] = []
        for field in ProtobufFields(message) {
            switch field.number {
            case 1:
                scopeName = ProtobufFields(field.content).first { $0.number == 1 }?.text ?? ""
            case 2:
                var span = RecordedSpan(message: field.content)
                span.resource = resource
                span.scopeName = scopeName
                spans.append(span)
            default: break
            }
        }
        return spans
    }

    private init(message: ArraySlice<UInt8>) {
        for field in ProtobufFields(message) {
            switch field.number {
            case 1: traceID = field.traceID
            case 2: spanID = field.spanID
            case 3: traceState = field.text
            case 4: parentSpanID = field.spanID
            case 5: name = field.text
            case 6: kind = SpanKind(wireValue: field.number64)
            case 7: startNanoseconds = field.number64
            case 8: endNanoseconds = field.number64
            case 9:
                if let key = attributes.add(field.content) { attributeKeys.append(key) }
            case 10: droppedAttributes = Int(clamping: field.number64)
            case 11: events.append(Event(message: field.content))
            case 12: droppedEvents = Int(clamping: field.number64)
            case 13: links.append(Link(message: field.content))
            case 14: droppedLinks = Int(clamping: field.number64)
            case 15: status = Status(message: field.content)
            case 16: flags = UInt32(truncatingIfNeeded: field.number64)
            default: break
            }
        }
    }
}

extension RecordedSpan.Event {
    fileprivate init(message: ArraySlice<UInt8>) {
        for field in ProtobufFields(message) {
            switch field.number {
            case 1: timeNanoseconds = field.number64
            case 2: name = field.text
            case 3: attributes.add(field.content)
            case 4: droppedAttributes = Int(clamping: field.number64)
            default: break
            }
        }
    }
}

extension RecordedSpan.Link {
    fileprivate init(message: ArraySlice<UInt8>) {
        for field in ProtobufFields(message) {
            switch field.number {
            case 1: traceID = field.traceID
            case 2: spanID = field.spanID
            case 3: traceState = field.text
            case 4: attributes.add(field.content)
            case 5: droppedAttributes = Int(clamping: field.number64)
            case 6: flags = UInt32(truncatingIfNeeded: field.number64)
            default: break
            }
        }
    }
}

extension RecordedSpan.Status {
    fileprivate init(message: ArraySlice<UInt8>) {
        var text = ""
        var code: UInt64 = 0
        for field in ProtobufFields(message) {
            switch field.number {
            case 2: text = field.text
            case 3: code = field.number64
            default: break
            }
        }
        self =
            switch code {
            case 1: .ok
            case 2: .error(text)
            default: .unset
            }
    }
}

extension ProtobufFields.Field {
    fileprivate var text: String { String(decoding: content, as: UTF8.self) }

    /// Zero where the field is not 16 bytes long.
    fileprivate var traceID: TraceID {
        guard content.count == 16 else { return .invalid }
        return TraceID(high: Self.number(content.prefix(8)), low: Self.number(content.suffix(8)))
    }

    /// Zero where the field is not 8 bytes long.
    fileprivate var spanID: SpanID {
        content.count == 8 ? SpanID(Self.number(content)) : .invalid
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension [String: AttributeValue] {
    /// Adds an OTLP `KeyValue` and returns its key; nil when it is malformed.
    @discardableResult
    fileprivate mutating func add(_ pair: ArraySlice<UInt8>) -> String? {
        guard let (key, value) = AttributeValue.pair(pair) else { return nil }
        self[key] = value
        return key
    }
}

extension SpanKind {
    fileprivate init?(wireValue: UInt64) {
        switch wireValue {
        case 1: self = .internal
        case 2: self = .server
        case 3: self = .client
        case 4: self = .producer
        case 5: self = .consumer
        default: return nil
        }
    }
}
