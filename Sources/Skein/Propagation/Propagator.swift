/// A format in which context travels between processes.
///
/// Formats are applied in the order of ``TracingConfiguration/propagators``. Going out, each writes its headers. Coming
/// in, each reads its own, and of several that find a span (or baggage) the last one wins; a format that finds nothing,
/// or nothing valid, changes nothing. Where several name the same span, what only an earlier one can say, such as the
/// trace state, is kept; and Jaeger's headers, of which only known keys are seen, replace baggage key by key.
public struct Propagator: Sendable, Equatable {
    /// W3C `traceparent` and `tracestate`.
    public static let traceContext = Propagator(TraceContextPropagator())
    /// W3C `baggage`.
    public static let baggage = Propagator(BaggagePropagator())
    /// B3 in its single header, `b3`. Reads the several headers too, where the single one is missing or invalid.
    public static let b3 = Propagator(B3Propagator(encoding: .single))
    /// B3 in several headers, `x-b3-traceid` and its kin. Reads the single header too, which wins.
    public static let b3Multi = Propagator(B3Propagator(encoding: .multiple))
    /// Jaeger's `uber-trace-id`, and baggage in `uberctx-*`; see ``jaeger(baggageKeys:)``.
    public static let jaeger = jaeger(baggageKeys: [])

    /// Jaeger's headers.
    ///
    /// - Parameter baggageKeys: the baggage that is read from `uberctx-<key>`, besides
    ///   ``TracingConfiguration/baggageAttributes``: an `Extractor` can be asked for a header by its name only, so keys
    ///   that nobody named are not seen. `jaeger-baggage` is read whole, and all baggage is written.
    public static func jaeger(baggageKeys: [String]) -> Propagator {
        Propagator(JaegerPropagator(baggageKeys: baggageKeys))
    }

    /// A format of one's own.
    public static func custom(_ format: any TextMapPropagator) -> Propagator {
        Propagator(format)
    }

    private let format: any TextMapPropagator

    private init(_ format: any TextMapPropagator) {
        self.format = format
    }

    /// The format that `OTEL_PROPAGATORS` calls `name`; nil where there is none of that name.
    init?(named name: String) {
        let all: [Propagator] = [.traceContext, .baggage, .b3, .b3Multi, .jaeger]
        guard let found = all.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// What the format is called, for the built-in ones as in `OTEL_PROPAGATORS`.
    public var name: String { format.name }

    /// Whether both have the same name.
    public static func == (a: Propagator, b: Propagator) -> Bool {
        a.name == b.name
    }

    /// What reads and writes, told which baggage will be asked for.
    func format(readingBaggage keys: [String]) -> any TextMapPropagator {
        guard let jaeger = format as? JaegerPropagator else { return format }
        return JaegerPropagator(baggageKeys: jaeger.baggageKeys + keys.filter { !jaeger.baggageKeys.contains($0) })
    }
}
