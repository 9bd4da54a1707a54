/// The answer of an aggregation, or a part of it: parts of different blocks, threads or stores are merged in any order.
package struct AggregationResult: Sendable {
    /// In no particular order; none has the key and step of another.
    package private(set) var groups: [AggregationGroup] = []
    /// Spans of groups beyond ``AggregationPlan/groupsMax``, in one group without a key; nil when there are none. Which
    /// groups these are is not defined.
    package private(set) var overflow: AggregationGroup?
    private var places: [AggregationGroup.Key: Int] = [:]

    package init() {}

    /// - Parameter groups: of different keys.
    package init(groups: [AggregationGroup], overflow: AggregationGroup?) {
        self.groups = groups
        self.overflow = overflow
        places = Dictionary(uniqueKeysWithValues: groups.enumerated().map { ($1.identity, $0) })
    }

    /// All spans that were counted.
    package var spans: Int { groups.reduce(overflow?.spans ?? 0) { $0 + $1.spans } }

    package mutating func merge(_ other: AggregationResult, groupsMax: Int) {
        for group in other.groups {
            if let place = places[group.identity] {
                groups[place].merge(group)
            } else if groups.count < groupsMax {
                places[group.identity] = groups.count
                groups.append(group)
            } else {
                mergeOverflow(group)
            }
        }
        if let group = other.overflow { mergeOverflow(group) }
    }

    private mutating func mergeOverflow(_ group: AggregationGroup) {
        guard overflow != nil else {
            overflow = AggregationGroup(key: [], stepStart: nil, spans: group.spans, measures: group.measures)
            return
        }
        overflow?.merge(group)
    }
}

/// The spans that have the same values of the fields that are grouped by.
package struct AggregationGroup: Sendable {
    struct Key: Hashable {
        let values: [FieldValue]
        let stepStart: UInt64?
    }

    /// In the order of ``AggregationPlan/groupings``.
    package let key: [FieldValue]
    /// Unix nanoseconds at which the group's step begins; nil without steps.
    package let stepStart: UInt64?
    package private(set) var spans: Int
    /// In the order of ``AggregationPlan/measures``.
    package private(set) var measures: [MeasureSummary]

    package init(key: [FieldValue], stepStart: UInt64?, spans: Int, measures: [MeasureSummary]) {
        self.key = key
        self.stepStart = stepStart
        self.spans = spans
        self.measures = measures
    }

    var identity: Key { Key(values: key, stepStart: stepStart) }

    fileprivate mutating func merge(_ other: AggregationGroup) {
        spans += other.spans
        for index in measures.indices where index < other.measures.count {
            measures[index].merge(other.measures[index])
        }
    }
}

/// What is known of a number over the spans of a group.
package struct MeasureSummary: Hashable, Sendable {
    /// Spans that have the number.
    package private(set) var count: Int
    package private(set) var sum: Double
    /// Infinity when there is no number.
    package private(set) var min: Double
    /// Minus infinity when there is no number.
    package private(set) var max: Double
    /// Nil where the measure has none.
    package private(set) var histogram: OctaveHistogram?
    /// One for each of ``AggregationMeasure/bounds`` and a last one for what is above them; empty where there are none.
    package private(set) var bucketCounts: [UInt64]

    package init(
        count: Int = 0, sum: Double = 0, min: Double = .infinity, max: Double = -.infinity,
        histogram: OctaveHistogram? = nil, bucketCounts: [UInt64] = []
    ) {
        self.count = count
        self.sum = sum
        self.min = min
        self.max = max
        self.histogram = histogram
        self.bucketCounts = bucketCounts
    }

    package var average: Double? { count > 0 ? sum / Double(count) : nil }

    /// The number below or at which this share of all lies, at most 0.79 % wrong; nil without numbers or a histogram.
    package func quantile(_ share: Double) -> Double? {
        histogram?.quantile(share).map { Swift.min(Swift.max($0, min), max) }
    }

    package mutating func merge(_ other: MeasureSummary) {
        count += other.count
        sum += other.sum
        min = Swift.min(min, other.min)
        max = Swift.max(max, other.max)
        if bucketCounts.isEmpty {
            bucketCounts = other.bucketCounts
        } else {
            for (index, more) in zip(bucketCounts.indices, other.bucketCounts) { bucketCounts[index] &+= more }
        }
        guard let more = other.histogram else { return }
        if histogram == nil { histogram = more } else { histogram?.merge(more) }
    }
}
