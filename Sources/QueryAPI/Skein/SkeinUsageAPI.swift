import Alerting
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
        query.filters = try filters(parameters, metrics)
        query.steps = try steps(parameters, query.range)
        let zone = api.configuration.timeZone
        return try await api.run(context) { [query] context in
            try query.run(on: metrics) { () throws(StorageError) in try context.check() }.json(query, in: zone)
        }
    }

    /// `step=hour`, `day` or `month` of the configured time zone, or a duration from the start on.
    private func steps(_ parameters: QueryParameters, _ range: TimeRange) throws(APIError) -> UsageQuery.Steps? {
        guard let text = parameters["step"] else { return nil }
        if let unit = CalendarZone.Unit(rawValue: text) {
            guard let starts = api.configuration.timeZone.starts(of: unit, in: range, max: Self.stepsMax) else {
                throw .badRequest(
                    "step: the range has more than \(Self.stepsMax) steps of a \(text)", hint: "use a longer step")
            }
            return .from(starts)
        }
        return try parameters.nanoseconds("step").map { .every(nanoseconds: $0) }
    }

    /// Of an answer; more than a year of hours.
    private static let stepsMax = 10_000

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

    /// `where=user="ada"`, as often as there are conditions.
    private func filters(
        _ parameters: QueryParameters, _ metrics: GenAIMetrics
    ) throws(APIError) -> [UsageQuery.Filter] {
        let texts = parameters.all("where").filter { !$0.isEmpty }
        guard texts.count <= UsageQuery.filtersMax else {
            throw .badRequest("where: \(texts.count) conditions, expected at most \(UsageQuery.filtersMax)")
        }
        var filters: [UsageQuery.Filter] = []
        for text in texts {
            let matcher: LabelMatcher
            do throws(LabelMatcher.ParsingError) { matcher = try LabelMatcher(parsing: text) } catch {
                throw .badRequest("where: \(error)", hint: "an example: where=user%3D%22ada%22")
            }
            guard let key = UsageQuery.Key(matcher.name, configuration: metrics.configuration) else {
                throw .badRequest(
                    "where: '\(matcher.name)' is nothing to group by", hint: "expected \(UsageQuery.names(metrics))")
            }
            filters.append(UsageQuery.Filter(key, matcher.description) { matcher.matches([matcher.name: $0]) })
        }
        return filters
    }

    /// `month=2026-11` for a month of the configured time zone, or `start`, `end` and `since` as everywhere.
    private func range(_ parameters: QueryParameters) throws(APIError) -> TimeRange {
        guard let text = parameters["month"] else { return try parameters.timeRange(now: api.now()) }
        guard parameters["start"] == nil, parameters["end"] == nil, parameters["since"] == nil else {
            throw .badRequest("month excludes start, end and since")
        }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 4, parts[1].utf8.count == 2, let year = Int(parts[0]),
            let month = Int(parts[1]), let range = api.configuration.timeZone.month(month, of: year)
        else {
            throw .badRequest("month: '\(text)' is no month", hint: "an example: month=2026-11")
        }
        return range
    }
}

extension UsageQuery {
    fileprivate static func names(_ metrics: GenAIMetrics) -> String {
        Key.names(metrics.configuration).joined(separator: ", ")
    }
}
