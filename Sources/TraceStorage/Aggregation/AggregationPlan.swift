/// What an aggregation looks at, groups by and sums up.
package struct AggregationPlan: Sendable {
    /// Fields to group by, and numbers to sum up: each is a column to read, and nobody reads a table of more.
    package static let groupingsMax = 8
    package static let measuresMax = 8

    package var tenant: TenantID
    /// Spans are selected by their start time.
    package var range: TimeRange
    package var predicate: SpanPredicate
    /// One group for each combination of their values. Spans without a value are in the group of
    /// ``FieldValue/none``; a double that is not a number counts as absent.
    package var groupings: [FieldReference]
    package var measures: [AggregationMeasure]
    /// Nanoseconds of a step, counted from the start of ``range``, by which groups are split further; nil for none.
    package var stepNanoseconds: UInt64?
    /// Groups of the answer, those of each step counted apart: some hundred bytes each, and up to some kilobytes for
    /// each histogram. Spans of further groups are in ``AggregationResult/overflow``.
    package var groupsMax: Int

    package init(
        tenant: TenantID = .default, range: TimeRange = .all, predicate: SpanPredicate = .all,
        groupings: [FieldReference] = [], measures: [AggregationMeasure] = [], stepNanoseconds: UInt64? = nil,
        groupsMax: Int = 10_000
    ) {
        self.tenant = tenant
        self.range = range
        self.predicate = predicate
        self.groupings = groupings
        self.measures = measures
        self.stepNanoseconds = stepNanoseconds
        self.groupsMax = groupsMax
    }

    /// - Throws: ``StorageError/limitExceeded(message:)`` for a plan past its limits, or with a step of 0.
    package func validate() throws(StorageError) {
        guard groupings.count <= Self.groupingsMax else {
            throw .limitExceeded(message: "grouped by \(groupings.count) fields, at most \(Self.groupingsMax)")
        }
        guard measures.count <= Self.measuresMax else {
            throw .limitExceeded(message: "\(measures.count) numbers summed up, at most \(Self.measuresMax)")
        }
        guard stepNanoseconds != 0 else { throw .limitExceeded(message: "step of 0, expected more") }
        guard groupsMax > 0, groupsMax < Int(Int32.max) else {
            throw .limitExceeded(message: "at most \(groupsMax) groups, expected 1 to \(Int32.max - 1)")
        }
    }

    /// The scan that finds what the aggregation needs, row by row: groupings, measures, then the start if it is split
    /// into steps.
    package var scan: ScanPlan {
        ScanPlan(
            tenant: tenant, range: range, predicate: predicate,
            fields: groupings + measures.map(\.field) + (stepNanoseconds == nil ? [] : [.startTime]))
    }
}

/// A number to sum up: a time or duration in nanoseconds, or an attribute where it is an int or a double.
package struct AggregationMeasure: Hashable, Sendable {
    package var field: FieldReference
    /// Whether quantiles are wanted.
    package var hasHistogram: Bool
    /// Upper bounds, ascending, of buckets that the numbers are counted in exactly: what equals a bound lies in its
    /// bucket, what is above the last one in one more. Empty where no such counts are wanted.
    package var bounds: [Double]

    package init(_ field: FieldReference, hasHistogram: Bool = true, bounds: [Double] = []) {
        self.field = field
        self.hasHistogram = hasHistogram
        self.bounds = bounds
    }
}
