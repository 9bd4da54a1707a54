import OTLP
import TraceStorage

/// A ``UsageRecord``, its texts by their numbers in a ``TextTable``.
struct UsageEntry: Sendable {
    var kind: UsageRecord.Kind
    /// Unix nanoseconds.
    var time: UInt64
    var traceID: TraceID
    var spanID: SpanID
    var calls: UInt64 = 0
    var errors: UInt64 = 0
    var tokens: TokenUsage
    /// US dollars.
    var cost = 0.0
    var costSource = CostSource.unknown
    /// As ``UsageRecord/otherCost``.
    var otherCost = 0.0
    var service: TextNumber
    var agent: TextNumber
    var operation = TextNumber.none
    var provider = TextNumber.none
    var model = TextNumber.none
    var conversation: TextNumber
    var attribution: AttributionValues
}

extension UsageEntry {
    init(_ call: borrowing FoundCall, _ cost: CallCost, kind: UsageRecord.Kind, _ texts: TextTable) {
        let names = texts.names(call.texts.names)
        self.init(
            kind: kind, time: call.start, traceID: call.traceID, spanID: call.spanID,
            tokens: call.hasUsage ? call.usage.multiplied(by: call.weight) : TokenUsage(),
            cost: cost.usd * Double(call.weight), costSource: cost.source,
            otherCost: cost.otherUSD * Double(call.weight), service: names.service, agent: call.texts.agent,
            operation: names.operation, provider: names.provider, model: names.model,
            conversation: call.texts.conversation, attribution: call.texts.attribution)
        if kind == .call {
            calls = call.weight
            errors = call.isError ? call.weight : 0
        }
    }

    init(_ rest: borrowing FoundRest) {
        self.init(
            kind: .unattributed, time: rest.start, traceID: rest.traceID, spanID: rest.spanID,
            tokens: rest.usage.multiplied(by: rest.weight), service: rest.service, agent: rest.agent,
            conversation: rest.conversation, attribution: rest.attribution)
    }
}

extension UsageRecord {
    init(_ entry: UsageEntry, of tenant: TenantID, _ texts: TextTable) {
        (kind, self.tenant, time) = (entry.kind, tenant, entry.time)
        (traceID, spanID) = (entry.traceID, entry.spanID)
        (calls, errors, tokens) = (entry.calls, entry.errors, entry.tokens)
        (cost, costSource, otherCost) = (entry.cost, entry.costSource, entry.otherCost)
        (service, agent) = (texts.text(entry.service), texts.text(entry.agent))
        (operation, provider) = (texts.text(entry.operation), texts.text(entry.provider))
        (model, conversation) = (texts.text(entry.model), texts.text(entry.conversation))
        attribution = texts.texts(entry.attribution)
    }
}

/// Where records go as calls are counted.
protocol UsageSink {
    mutating func add(_ entry: borrowing UsageEntry, of tenant: TenantID, _ texts: TextTable)
}

/// For counts that nobody keeps records of.
struct NoUsage: UsageSink {
    mutating func add(_ entry: borrowing UsageEntry, of tenant: TenantID, _ texts: TextTable) {}
}

struct UsageRecords: UsageSink {
    private(set) var records: [UsageRecord] = []

    mutating func add(_ entry: borrowing UsageEntry, of tenant: TenantID, _ texts: TextTable) {
        records.append(UsageRecord(entry, of: tenant, texts))
    }
}
