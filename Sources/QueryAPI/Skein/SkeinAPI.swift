import HTTPServing
import Hummingbird
import Insight
import OTLP
import SpanMetrics
import TraceQL
import TraceStorage

/// Our own HTTP API, `/api/skein/v1`. Errors have the body of ``APIError``.
struct SkeinAPI: Sendable {
    let api: QueryAPI
    let costs: @Sendable () -> CostModel

    func addRoutes(to router: Router<QueryRequestContext>) {
        router.get("/api/skein/v1/red") { request, context in request.json(try await red(request.parameters, context)) }
        router.get("/api/skein/v1/traces/:id") { request, context in
            request.json(try await trace(request.parameters, context))
        }
        router.get("/api/skein/v1/search") { request, context in
            request.json(try await search(request.parameters, context))
        }
    }

    // MARK: RED

    private func red(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let range = try parameters.timeRange(now: api.now())
        let groupings = try (parameters["by"] ?? "service,operation").split(separator: ",").map { name in
            guard let grouping = REDQuery.Grouping(parsing: String(name)) else {
                throw APIError.badRequest(
                    "by: '\(name)' is nothing to group by", hint: "service,operation,kind,status or an attribute")
            }
            return grouping
        }
        guard !groupings.isEmpty, Set(groupings.map(\.name)).count == groupings.count else {
            throw APIError.badRequest("by: expected at least one key and none twice", hint: "service,operation")
        }
        guard groupings.count <= REDQuery.groupingsMax else {
            throw APIError.badRequest("by: \(groupings.count) keys, expected at most \(REDQuery.groupingsMax)")
        }
        var query = REDQuery(range: range, by: groupings)
        query.stepNanoseconds = try parameters.nanoseconds("step")
        if let text = parameters["q"] { query.predicate = try Self.predicate(text) }
        return try await api.run(context) { [query] context in
            try query.run(on: api.store, context: context).json
        }
    }

    /// The condition of a query on one span.
    static func predicate(_ text: String) throws -> SpanPredicate {
        guard let predicate = try Self.query(text).spanPredicate else {
            throw APIError.badRequest(
                "q: the query asks for more than one span can answer", code: "unsupported_query",
                hint: "use one { } without trace:… fields")
        }
        return predicate
    }

    private static func query(_ text: String) throws -> TraceQLQuery {
        do throws(TraceQLError) {
            return try TraceQLQuery(text)
        } catch {
            throw APIError.badRequest(
                "q: \(error)", code: error.code == .unsupported ? "unsupported_query" : "invalid_query",
                hint: "an example: { resource.service.name = \"shop\" && duration > 100ms }")
        }
    }

    // MARK: traces

    private func trace(_: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let text = context.parameters.get("id") ?? ""
        guard let id = TraceID(jaeger: PercentEncoding.decode(text) ?? text) else {
            throw APIError.badRequest(
                "'\(text)' is no trace id", code: "invalid_trace_id", hint: "expected up to 32 hexadecimal digits")
        }
        let bytes = try await api.run(context, rowsMax: api.configuration.maxSpansPerTrace) { query -> [UInt8]? in
            try api.trace(id, context: query).map { batch in
                // A trace has no time range: any part of the store may have had spans of it.
                let reasons = api.store.statistics().gapReasons(in: .all, tenant: .default)
                let usage = TraceUsage(batch, costs: costs())
                return TraceTree(batch).json(id, usage: usage, partialReasons: reasons)
            }
        }
        guard let bytes else {
            throw APIError.notFound(
                "there is no trace \(id)", code: "trace_not_found",
                hint: "it may not have arrived yet, or retention has removed it")
        }
        return bytes
    }

    // MARK: search

    private func search(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let query = try Self.query(parameters["q"] ?? "{ }")
        var search = TraceSearch(.query(query), range: try parameters.timeRange(now: api.now()))
        search.limit = try parameters.count("limit", default: search.limit, max: api.configuration.maxTraces)
        return try await api.run(context) { [search] context in try search.run(on: api.store, context: context).json }
    }
}
