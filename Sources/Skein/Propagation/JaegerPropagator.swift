import ContextBaggage
import OTLP
import ServiceContextModule

/// Jaeger's own headers: `uber-trace-id` with `{trace id}:{span id}:{parent id}:{flags}` in hexadecimal, where leading
/// zeros may be missing and the colons may be percent-encoded, and baggage in `uberctx-<key>`.
struct JaegerPropagator: TextMapPropagator {
    private enum Flag {
        static let sampled: UInt64 = 1
        static let debug: UInt64 = 2
    }

    private static let baggagePrefix = "uberctx-"

    /// The keys that are looked for; a carrier cannot be asked which it has.
    let baggageKeys: [String]

    var name: String { "jaeger" }

    func extract(into context: inout ServiceContext, header: (_ name: String) -> String?) {
        if let span = header("uber-trace-id").flatMap(Self.span) {
            context.spanContext = span.completed(by: context.spanContext)
        } else if header("jaeger-debug-id").map({ !$0.isEmpty }) == true {
            context.requestedSampling = .debug
        }
        // What is set by hand in `jaeger-baggage` has the form of the W3C header.
        var found = header("jaeger-baggage").map { Baggage(header: $0) } ?? Baggage()
        for key in baggageKeys {
            guard let text = header(Self.baggagePrefix + key), text.utf8.count <= Baggage.headerBytesMax,
                let value = PercentEncoding.decode(text.trimmingOptionalWhitespace())
            else { continue }
            found[key] = value
        }
        // Only keys that were asked for are seen here; what another format read besides them stays, and so do the
        // properties of what it read alike.
        var baggage = context.baggage ?? Baggage()
        for entry in found.entries where baggage[entry.key] != entry.value { baggage[entry.key] = entry.value }
        if !found.entries.isEmpty { context.baggage = baggage }
    }

    func inject(_ context: ServiceContext, setHeader: (_ name: String, _ value: String) -> Void) {
        if let span = context.spanContext, span.isValid {
            let flags = span.isDebug ? Flag.sampled | Flag.debug : span.isSampled ? Flag.sampled : 0
            setHeader("uber-trace-id", "\(span.traceID.hex):\(span.spanID.hex):0:\(String(flags, radix: 16))")
        }
        context.baggage?.forEachSendable { key, value in setHeader(Self.baggagePrefix + key, value) }
    }

    private static func span(_ header: String) -> SpanContext? {
        let text = header.trimmingOptionalWhitespace()
        // 32 + 16 + 16 + 2 digits and three colons, each percent-encoded at worst.
        guard text.utf8.count <= 75, let decoded = PercentEncoding.decode(text) else { return nil }
        let parts = decoded.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, let (high, low) = wide(parts[0]), let span = number(parts[1], digitsMax: 16),
            let flags = number(parts[3], digitsMax: 2)
        else { return nil }
        let (traceID, spanID) = (TraceID(high: high, low: low), SpanID(span))
        guard traceID.isValid, spanID.isValid else { return nil }
        let isDebug = flags & Flag.debug != 0
        return SpanContext(
            traceID: traceID, spanID: spanID, flags: isDebug || flags & Flag.sampled != 0 ? .sampled : [],
            isRemote: true, isDebug: isDebug)
    }

    /// A number of up to 128 bits.
    private static func wide(_ text: Substring) -> (high: UInt64, low: UInt64)? {
        guard let low = number(text.suffix(16), digitsMax: 16) else { return nil }
        let rest = text.dropLast(16)
        if rest.isEmpty { return (0, low) }
        return number(rest, digitsMax: 16).map { ($0, low) }
    }

    private static func number(_ text: Substring, digitsMax: Int) -> UInt64? {
        guard (1...digitsMax).contains(text.utf8.count), text.utf8.allSatisfy({ hexValue($0) != nil }) else {
            return nil
        }
        return UInt64(text, radix: 16)
    }
}
