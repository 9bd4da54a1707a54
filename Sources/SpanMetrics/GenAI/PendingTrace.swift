import OTLP
import TraceStorage

/// What has arrived of a trace with calls of models.
struct PendingTrace: Sendable {
    var spans: [GenAISpan] = []
    /// The other spans.
    var links: [SpanLink] = []
    /// What sums say beyond the calls, once nothing more is expected, and whether it was found.
    var unattributed: [FoundRest] = []
    var isUnattributedKnown = false
    /// Of the calls in `spans`: what later spans may repeat, once the trace is forgotten.
    var open = SettledUsage()
    /// What was counted of the trace before it was forgotten the last time.
    var settled = SettledUsage()
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

/// What settling a trace needs, kept from trace to trace.
struct SettlingTools: Sendable {
    var assembler = CallAssembler()
    var texts = TextTable()
}

extension PendingTrace {
    /// Counts what nothing more is expected about: calls whose last span came at `receivedMax` or before, or, where the
    /// spans above them are missing, at `lateMax` or before.
    mutating func settle(
        _ traceID: TraceID, receivedMax: UInt64, lateMax: UInt64, _ tools: inout SettlingTools,
        _ findings: inout NumberedFindings
    ) {
        beginAssembly(&tools)
        let isWhole = Self.count(
            traceID, receivedMax: receivedMax, lateMax: lateMax, &tools.assembler, &tools.texts, &findings)
        isDirty = !isWhole || lastReceivedAt > receivedMax
        if !isDirty { findUnattributed(traceID, &tools) }
        endAssembly(&tools.assembler)
    }

    /// Counts everything that was not counted, and what sums say beyond the calls; asked once, at the end.
    mutating func finish(_ traceID: TraceID, _ tools: inout SettlingTools, _ findings: inout NumberedFindings) {
        if isDirty {
            settle(traceID, receivedMax: .max, lateMax: .max, &tools, &findings)
        } else if !isUnattributedKnown, spans.contains(where: \.isSummed) {
            beginAssembly(&tools)
            findUnattributed(traceID, &tools)
            endAssembly(&tools.assembler)
        }
        if isUnattributedKnown { findings.unattributed += unattributed }
    }

    private mutating func findUnattributed(_ traceID: TraceID, _ tools: inout SettlingTools) {
        tools.assembler.findUnattributed(of: traceID, settled: settled, &tools.texts, &unattributed)
        open = tools.assembler.openUsage(unattributed)
        isUnattributedKnown = true
    }

    /// Lends the spans to the assembler.
    private mutating func beginAssembly(_ tools: inout SettlingTools) {
        SpanLink.sort(&links)
        swap(&spans, &tools.assembler.spans.arrived)
        tools.assembler.spans.allNames = tools.texts.names
        tools.assembler.assemble(links: links)
    }

    private mutating func endAssembly(_ assembler: inout CallAssembler) {
        swap(&spans, &assembler.spans.arrived)
        assembler.spans.allNames = []
        assembler.forgetLinks()
    }

    /// - Returns: False when a call waits for the spans above it.
    private static func count(
        _ traceID: TraceID, receivedMax: UInt64, lateMax: UInt64, _ assembler: inout CallAssembler,
        _ texts: inout TextTable, _ findings: inout NumberedFindings
    ) -> Bool {
        var isWhole = true
        for number in assembler.calls.indices {
            let cluster = assembler.calls[number]
            let before = assembler.before(cluster)
            let hasUsage = !cluster.usage.isEmpty
            if before.counted == 0 {
                guard before.receivedAt <= receivedMax else { continue }
                let numbers = assembler.texts(cluster, &texts)
                // A parent is sent when it ends: who worked, and for whom, may yet come with it.
                if numbers.agent.isEmpty, before.receivedAt > lateMax, !assembler.isPlaceKnown(cluster) {
                    isWhole = false
                    continue
                }
                findings.calls.append(assembler.foundCall(cluster, numbers, traceID: traceID))
            } else if before.counted < before.spans {
                findings.lateSpans += UInt64(before.spans - before.counted)
                if hasUsage, !before.hasUsage {
                    let numbers = assembler.texts(cluster, &texts)
                    findings.supplements.append(
                        FoundSupplement(
                            call: assembler.foundCall(cluster, numbers, traceID: traceID),
                            countedCost: assembler.countedCost(cluster)))
                }
            }
            assembler.mark(cluster, hasUsage ? .withUsage : .withoutUsage)
        }
        for index in 0..<assembler.count where assembler.isToolRun(index) {
            guard assembler.spans[index].receivedAt <= receivedMax, assembler.spans[index].counted == nil else {
                continue
            }
            assembler.spans[index].counted = .withoutUsage
            findings.tools.append(assembler.foundRun(index))
        }
        assembler.markDuplicates()
        return isWhole
    }
}

extension CallAssembler {
    /// What is known of a call's spans.
    fileprivate struct Before {
        var spans = 0
        var counted = 0
        var hasUsage = false
        /// When the last of them arrived, unix nanoseconds.
        var receivedAt: UInt64 = 0
    }

    fileprivate func before(_ cluster: Cluster) -> Before {
        var before = Before()
        _ = hasMember(cluster) { member in
            before.spans += 1
            before.receivedAt = max(before.receivedAt, spans[member].receivedAt)
            if let how = spans[member].counted {
                before.counted += 1
                if how == .withUsage { before.hasUsage = true }
            }
            return false
        }
        return before
    }

    /// What the spans of a call that were counted report, in US dollars.
    fileprivate func countedCost(_ cluster: Cluster) -> Double? {
        var result: Double?
        _ = hasMember(cluster) { member in
            if spans[member].counted != nil { result = spans[member].reportedCost }
            return result != nil
        }
        return result
    }

    fileprivate mutating func mark(_ cluster: Cluster, _ how: GenAISpan.Counted) {
        var member = Int(cluster.first)
        while member >= 0 {
            spans[member].counted = how
            if member == Int(cluster.last) { return }
            member = Int(ways[member].nextMember)
        }
    }

    /// A span that came twice may be known by its other copy the next time.
    fileprivate mutating func markDuplicates() {
        for index in count..<spans.count {
            if let first = firstIndex(of: spans[index].spanID) { spans[index].counted = spans[first].counted }
        }
    }
}

extension GenAISpan {
    /// Usage of it may be part of a sum, or a sum.
    fileprivate var isSummed: Bool { !usage.isEmpty }
}
