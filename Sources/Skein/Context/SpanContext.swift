import OTLP
import Tracing

/// What identifies a span across process borders: W3C Trace Context's ids, flags and state.
public struct SpanContext: Sendable, Equatable {
    /// The trace the span belongs to.
    public let traceID: TraceID
    /// The span itself.
    public let spanID: SpanID
    /// The W3C trace flags.
    public let flags: TraceFlags
    /// Vendor entries that travel with the trace.
    public let traceState: TraceState
    /// Whether the context came in from another process.
    public let isRemote: Bool
    /// Whether the caller asked for the trace whatever samplers say (B3's and Jaeger's debug flag). Travels on.
    public let isDebug: Bool
    /// Whether the caller left the sampling decision to whoever receives this (B3 without a sampling state).
    public let isDeferred: Bool

    /// A context as it came in or as a span carries it.
    public init(
        traceID: TraceID, spanID: SpanID, flags: TraceFlags, traceState: TraceState = TraceState(),
        isRemote: Bool = false
    ) {
        self.init(
            traceID: traceID, spanID: spanID, flags: flags, traceState: traceState, isRemote: isRemote, isDebug: false)
    }

    init(
        traceID: TraceID, spanID: SpanID, flags: TraceFlags, traceState: TraceState = TraceState(), isRemote: Bool,
        isDebug: Bool, isDeferred: Bool = false
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
        self.traceState = traceState
        self.isRemote = isRemote
        self.isDebug = isDebug
        self.isDeferred = isDeferred
    }

    /// Whether both ids are other than zero.
    public var isValid: Bool { traceID.isValid && spanID.isValid }

    /// Whether the span is recorded by whoever made it.
    public var isSampled: Bool { flags.contains(.sampled) }

    /// The same context with what an earlier format of the same request said of the same span, where this format has no
    /// place for it (trace state, the random flag, debug) or says nothing (a decision that is left open).
    func completed(by earlier: SpanContext?) -> SpanContext {
        guard let earlier, earlier.isRemote, earlier.traceID == traceID, earlier.spanID == spanID else { return self }
        let decider = isDeferred ? earlier : self
        return SpanContext(
            traceID: traceID, spanID: spanID,
            flags: flags.union(earlier.flags.intersection(.random)).union(decider.flags.intersection(.sampled)),
            traceState: traceState.isEmpty ? earlier.traceState : traceState, isRemote: isRemote,
            isDebug: decider.isDebug || decider.isSampled && earlier.isDebug, isDeferred: decider.isDeferred)
    }
}

/// The flags of `traceparent`.
public struct TraceFlags: OptionSet, Sendable {
    /// The byte on the wire.
    public let rawValue: UInt8

    /// Flags from their byte on the wire.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The span is recorded.
    public static let sampled = TraceFlags(rawValue: 0x01)
    /// The low 56 bits of the trace id are random (Trace Context level 2).
    public static let random = TraceFlags(rawValue: 0x02)

    /// The flags that version 00 of `traceparent` defines; the others are sent as zero.
    static let known: TraceFlags = [.sampled, .random]
}
