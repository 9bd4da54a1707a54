import OTLP
import TraceStorage

/// What the calls of models in one trace used and cost, each call once.
///
/// Calls and tokens come from ``GenAICollector`` and costs from ``CostModel``, so that they are those of `/usage`. There
/// a sampled trace stands for several; here it is one.
package struct TraceUsage: Sendable {
    /// By the innermost span of a call, or that of an agent that reports more than its calls.
    package private(set) var spans: [SpanID: UsageSum] = [:]
    /// Of the whole trace.
    package private(set) var total = UsageSum()

    /// - Parameter batch: The spans of one trace, all of them.
    package init(_ batch: SpanBatch, costs: CostModel) {
        var collector = GenAICollector.ofWholeTraces()
        var prices = KnownPrices()
        var records: [(SpanID, UsageRecord)] = []
        func take(_ found: NumberedFindings, _ texts: TextTable) {
            for call in found.calls {
                records.append((call.spanID, UsageRecord(ofOne: call, costs.cost(of: call, texts, &prices))))
            }
            for rest in found.unattributed {
                var record = UsageRecord()
                record.kind = .unattributed
                record.tokens = rest.usage
                records.append((rest.spanID, record))
            }
        }
        // Everything at once: nothing waits, and position and time are of no account.
        collector.take(StoredBatch(batch: batch, position: JournalPosition(1), receivedAt: 0)) { take($1, $2) }
        collector.takeAll { take($1, $2) }
        for (span, record) in records {
            spans[span, default: UsageSum()].add(record)
            total.add(record)
        }
    }

    /// Of each span and all that is below it.
    ///
    /// - Parameter tree: The trace's spans, each after its parent, whose place in `tree` it knows; nil for a root. Of
    ///   several with one id the first has what that id used.
    /// - Complexity: O(n) of the spans.
    package func sums(of tree: [(id: SpanID, parent: Int?)]) -> [UsageSum] {
        var rest = spans
        var sums = tree.map { rest.removeValue(forKey: $0.id) ?? UsageSum() }
        for index in tree.indices.reversed() {
            if let parent = tree[index].parent { sums[parent].add(sums[index]) }
        }
        return sums
    }
}

extension UsageRecord {
    /// What ``UsageSum`` adds up of a call, whatever number of calls it stands for.
    fileprivate init(ofOne call: FoundCall, _ cost: CallCost) {
        self.init()
        calls = 1
        errors = call.isError ? 1 : 0
        tokens = call.usage
        (self.cost, costSource, otherCost) = (cost.usd, cost.source, cost.otherUSD)
    }
}
