import OTLP
import TraceStorage

/// What has arrived of a trace with calls of models.
struct PendingTrace: Sendable {
    /// How a span was counted.
    enum Counted: UInt8, Sendable {
        case withUsage, withoutUsage
    }

    var spans: [GenAISpan] = []
    /// The other spans, as far as they arrived after the first that is of interest.
    var links: [SpanLink] = []
    /// The spans that are part of what was counted.
    var counted: [SpanID: Counted] = [:]
    /// When the last span came, unix nanoseconds.
    var lastReceivedAt: UInt64 = 0

    /// Something arrived that was not looked at.
    var isDirty = false
}

/// A trace of a tenant.
struct TraceKey: Hashable, Sendable {
    var tenant: TenantID
    var traceID: TraceID

    /// Trace ids are random; the tenant is left to the comparison.
    func hash(into hasher: inout Hasher) { hasher.combine(traceID) }
}

/// What became known of model calls, once and for all.
package struct GenAIFindings: Sendable {
    package var calls: [ModelCall] = []
    /// Usage of calls that were counted before it was known.
    package var supplements: [ModelCall] = []
    package var tools: [ToolRun] = []
    package var unattributed: [UnattributedUsage] = []
    /// Spans about calls that had been counted.
    package var lateSpans: UInt64 = 0

    package init() {}

    package mutating func append(_ other: GenAIFindings) {
        calls += other.calls
        supplements += other.supplements
        tools += other.tools
        unattributed += other.unattributed
        lateSpans += other.lateSpans
    }
}

extension PendingTrace {
    /// Counts what nothing more is expected about: calls whose last span came at `receivedMax` or before.
    mutating func settle(_ traceID: TraceID, receivedMax: UInt64) -> GenAIFindings {
        settle(traceID, receivedMax: receivedMax, assembler())
    }

    /// Counts everything that was not counted, and what sums say beyond the calls; asked once, at the end.
    mutating func finish(_ traceID: TraceID) -> GenAIFindings {
        let isSummed = spans.contains { $0.role != .tool && $0.role != .step && !$0.usage.isEmpty }
        guard isDirty || isSummed else { return GenAIFindings() }
        let assembler = assembler()
        var findings = isDirty ? settle(traceID, receivedMax: .max, assembler) : GenAIFindings()
        if isSummed { findings.unattributed = assembler.unattributedUsage(of: traceID) }
        return findings
    }

    private mutating func assembler() -> CallAssembler {
        links.sort { $0.span.rawValue < $1.span.rawValue }
        return CallAssembler(spans, links: links)
    }

    private mutating func settle(
        _ traceID: TraceID, receivedMax: UInt64, _ assembler: CallAssembler
    ) -> GenAIFindings {
        var findings = GenAIFindings()
        for assembled in assembler.modelCalls(of: traceID) {
            let before = assembled.spanIDs.compactMap { counted[$0] }
            let hasUsage = assembled.call.usage != nil
            if before.isEmpty {
                guard assembled.receivedAt <= receivedMax else { continue }
                findings.calls.append(assembled.call)
            } else if before.count < assembled.spanIDs.count {
                findings.lateSpans += UInt64(assembled.spanIDs.count - before.count)
                if hasUsage, !before.contains(.withUsage) { findings.supplements.append(assembled.call) }
            }
            for id in assembled.spanIDs { counted[id] = hasUsage ? .withUsage : .withoutUsage }
        }
        for run in assembler.toolRuns() where run.receivedAt <= receivedMax && counted[run.spanID] == nil {
            counted[run.spanID] = .withoutUsage
            findings.tools.append(run)
        }
        isDirty = lastReceivedAt > receivedMax
        return findings
    }
}
