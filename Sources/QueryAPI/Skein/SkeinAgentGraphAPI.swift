import HTTPServing
import Hummingbird
import SpanMetrics
import TraceStorage

/// `GET /api/skein/v1/agents/graph`: who invokes which agents, and what these use.
struct SkeinAgentGraphAPI: Sendable {
    let api: QueryAPI
    let costs: @Sendable () -> CostModel

    func addRoutes(to router: Router<QueryRequestContext>) {
        router.get("/api/skein/v1/agents/graph") { request, context in
            request.json(try await graph(request.parameters, context))
        }
    }

    private func graph(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        var query = AgentGraphQuery(range: try parameters.timeRange(now: api.now()))
        if let text = parameters["q"] { query.predicate = try SkeinAPI.predicate(text) }
        return try await api.run(context) { [query] context in
            try query.run(on: api.store, costs: costs(), context: context).json
        }
    }
}
