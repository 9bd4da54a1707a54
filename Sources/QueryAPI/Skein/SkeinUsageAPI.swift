import HTTPServing
import Hummingbird
import SpanMetrics
import TraceStorage

/// `GET /api/skein/v1/usage`: tokens and cost.
struct SkeinUsageAPI: Sendable {
    let api: QueryAPI
    let current: @Sendable () -> GenAIMetrics?

    func addRoutes(to router: Router<QueryRequestContext>) {
        router.get("/api/skein/v1/usage") { request, context in
            request.json(try await usage(request.parameters, context))
        }
    }

    private func usage(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        guard let metrics = current() else {
            throw APIError.unavailable("usage is not known yet: the journal is being replayed")
        }
        var query = UsageQuery(range: try range(parameters), by: try keys(parameters, metrics))
        query.stepNanoseconds = try parameters.nanoseconds("step")
        return try await api.run(context) { [query] context in
            try query.run(on: metrics) { () throws(StorageError) in try context.check() }.json(query)
        }
    }

    private func keys(
        _ parameters: QueryParameters, _ metrics: GenAIMetrics
    ) throws(APIError) -> [UsageQuery.Key] {
        let names = UsageQuery.names(metrics)
        var keys: [UsageQuery.Key] = []
        for name in (parameters["by"] ?? "model").split(separator: ",") {
            guard let key = UsageQuery.Key(String(name), configuration: metrics.configuration) else {
                throw .badRequest("by: '\(name)' is nothing to group by", hint: "expected \(names)")
            }
            guard !keys.contains(key) else { throw .badRequest("by: '\(name)' comes twice") }
            keys.append(key)
        }
        guard !keys.isEmpty, keys.count <= UsageQuery.keysMax else {
            throw .badRequest("by: \(keys.count) keys, expected 1 to \(UsageQuery.keysMax)", hint: "of \(names)")
        }
        return keys
    }

    /// `month=2026-11` for a month of UTC, or `start`, `end` and `since` as everywhere.
    private func range(_ parameters: QueryParameters) throws(APIError) -> TimeRange {
        guard let text = parameters["month"] else { return try parameters.timeRange(now: api.now()) }
        guard parameters["start"] == nil, parameters["end"] == nil, parameters["since"] == nil else {
            throw .badRequest("month excludes start, end and since")
        }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 4, parts[1].utf8.count == 2, let year = Int(parts[0]),
            let month = Int(parts[1]), (1...12).contains(month), (1970...2261).contains(year),
            let start = TimeText.parse("\(text)-01T00:00:00Z")
        else {
            throw .badRequest("month: '\(text)' is no month", hint: "an example: month=2026-11")
        }
        let next = month == 12 ? (year + 1, 1) : (year, month + 1)
        let end = TimeText.parse("\(next.0)-\(next.1 < 10 ? "0" : "")\(next.1)-01T00:00:00Z") ?? start
        return TimeRange(start: start, end: end)
    }
}

extension UsageQuery {
    fileprivate static func names(_ metrics: GenAIMetrics) -> String {
        Key.names(metrics.configuration).joined(separator: ", ")
    }
}
