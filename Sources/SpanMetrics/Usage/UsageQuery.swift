import TraceStorage

/// Tokens and cost of a range of time, by chosen keys.
package struct UsageQuery: Hashable, Sendable {
    /// What rows are made by.
    package enum Key: Hashable, Sendable {
        case model, provider, agent, service, operation, conversation
        /// An attribution key, by its place in ``GenAIConfiguration/attribution``.
        case attribution(Int, name: String)

        package var name: String {
            switch self {
            case .model: "model"
            case .provider: "provider"
            case .agent: "agent"
            case .service: "service"
            case .operation: "operation"
            case .conversation: "conversation"
            case .attribution(_, let name): name
            }
        }

        private static let fixed: [Key] = [.model, .provider, .agent, .service, .operation, .conversation]

        /// The key of a name; nil when there is none.
        package init?(_ name: String, configuration: GenAIConfiguration) {
            if let fixed = Self.fixed.first(where: { $0.name == name }) {
                self = fixed
            } else if let index = configuration.attribution.firstIndex(where: { $0.name == name }) {
                self = .attribution(index, name: name)
            } else {
                return nil
            }
        }

        /// The names there are.
        package static func names(_ configuration: GenAIConfiguration) -> [String] {
            fixed.map(\.name) + configuration.attribution.map(\.name)
        }

        func value(_ record: UsageRecord) -> String {
            switch self {
            case .model: record.model
            case .provider: record.provider
            case .agent: record.agent
            case .service: record.service
            case .operation: record.operation
            case .conversation: record.conversation
            case .attribution(let index, _): index < record.attribution.count ? record.attribution[index] : ""
            }
        }
    }

    /// Keys of one query.
    package static let keysMax = 6
    /// Rows of an answer, the most expensive: 10,000 are some 3 MB. What is over is in the row that
    /// ``UsageResult/isTruncated`` speaks of.
    package static let rowsMax = 10_000
    /// Groups that are added up to find the most expensive: 100,000 are some 30 MB. Past it those that come first in the
    /// log are the ones that are compared, and the others go to the same row at once.
    package static let groupsMax = 100_000
    /// Points of all series of an answer.
    package static let pointsMax = 100_000

    package var range: TimeRange
    package var keys: [Key]
    package var tenant = TenantID.default
    /// All of them have to be met; at most ``filtersMax``.
    package var filters: [Filter] = []
    /// Makes each row a series.
    package var steps: Steps?

    /// The pieces of time that a series is made of.
    package enum Steps: Hashable, Sendable {
        /// As long each, in nanoseconds, from the start of the range on.
        case every(nanoseconds: UInt64)
        /// From each of these times to the next, unix nanoseconds in order: days and months are not equally long.
        case from([UInt64])
    }

    /// When the step of a time begins, unix nanoseconds.
    func step(of time: UInt64) -> UInt64? {
        switch steps {
        case nil: return nil
        case .every(let nanoseconds): return range.start + (time - range.start) / nanoseconds * nanoseconds
        case .from(let starts):
            var (low, high) = (0, starts.count)
            while low < high {
                let middle = (low + high) / 2
                if starts[middle] <= time { low = middle + 1 } else { high = middle }
            }
            return low == 0 ? range.start : starts[low - 1]
        }
    }

    package init(range: TimeRange, by keys: [Key]) {
        self.range = range
        self.keys = keys
    }

    /// Adds up the records. Blocks on files.
    package func run(
        on metrics: GenAIMetrics, check: () throws(StorageError) -> Void
    ) throws(StorageError) -> UsageResult {
        let names = metrics.configuration.attribution.map(\.name)
        var aggregation = UsageAggregation(self, names: names)
        var damagedParts = try add(metrics, to: &aggregation, check)
        if let rows = aggregation.rowsToLookAtAgain {
            aggregation = UsageAggregation(self, names: names, rows: rows)
            damagedParts = try add(metrics, to: &aggregation, check)
        }
        if aggregation.lacksSeries {
            throw .limitExceeded(
                message: "the answer has more than \(Self.pointsMax) points; use a longer step or fewer keys")
        }
        var result = aggregation.result(damagedParts: damagedParts)
        // Retention writes down what it takes before it does.
        result.removedUntil = metrics.log.snapshot().removed.reasons(from: range.start)
        return result
    }

    /// Adds up the records, and gives the parts of files that do not check.
    private func add(
        _ metrics: GenAIMetrics, to aggregation: inout UsageAggregation, _ check: () throws(StorageError) -> Void
    ) throws(StorageError) -> Int {
        var failure: StorageError?
        func goesOn() -> Bool {
            do throws(StorageError) { try check() } catch { failure = error }
            return failure == nil
        }
        let damagedParts: Int
        do throws(CheckpointError) {
            damagedParts = try metrics.forEachPayload(in: range, goesOn: goesOn) { payload in
                (aggregation.add(payload), true)
            } waiting: {
                aggregation.add($0)
            }
        } catch { throw .io(message: "\(error)") }
        if let failure { throw failure }
        return damagedParts
    }
}

/// What several records come to.
package struct UsageSum: Hashable, Sendable {
    package var calls: UInt64 = 0
    package var errors: UInt64 = 0
    package var tokens = TokenUsage()
    /// US dollars.
    package var cost = 0.0
    /// Of what has a computed cost, whether it counts or not; US dollars.
    package private(set) var computedCost = 0.0
    /// Of what has a reported cost, whether it counts or not; US dollars.
    package private(set) var reportedCost = 0.0
    /// Calls with tokens and neither a price nor a reported cost. With any, or with usage of which no call was found,
    /// the source is unknown and `cost` a lower bound.
    package var unpricedCalls: UInt64 = 0
    /// Usage that no call was found for has no price.
    private var isPartUnpriced = false
    private var hasReported = false
    private var hasComputed = false

    package init() {}

    /// The least certain source of what was summed.
    package var costSource: CostSource {
        if unpricedCalls > 0 || isPartUnpriced { return .unknown }
        if hasReported { return .reported }
        // Of nothing the cost is known to be nothing.
        return hasComputed || calls == 0 ? .computed : .unknown
    }

    package mutating func add(_ record: UsageRecord) { add(UsagePart(record)) }

    mutating func add(_ other: UsageSum) {
        calls = calls.addingClamped(other.calls)
        errors = errors.addingClamped(other.errors)
        tokens += other.tokens
        cost += other.cost
        computedCost += other.computedCost
        reportedCost += other.reportedCost
        unpricedCalls = unpricedCalls.addingClamped(other.unpricedCalls)
        isPartUnpriced = isPartUnpriced || other.isPartUnpriced
        hasReported = hasReported || other.hasReported
        hasComputed = hasComputed || other.hasComputed
    }

    mutating func add(_ part: UsagePart) {
        calls = calls.addingClamped(part.calls)
        errors = errors.addingClamped(part.errors)
        tokens += part.tokens
        cost += part.cost
        switch part.costSource {
        case .computed:
            computedCost += part.cost
            reportedCost += part.otherCost
        case .reported:
            reportedCost += part.cost
            computedCost += part.otherCost
        case .unknown: break
        }
        guard !part.tokens.isEmpty || part.cost > 0 else { return }
        switch part.costSource {
        case .computed: hasComputed = true
        case .reported: hasReported = true
        case .unknown where part.kind == .unattributed: isPartUnpriced = true
        case .unknown: unpricedCalls = unpricedCalls.addingClamped(max(1, part.calls))
        }
    }
}

/// The usage of one combination of keys.
package struct UsageRow: Hashable, Sendable {
    /// The values of the query's keys; empty text where there is none.
    package var key: [String]
    package var sum = UsageSum()
    /// By the beginning of the query's step, unix nanoseconds.
    package var points: [UInt64: UsageSum] = [:]

    package init(key: [String]) { self.key = key }
}

/// The answer to a ``UsageQuery``: `rows`, `unattributed` and `other` together are `total`.
package struct UsageResult: Hashable, Sendable {
    /// The most expensive first.
    package var rows: [UsageRow] = []
    package var total: UsageRow
    /// What is not in `unattributed`.
    package var attributed = UsageSum()
    /// What was on nobody's behalf: it has none of the attribution keys that were asked for, or else none of the keys.
    package var unattributed: UsageRow
    /// What is beyond ``UsageQuery/rowsMax`` rows.
    package var other = UsageRow(key: [])
    package var isTruncated = false
    /// Parts of files of records that were passed over because they do not check.
    package var damagedParts = 0
    /// Where retention has removed records of the range: up to which time of a call, unix nanoseconds, by why.
    package var removedUntil: [UsageLogStatistics.Reason: UInt64] = [:]

    init(total: UsageRow, unattributed: UsageRow) {
        self.total = total
        self.unattributed = unattributed
    }
}
