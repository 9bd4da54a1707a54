import OTLP
import TraceQL
import TraceStorage

/// A parameter that a client has to correct.
struct ParameterError: Error, Hashable {
    let message: String
}

extension ParameterError {
    init(_ name: String, _ problem: String) {
        message = "unable to parse param '\(name)': \(problem)"
    }
}

/// The parameters of the classic trace search.
struct JaegerSearch: Sendable {
    /// Traces of an answer when the client does not say.
    static let limitDefault = 100
    /// How far back a search looks when the client does not say.
    static let lookbackNanoseconds: UInt64 = 48 * 3_600 * 1_000_000_000

    private(set) var range = TimeRange.all
    private(set) var predicate = SpanPredicate.all
    private(set) var limit = Self.limitDefault
    private(set) var isRaw = false
    /// Traces asked for by id; conditions do not count then.
    private var ids: [TraceID] = []

    /// - Parameters:
    ///   - now: unix nanoseconds.
    ///   - limitMax: traces that an answer may have.
    init(_ parameters: QueryParameters, now: UInt64, limitMax: Int) throws(ParameterError) {
        isRaw = parameters.flag("raw")
        let start = try parameters.microseconds("start")
        let end = try parameters.microseconds("end")
        // Spans are shown with their start cut to microseconds and compared as they are shown.
        range = TimeRange(
            start: start ?? (now > Self.lookbackNanoseconds ? now - Self.lookbackNanoseconds : 0),
            end: (end ?? now).addingCapped(end == nil ? 1 : 1_000))
        if let number = try parameters.integer("limit") {
            guard number > 0, number <= limitMax else {
                throw ParameterError("limit", "\(number) is out of range, expected 1 to \(limitMax)")
            }
            limit = Int(number)
        }
        for text in parameters.all("traceID") {
            guard let id = TraceID(jaeger: text) else {
                throw ParameterError(
                    message:
                        "cannot parse traceID param: '\(text)' is no trace id, expected up to 32 hexadecimal digits")
            }
            if !ids.contains(id) { ids.append(id) }
            guard ids.count <= limitMax else {
                throw ParameterError(message: "cannot parse traceID param: more than \(limitMax) ids")
            }
        }
        predicate = .and(try Self.conditions(parameters))
    }

    private static func conditions(_ parameters: QueryParameters) throws(ParameterError) -> [SpanPredicate] {
        var result: [SpanPredicate] = []
        if let service = parameters["service"] {
            result.append(.compare(.serviceName, .equal, .string(service)))
        }
        if let operation = parameters["operation"] {
            result.append(.compare(.name, .equal, .string(operation)))
        }
        let shortest = try parameters.duration("minDuration")
        let longest = try parameters.duration("maxDuration")
        if let shortest, let longest, longest < shortest {
            throw ParameterError(message: "'maxDuration' should be greater than 'minDuration'")
        }
        if let shortest { result.append(.compare(.duration, .greaterOrEqual, .int(shortest))) }
        if let longest { result.append(.compare(.duration, .lessOrEqual, .int(longest))) }
        for (key, text) in try JaegerTags.pairs(parameters) { result.append(JaegerTags.predicate(key, text)) }
        return result
    }

    /// The traces of the answer: those asked for by id in their order, else those that match, the newest first.
    func traceIDs(in store: any TraceReader, context: QueryContext) throws(StorageError) -> [TraceID] {
        guard ids.isEmpty else { return ids }
        var search = TraceSearch(.spans(predicate), range: range)
        search.limit = limit
        search.spansPerTrace = 1
        return try search.run(on: store, context: context).traces.map(\.traceID)
    }
}

/// Tag conditions of Jaeger's searches.
enum JaegerTags {
    /// The conditions of the `tag` and `tags` parameters.
    static func pairs(_ parameters: QueryParameters) throws(ParameterError) -> [(key: String, text: String)] {
        var result: [(key: String, text: String)] = []
        for tag in parameters.all("tag") {
            guard let colon = tag.firstIndex(of: ":") else {
                throw ParameterError(message: "malformed 'tag' parameter, expecting key:value, received: \(tag)")
            }
            result.append((String(tag[..<colon]), String(tag[tag.index(after: colon)...])))
        }
        for object in parameters.all("tags") where !object.isEmpty {
            do throws(JSONError) {
                result += try strings(object)
            } catch {
                throw ParameterError(message: "malformed 'tags' parameter, cannot unmarshal JSON: \(error)")
            }
        }
        return result
    }

    /// The members of a JSON object whose values are strings.
    static func strings(_ object: String) throws(JSONError) -> [(key: String, text: String)] {
        var reader = JSONReader(Array(object.utf8))
        var result: [(key: String, text: String)] = []
        try reader.enterObject()
        while let key = try reader.nextMember() {
            let name = String(decoding: try reader.unescaped(key), as: UTF8.self)
            result.append((name, String(decoding: try reader.unescaped(try reader.string()), as: UTF8.self)))
        }
        try reader.finish()
        return result
    }

    /// What a span has to have. Tags that the trace JSON makes of other parts of a span are found there too.
    static func predicate(_ key: String, _ text: String) -> SpanPredicate {
        let derived: SpanPredicate? =
            switch (key, text) {
            case ("error", "true"), ("otel.status_code", "ERROR"): .compare(.statusCode, .equal, .int(2))
            case ("otel.status_code", "OK"): .compare(.statusCode, .equal, .int(1))
            case ("otel.status_description", _): .compare(.statusMessage, .equal, .string(text))
            case ("otel.scope.name", _): .compare(.scopeName, .equal, .string(text))
            case ("otel.scope.version", _): .compare(.scopeVersion, .equal, .string(text))
            case ("span.kind", _):
                JaegerKind(rawValue: text).map { .compare(.kind, .equal, .int(Int64($0.number))) }
            default: nil
            }
        let tag = SpanPredicate.tag(key: key, text: text)
        return derived.map { .or([tag, $0]) } ?? tag
    }
}

extension QueryParameters {
    /// A whole number; nil when it is absent.
    func integer(_ name: String) throws(ParameterError) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let number = Int64(text) else {
            throw ParameterError(name, "strconv.ParseInt: parsing \"\(text)\": invalid syntax")
        }
        return number
    }

    /// Microseconds since 1970 as nanoseconds; times before are 1970, times past the end of the clock its end.
    func microseconds(_ name: String) throws(ParameterError) -> UInt64? {
        try integer(name).map { UInt64(max(0, $0)).multipliedCapped(1_000) }
    }

    /// Milliseconds as nanoseconds, likewise.
    func milliseconds(_ name: String) throws(ParameterError) -> UInt64? {
        try integer(name).map { UInt64(max(0, $0)).multipliedCapped(1_000_000) }
    }

    /// A duration such as `1.2s` or `500us` in nanoseconds; nil when it is absent.
    func duration(_ name: String) throws(ParameterError) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let duration = GoDuration.parse(text) else {
            throw ParameterError(name, "time: invalid duration \"\(text)\"")
        }
        return duration.nanosecondsClamped
    }
}

extension UInt64 {
    /// The product, or the largest number where it is larger.
    func multipliedCapped(_ factor: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }

    /// The sum, or the largest number where it is larger.
    func addingCapped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
