import HTTPServing
import HTTPTypes
import Hummingbird
import OTLP
import TraceQL
import TraceStorage

/// The classic Jaeger query API, as Grafana's data source and the older Jaeger UI use it.
struct JaegerAPI: Sendable {
    /// Bytes of an answer with several traces; past it the request fails with 413. Viewers stop being useful long
    /// before, and the answer is built in memory.
    static let answerBytesMax = 64 << 20

    let api: QueryAPI

    func addRoutes(to router: Router<QueryRequestContext>) {
        router.get("/api/services") { request, context in try await answer(request, context, services) }
        router.get("/api/operations") { request, context in try await answer(request, context, operations) }
        router.get("/api/services/:service/operations") { request, context in
            try await answer(request, context, operationNames)
        }
        router.get("/api/traces") { request, context in try await answer(request, context, search) }
        router.get("/api/traces/:id") { request, context in try await answer(request, context, trace) }
        router.get("/api/dependencies") { request, context in try await answer(request, context, dependencies) }
    }

    private typealias Handler = (QueryParameters, QueryRequestContext) async throws -> [UInt8]

    /// Runs a handler and puts what it throws into the envelope.
    private func answer(
        _ request: Request, _ context: QueryRequestContext, _ handler: Handler
    ) async throws -> Response {
        let parameters = request.parameters
        do {
            return request.json(JSONIndentation.pretty(try await handler(parameters, context), when: parameters))
        } catch let error as ParameterError {
            return JaegerEnvelope.failure(.badRequest, error.message, parameters: parameters)
        } catch let error as APIError {
            let message = error.hint.isEmpty ? error.message : "\(error.message); \(error.hint)"
            return JaegerEnvelope.failure(error.status, message, parameters: parameters)
        }
    }

    // MARK: services and operations

    private func services(_: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let names = try await api.run(context) { query in
            try api.store.services(in: .all, tenant: .default, context: query)
        }
        return JaegerEnvelope(total: names.count).bytes { json in
            json.array { json in
                for name in names { json.string(name) }
            }
        }
    }

    private func operations(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        guard let service = parameters["service"] else {
            throw ParameterError(message: "parameter 'service' is required")
        }
        let kind = parameters["spanKind"]
        let all = try await operations(of: service, context)
        let wanted = all.filter { kind == nil || JaegerKind($0.kind)?.rawValue == kind }
        return JaegerEnvelope(total: wanted.count).bytes { json in
            json.array { json in
                for operation in wanted {
                    json.object { json in
                        json.string("name", operation.name)
                        json.string("spanKind", JaegerKind(operation.kind)?.rawValue ?? "")
                    }
                }
            }
        }
    }

    /// The service's name comes encoded twice from some clients, so that a slash in it survives proxies.
    private func operationNames(_: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let encoded = context.parameters.get("service") ?? ""
        let once = PercentEncoding.decode(encoded) ?? encoded
        let service = PercentEncoding.decode(once) ?? once
        var names: [String] = []
        // Sorted by name, so that equal ones are neighbours.
        for operation in try await operations(of: service, context) where names.last != operation.name {
            names.append(operation.name)
        }
        return JaegerEnvelope(total: names.count).bytes { json in
            json.array { json in
                for name in names { json.string(name) }
            }
        }
    }

    private func operations(of service: String, _ context: QueryRequestContext) async throws -> [Operation] {
        try await api.run(context) { query in
            try api.store.operations(of: service, in: .all, tenant: .default, context: query)
        }
    }

    // MARK: traces

    private func trace(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let text = context.parameters.get("id") ?? ""
        guard let id = TraceID(jaeger: PercentEncoding.decode(text) ?? text) else {
            throw ParameterError("traceID", "'\(text)' is no trace id, expected up to 32 hexadecimal digits")
        }
        // The times of a trace are known here; Jaeger passes these on to stores that need a hint.
        _ = try parameters.microseconds("start")
        _ = try parameters.microseconds("end")
        let isRaw = parameters.flag("raw")
        let bytes = try await api.run(context, rowsMax: api.configuration.maxSpansPerTrace) { query -> [UInt8]? in
            guard let batch = try api.trace(id, context: query) else { return nil }
            return JaegerEnvelope().bytes { json in
                json.array { JaegerTranslation.trace(id, batch, raw: isRaw).write(to: &$0) }
            }
        }
        guard let bytes else { throw APIError.notFound("trace not found") }
        return bytes
    }

    private func search(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let search = try JaegerSearch(parameters, now: api.now(), limitMax: api.configuration.maxTraces)
        return try await api.run(context) { query in try write(search, query) }
    }

    private func write(_ search: JaegerSearch, _ query: QueryContext) throws -> [UInt8] {
        var missing: [JaegerEnvelope.Problem] = []
        var traces = JSONWriter()
        try traces.array { json in
            for id in try search.traceIDs(in: api.store, context: query) {
                guard let batch = try api.trace(id, context: query) else {
                    missing.append(JaegerEnvelope.Problem(message: "trace not found", traceID: id))
                    continue
                }
                JaegerTranslation.trace(id, batch, raw: search.isRaw).write(to: &json)
                guard json.bytes.count <= Self.answerBytesMax else {
                    throw StorageError.limitExceeded(
                        message: "the traces take more than \(Self.answerBytesMax >> 20) MiB, expected a lower limit")
                }
            }
        }
        return JaegerEnvelope(errors: missing.isEmpty ? nil : missing).bytes { $0.raw(traces.bytes) }
    }

    // MARK: dependencies

    private func dependencies(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let end = try parameters.milliseconds("endTs") ?? api.now()
        let lookback = try parameters.milliseconds("lookback") ?? 86_400_000_000_000
        let range = TimeRange(start: end > lookback ? end - lookback : 0, end: end)
        let service = parameters["service"]
        let links = try await api.run(context) { query in
            try ServiceDependencies.links(in: range, of: api.store, context: query)
        }
        return JaegerEnvelope().bytes { json in
            json.array { json in
                for link in links where service == nil || link.parent == service || link.child == service {
                    json.object { json in
                        json.string("parent", link.parent)
                        json.string("child", link.child)
                        json.int("callCount", link.callCount)
                    }
                }
            }
        }
    }
}
