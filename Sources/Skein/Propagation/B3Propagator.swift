import ContextBaggage
import OTLP
import ServiceContextModule

/// Zipkin's B3, in one header or in several. Reads both, the single header first.
///
/// Trace ids of 64 bits are padded with zeros and go out with 128. The parent's id is checked in the single header and
/// otherwise ignored. Where ids come without a decision, the receiver decides; where a decision comes without ids, it
/// holds for the trace that is started next. Anything malformed makes the whole header ignored.
struct B3Propagator: TextMapPropagator {
    enum Encoding: Sendable {
        case single
        case multiple
    }

    /// How B3 is written.
    let encoding: Encoding

    var name: String {
        switch encoding {
        case .single: "b3"
        case .multiple: "b3multi"
        }
    }

    func extract(into context: inout ServiceContext, header: (_ name: String) -> String?) {
        guard let found = header("b3").flatMap(B3Context.init(single:)) ?? B3Context(multiple: header) else { return }
        guard let (traceID, spanID) = found.ids else {
            context.requestedSampling = found.decision
            return
        }
        let isSampled = found.decision == .sampled || found.decision == .debug
        let span = SpanContext(
            traceID: traceID, spanID: spanID, flags: isSampled ? .sampled : [], isRemote: true,
            isDebug: found.decision == .debug, isDeferred: found.decision == nil)
        context.spanContext = span.completed(by: context.spanContext)
    }

    func inject(_ context: ServiceContext, setHeader: (_ name: String, _ value: String) -> Void) {
        if let span = context.spanContext, span.isValid {
            let decision: RequestedSampling? =
                span.isDeferred ? nil : span.isDebug ? .debug : span.isSampled ? .sampled : .notSampled
            switch encoding {
            case .single:
                let suffix = decision.map { "-\(Self.digit($0))" } ?? ""
                setHeader("b3", "\(span.traceID.hex)-\(span.spanID.hex)\(suffix)")
            case .multiple:
                setHeader("x-b3-traceid", span.traceID.hex)
                setHeader("x-b3-spanid", span.spanID.hex)
                decision.map { writeHeader($0, setHeader) }
            }
        } else if let decision = context.requestedSampling {
            switch encoding {
            case .single: setHeader("b3", Self.digit(decision))
            case .multiple: writeHeader(decision, setHeader)
            }
        }
    }

    private static func digit(_ decision: RequestedSampling) -> String {
        switch decision {
        case .notSampled: "0"
        case .sampled: "1"
        case .debug: "d"
        }
    }

    /// Debug says by itself that the trace is sampled, and is sent alone.
    private func writeHeader(_ decision: RequestedSampling, _ setHeader: (_ name: String, _ value: String) -> Void) {
        if decision == .debug {
            setHeader("x-b3-flags", "1")
        } else {
            setHeader("x-b3-sampled", Self.digit(decision))
        }
    }
}

/// What B3 headers say; at least one of the two is there.
private struct B3Context {
    let ids: (TraceID, SpanID)?
    let decision: RequestedSampling?

    /// Reads `traceid-spanid`, then maybe `-decision`, then maybe `-parentid`; or a decision alone.
    init?(single header: String) {
        let text = header.trimmingOptionalWhitespace()
        let parts = text.split(separator: "-", maxSplits: 4, omittingEmptySubsequences: false)
        if parts.count == 1 {
            guard let decision = Self.decision(parts[0]) else { return nil }
            (ids, self.decision) = (nil, decision)
            return
        }
        guard (2...4).contains(parts.count), let ids = Self.ids(parts[0], parts[1]) else { return nil }
        let decision = parts.count > 2 ? Self.decision(parts[2]) : nil
        guard parts.count == 2 || decision != nil else { return nil }
        guard parts.count < 4 || SpanID(hex: parts[3]) != nil else { return nil }
        (self.ids, self.decision) = (ids, decision)
    }

    init?(multiple header: (_ name: String) -> String?) {
        // Where the carrier is no HTTP header but a dictionary, names may stand in either spelling.
        func value(_ name: String, _ spelling: String) -> Substring? {
            (header(name) ?? header(spelling))?.trimmingOptionalWhitespace()
        }
        let trace = value("x-b3-traceid", "X-B3-TraceId")
        let span = value("x-b3-spanid", "X-B3-SpanId")
        if trace == nil, span == nil {
            ids = nil
        } else {
            guard let trace, let span, let ids = Self.ids(trace, span) else { return nil }
            self.ids = ids
        }
        if value("x-b3-flags", "X-B3-Flags") == "1" {
            decision = .debug
        } else if let sampled = value("x-b3-sampled", "X-B3-Sampled") {
            switch sampled.lowercased() {
            case "1", "true": decision = .sampled
            case "0", "false": decision = .notSampled
            default: return nil
            }
        } else {
            decision = nil
        }
        guard ids != nil || decision != nil else { return nil }
    }

    private static func decision(_ text: Substring) -> RequestedSampling? {
        switch text {
        case "0": .notSampled
        case "1": .sampled
        case "d": .debug
        default: nil
        }
    }

    private static func ids(_ trace: Substring, _ span: Substring) -> (TraceID, SpanID)? {
        let traceID =
            trace.utf8.count == 16 ? SpanID(hex: trace).map { TraceID(high: 0, low: $0.rawValue) } : TraceID(hex: trace)
        guard let traceID, let spanID = SpanID(hex: span), traceID.isValid, spanID.isValid else { return nil }
        return (traceID, spanID)
    }
}
