import HTTPServing
import HTTPTypes
import Hummingbird
import OTLP
import TraceQL
import TraceStorage

/// Jaeger's API version 3: traces as OTLP JSON.
///
/// Spans are answered as they were sent, whether or not raw traces were asked for. Parameters are taken in both
/// spellings, `startTime` and `start_time`.
struct JaegerV3API: Sendable {
    let api: QueryAPI

    func addRoutes(to router: Router<QueryRequestContext>) {
        router.get("/api/v3/services") { request, context in try await answer(request, context, services) }
        router.get("/api/v3/operations") { request, context in try await answer(request, context, operations) }
        router.get("/api/v3/traces") { request, context in try await answer(request, context, search) }
        router.get("/api/v3/trace-summaries") { request, context in try await answer(request, context, summaries) }
        router.get("/api/v3/traces/:id") { request, context in try await answer(request, context, trace) }
    }

    private typealias Handler = (QueryParameters, QueryRequestContext) async throws -> [UInt8]

    private func answer(
        _ request: Request, _ context: QueryRequestContext, _ handler: Handler
    ) async throws -> Response {
        do {
            return request.json(try await handler(request.parameters, context))
        } catch let error as ParameterError {
            return Self.failure(.badRequest, error.message)
        } catch let error as APIError {
            return Self.failure(
                error.status, error.hint.isEmpty ? error.message : "\(error.message); \(error.hint)")
        }
    }

    private static func failure(_ status: HTTPResponse.Status, _ message: String) -> Response {
        var json = JSONWriter()
        json.object { json in
            json.object("error") { json in
                json.int("httpCode", status.code)
                json.string("message", message)
            }
        }
        return .bytes(json.takeBytes(), contentType: "application/json", status: status)
    }

    private static let noTraces = APIError.notFound("No traces found")

    // MARK: services and operations

    private func services(_: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let names = try await api.run(context) { query in
            try api.store.services(in: .all, tenant: .default, context: query)
        }
        var json = JSONWriter()
        json.object { json in
            json.array("services") { json in
                for name in names { json.string(name) }
            }
        }
        return json.takeBytes()
    }

    private func operations(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        guard let service = parameters["service"] else {
            throw ParameterError(malformed: "service", "expected the name of a service")
        }
        let kind = parameters["spanKind", "span_kind"]
        let operations = try await api.run(context) { query in
            try api.store.operations(of: service, in: .all, tenant: .default, context: query)
        }
        var json = JSONWriter()
        json.object { json in
            json.array("operations") { json in
                for operation in operations {
                    let name = (JaegerKind(operation.kind) ?? .internal).rawValue
                    guard kind == nil || kind == name else { continue }
                    json.object { json in
                        json.string("name", operation.name)
                        json.string("spanKind", name)
                    }
                }
            }
        }
        return json.takeBytes()
    }

    // MARK: traces

    private func trace(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let text = context.parameters.get("id") ?? ""
        guard let id = TraceID(jaeger: PercentEncoding.decode(text) ?? text) else {
            throw ParameterError(
                malformed: "trace_id", "'\(text)' is no trace id, expected up to 32 hexadecimal digits")
        }
        // As in the classic API, a hint that this store has no need of.
        _ = try parameters.time("startTime", "start_time")
        _ = try parameters.time("endTime", "end_time")
        let bytes = try await api.run(context, rowsMax: api.configuration.maxSpansPerTrace) { query -> [UInt8]? in
            try api.trace(id, context: query).map(Self.result)
        }
        guard let bytes else { throw Self.noTraces }
        return bytes
    }

    private func search(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let search = try search(parameters)
        let bytes = try await api.run(context) { query -> [UInt8]? in
            var spans: [UInt8] = []
            for summary in try search.run(on: api.store, context: query).traces {
                // Serialized requests laid end to end are one request.
                spans += try api.trace(summary.traceID, context: query)?.bytes ?? []
                guard spans.count <= JaegerAPI.answerBytesMax / 4 else {
                    throw StorageError.limitExceeded(
                        message: "the traces take more than \(JaegerAPI.answerBytesMax >> 22) MiB of OTLP, "
                            + "expected a lower query.searchDepth")
                }
            }
            guard !spans.isEmpty else { return nil }
            do throws(WireError) {
                return Self.result(try StoredSpans.decode(spans))
            } catch {
                throw StorageError.corrupt(message: "traces of a search: \(error)")
            }
        }
        guard let bytes else { throw Self.noTraces }
        return bytes
    }

    private func summaries(_ parameters: QueryParameters, _ context: QueryRequestContext) async throws -> [UInt8] {
        let search = try search(parameters)
        return try await api.run(context) { query in
            let traces = try search.run(on: api.store, context: query).traces
            var json = JSONWriter()
            try json.object { json in
                guard !traces.isEmpty else { return }
                try json.array("summaries") { json in
                    for summary in traces {
                        let orphans = try api.trace(summary.traceID, context: query)?.orphanCount ?? 0
                        summary.writeJaeger(to: &json, orphans: orphans)
                    }
                }
            }
            return json.takeBytes()
        }
    }

    private func search(_ parameters: QueryParameters) throws(ParameterError) -> TraceSearch {
        guard let start = try parameters.time("query.startTimeMin", "query.start_time_min") else {
            throw ParameterError(malformed: "query.startTimeMin", "expected a time")
        }
        guard let end = try parameters.time("query.startTimeMax", "query.start_time_max") else {
            throw ParameterError(malformed: "query.startTimeMax", "expected a time")
        }
        guard start < end else {
            throw ParameterError(malformed: "query.startTimeMax", "expected a time after query.startTimeMin")
        }
        var search = TraceSearch(.spans(.and(try conditions(parameters))), range: TimeRange(start: start, end: end))
        search.limit = JaegerSearch.limitDefault
        search.spansPerTrace = 1
        if let text = parameters["query.searchDepth", "query.search_depth", "query.num_traces"] {
            guard let limit = Int(text), limit > 0, limit <= api.configuration.maxTraces else {
                throw ParameterError(
                    malformed: "query.searchDepth",
                    "'\(text)' is out of range, expected 1 to \(api.configuration.maxTraces)")
            }
            search.limit = limit
        }
        return search
    }

    private func conditions(_ parameters: QueryParameters) throws(ParameterError) -> [SpanPredicate] {
        if parameters["query.filter"] != nil {
            throw ParameterError(malformed: "query.filter", "filter expressions are not supported")
        }
        var result: [SpanPredicate] = []
        if let service = parameters["query.serviceName", "query.service_name"] {
            result.append(.compare(.serviceName, .equal, .string(service)))
        }
        if let operation = parameters["query.operationName", "query.operation_name"] {
            result.append(.compare(.name, .equal, .string(operation)))
        }
        let bounds: [(name: String, snake: String, ComparisonOperator)] = [
            ("query.durationMin", "query.duration_min", .greaterOrEqual),
            ("query.durationMax", "query.duration_max", .lessOrEqual),
        ]
        for (name, snake, comparison) in bounds {
            guard let text = parameters[name, snake] else { continue }
            guard let duration = GoDuration.parse(text) else {
                throw ParameterError(malformed: name, "time: invalid duration \"\(text)\"")
            }
            result.append(.compare(.duration, comparison, .int(duration.nanosecondsClamped)))
        }
        if let attributes = parameters["query.attributes"] {
            do throws(JSONError) {
                for (key, text) in try JaegerTags.strings(attributes) { result.append(JaegerTags.predicate(key, text)) }
            } catch {
                throw ParameterError(malformed: "query.attributes", "\(error)")
            }
        }
        return result
    }

    private static func result(_ batch: SpanBatch) -> [UInt8] {
        var json = JSONWriter(reservingCapacity: batch.bytes.count * 3)
        json.object { json in
            json.key("result")
            OTLPJSON.write(batch, to: &json)
        }
        return json.takeBytes()
    }
}

extension ParameterError {
    fileprivate init(malformed name: String, _ problem: String) {
        message = "malformed parameter \(name): \(problem)"
    }
}

extension QueryParameters {
    /// A time in RFC 3339; nil when it is absent.
    fileprivate func time(_ name: String, _ snake: String) throws(ParameterError) -> UInt64? {
        guard let text = self[name, snake] else { return nil }
        guard let time = TimeText.parseRFC3339(text) else {
            throw ParameterError(malformed: name, "'\(text)' is no time, expected RFC 3339")
        }
        return time
    }
}
