import TraceStorage

/// Rate, errors and duration computed from stored spans, by the definition of ``REDMetrics``: spans of resources
/// without `service.name` do not count, others count as their ``AdjustedCount`` (here with its fraction).
package struct REDQuery: Sendable {
    /// Something to group by and the name it has in the answer.
    package struct Grouping: Hashable, Sendable {
        package var name: String
        package var field: FieldReference

        package init(name: String, field: FieldReference) {
            self.name = name
            self.field = field
        }

        /// `service`, `operation`, `kind`, `status`, or an attribute: with its place (`span.http.route`,
        /// `resource.cloud.region`, `event.`, `link.`, `instrumentation.`), else (`.x` or `x`) wherever it stands.
        /// Nil for an empty name.
        package init?(parsing text: String) {
            let places: [(String, AttributePlace)] = [
                ("span.", .span), ("resource.", .resource), ("event.", .event), ("link.", .link),
                ("instrumentation.", .scope), (".", .any),
            ]
            name = text
            switch text {
            case "service": field = .serviceName
            case "operation": field = .name
            case "kind": field = .kind
            case "status": field = .statusCode
            default:
                let place = places.first { text.hasPrefix($0.0) }
                let key = String(text.dropFirst(place?.0.count ?? 0))
                guard !key.isEmpty, !key.contains(where: \.isWhitespace) else { return nil }
                field = .attribute(place?.1 ?? .any, key: key)
            }
        }
    }

    package var tenant = TenantID.default
    /// Spans are selected by their start time.
    package var range: TimeRange
    package var groupings: [Grouping]
    package var predicate = SpanPredicate.all
    /// Width of the points of a row's series in nanoseconds; nil for no series.
    package var stepNanoseconds: UInt64?

    package init(range: TimeRange, by groupings: [Grouping]) {
        self.range = range
        self.groupings = groupings
    }

    /// Attributes to group by; each is a column to read, and nobody reads a table of more.
    package static let groupingsMax = 8
    /// Rows of an answer, about 10 KB of working memory each. Spans of further groups are summed in one row whose
    /// keys are all ``otherKey``.
    package static let groupsMax = 2_000
    /// Points of all rows together, about 1 KB of working memory each. A query that would have more is refused.
    package static let pointsMax = 50_000
    package static let otherKey = FieldValue.string("(other)")

    /// Computes the rows, the largest count first.
    ///
    /// Where the range has both ends and there are no more groups than an answer has, the reader groups the spans
    /// itself (``TraceReader/aggregate(_:context:)``); spans then are no rows of ``QueryContext/rowsMax``. Else each
    /// span is looked at. The numbers are the same.
    ///
    /// - Throws: what the reader throws, and ``StorageError/limitExceeded(message:)`` past ``groupingsMax`` or
    ///   ``pointsMax``.
    package func run(
        on reader: any TraceReader, context: QueryContext = QueryContext()
    ) throws(StorageError) -> REDResult {
        guard groupings.count <= Self.groupingsMax else {
            throw .limitExceeded(message: "grouped by \(groupings.count) keys, at most \(Self.groupingsMax)")
        }
        if let stepNanoseconds {
            guard stepNanoseconds > 0 else { throw .limitExceeded(message: "step of 0, expected more") }
            guard range.end != .max, (range.end &- range.start) / stepNanoseconds < UInt64(Self.pointsMax) else {
                throw .limitExceeded(message: "more than \(Self.pointsMax) steps in the range, expected a longer step")
            }
        }
        var aggregation: REDAggregation
        if let grouped = try self.grouped(on: reader, context: context) {
            aggregation = grouped
        } else {
            aggregation = try spanBySpan(on: reader, context: context)
        }
        if aggregation.hasTooManyPoints {
            throw .limitExceeded(message: "more than \(Self.pointsMax) points, expected a longer step or fewer groups")
        }
        var result = aggregation.result()
        let statistics = reader.statistics()
        result.partialReasons = statistics.gapReasons(in: range, tenant: tenant)
        if let deletedBefore = statistics.deletedBefore, range.start < deletedBefore {
            result.partialReasons.append("retention has deleted spans of the range")
        }
        return result
    }
}

extension REDQuery {
    /// Groups that the reader may tell apart: those of the answer by step, status and weight of their spans.
    static let cellsMax = 100_000

    /// What the reader's own grouping gives; nil where it cannot give what looking at each span does: for a range that
    /// the spans' own times bound, for as many keys as a reader groups by, and past a limit.
    private func grouped(
        on reader: any TraceReader, context: QueryContext
    ) throws(StorageError) -> REDAggregation? {
        guard range.start > 0, range.end != .max, groupings.count + 2 <= AggregationPlan.groupingsMax else {
            return nil
        }
        let plan = AggregationPlan(
            tenant: tenant, range: range, predicate: counted,
            groupings: groupings.map(\.field) + [.statusCode, .adjustedCount],
            measures: [AggregationMeasure(.duration)], stepNanoseconds: stepNanoseconds, groupsMax: Self.cellsMax)
        do throws(StorageError) {
            var aggregation = REDAggregation(query: self)
            return aggregation.add(try reader.aggregate(plan, context: context)) ? aggregation : nil
        } catch {
            guard case .limitExceeded = error else { throw error }
            return nil
        }
    }

    private func spanBySpan(
        on reader: any TraceReader, context: QueryContext
    ) throws(StorageError) -> REDAggregation {
        let plan = ScanPlan(
            tenant: tenant, range: range, predicate: counted,
            fields: [.startTime, .duration, .statusCode, .adjustedCount] + groupings.map(\.field))
        var aggregation = REDAggregation(query: self)
        try reader.scan(plan, context: context) { rows in
            aggregation.add(rows)
            return !aggregation.hasTooManyPoints
        }
        return aggregation
    }

    private var counted: SpanPredicate { .and([.exists(.serviceName), predicate]) }
}

/// The answer of a ``REDQuery``.
package struct REDResult: Sendable {
    package var rows: [REDRow]
    /// Why spans of the range are missing, one line each: those that retention has deleted, and those of a part of the
    /// store that cannot be read.
    package var partialReasons: [String] = []
    package var isPartial: Bool { !partialReasons.isEmpty }
    /// There were more than ``REDQuery/groupsMax`` groups.
    package var isTruncated = false
}

/// One group.
package struct REDRow: Sendable {
    package struct KeyValue: Hashable, Sendable {
        package var name: String
        /// Kind and status as TraceQL's keywords (`server`, `error`), ``FieldValue/none`` where spans have no such
        /// value.
        package var value: FieldValue
    }

    /// In the order of the query's groupings.
    package var key: [KeyValue]
    package var numbers: REDNumbers
    /// Stored spans.
    package var spans: Int
    /// The points that have spans, in order of time; nil when the query has no step.
    package var series: [REDPoint]?
}

/// What RED says about a set of spans.
package struct REDNumbers: Hashable, Sendable {
    /// Adjusted count.
    package var count: Double
    /// Per second.
    package var rate: Double
    /// Adjusted count of spans with status error.
    package var errors: Double
    /// Errors of count, 0 to 1.
    package var errorRate: Double
    package var p50Nanoseconds: UInt64
    package var p95Nanoseconds: UInt64
    package var p99Nanoseconds: UInt64
}

/// One step of a row's series.
package struct REDPoint: Hashable, Sendable {
    /// Unix nanoseconds at which the step begins.
    package var start: UInt64
    package var numbers: REDNumbers
}
