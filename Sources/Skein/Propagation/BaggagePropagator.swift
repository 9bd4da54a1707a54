import ContextBaggage
import ServiceContextModule

/// W3C Baggage.
struct BaggagePropagator: TextMapPropagator {
    var name: String { "baggage" }

    func extract(into context: inout ServiceContext, header: (_ name: String) -> String?) {
        guard let text = header("baggage") else { return }
        let baggage = Baggage(header: text)
        if !baggage.entries.isEmpty { context.baggage = baggage }
    }

    func inject(_ context: ServiceContext, setHeader: (_ name: String, _ value: String) -> Void) {
        guard let header = context.baggage?.header, !header.isEmpty else { return }
        setHeader("baggage", header)
    }
}
