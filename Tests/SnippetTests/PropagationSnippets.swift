import Skein
import Tracing

struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into headers: inout [String: String]) { headers[key] = value }
}

struct HeaderExtractor: Extractor {
    func extract(key: String, from headers: [String: String]) -> String? { headers[key] }
}

// The caller, inside a client span.
func outgoingHeaders(of span: any Span) -> [String: String] {
    var headers: [String: String] = [:]
    InstrumentationSystem.instrument.inject(span.context, into: &headers, using: HeaderInjector())
    return headers
}

// The called. Keys are lower case.
func serve(_ headers: [String: String]) async throws {
    var context = ServiceContext.topLevel
    InstrumentationSystem.instrument.extract(headers, into: &context, using: HeaderExtractor())
    try await withSpan("POST /ask", context: context, ofKind: .server) { _ in
        try await handle()
    }
}

private func propagators() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.propagators = [.b3Multi, .jaeger(baggageKeys: ["tenant"]), .traceContext, .baggage]
        configuration.baggageAttributes = ["tenant"]
    }
    _ = telemetry
}

private func baggage() async throws {
    var context = ServiceContext.current ?? .topLevel
    var baggage = context.baggage ?? Baggage()
    baggage["tenant"] = "acme"
    context.baggage = baggage
    try await ServiceContext.withValue(context) {
        try await handle()
    }
}

struct TenantPropagator: TextMapPropagator {
    let name = "tenant"

    func extract(into context: inout ServiceContext, header: (_ name: String) -> String?) {
        if let tenant = header("x-tenant") { context.tenant = tenant }
    }

    func inject(_ context: ServiceContext, setHeader: (_ name: String, _ value: String) -> Void) {
        if let tenant = context.tenant { setHeader("x-tenant", tenant) }
    }
}

private enum TenantKey: ServiceContextKey {
    typealias Value = String
}

extension ServiceContext {
    var tenant: String? {
        get { self[TenantKey.self] }
        set { self[TenantKey.self] = newValue }
    }
}

private func ownFormat() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.propagators.append(.custom(TenantPropagator()))
    }
    _ = telemetry
}
