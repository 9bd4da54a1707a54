import OTLP
import TraceStorage

/// The `gen_ai` section, version 1: the configuration's fingerprint as a block, the time, the number of tenants, for
/// each its name and its series; the number of waiting traces, for each its tenant, trace id, the times of its last
/// look and its last span, whether it is to be looked at, its spans, links and what of them is counted.
extension GenAIState {
    static let sectionVersion: UInt32 = 1

    func checkpointSection(name: String) -> CheckpointSection {
        var writer = ByteWriter()
        writer.block(configuration.fingerprint.utf8)
        writer.varint(UInt64(tenants.count))
        for (tenant, series) in tenants.sorted(by: { $0.key.name < $1.key.name }) {
            writer.block(tenant.name.utf8)
            series.write(to: &writer)
        }
        collector.write(to: &writer)
        return CheckpointSection(name: name, version: Self.sectionVersion, position: position, payload: writer.bytes)
    }

    static func restored(
        from section: CheckpointSection, _ configuration: GenAIConfiguration, seed: UInt64
    ) throws(CheckpointError) -> (state: GenAIState, outcome: RestoreOutcome) {
        guard section.version <= sectionVersion else {
            throw .futureVersion(
                path: "", found: "section '\(section.name)' in version \(section.version)",
                supported: "at most \(sectionVersion)")
        }
        var state = GenAIState(configuration, seed: seed)
        state.position = section.position
        var reader = ByteReader(section.payload[...])
        guard let fingerprint = reader.text() else {
            throw .corrupt(path: "", reason: "section '\(section.name)' is empty")
        }
        guard fingerprint == configuration.fingerprint else {
            return (state, .startedOver(reason: "the attribution keys of gen_ai have changed"))
        }
        guard state.read(&reader), reader.isAtEnd else {
            throw .corrupt(path: "", reason: "section '\(section.name)' holds something else than series")
        }
        return (state, .restored)
    }

    private mutating func read(_ reader: inout ByteReader) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            var series = emptySeries()
            guard let name = reader.text(), let tenant = TenantID(name), tenants[tenant] == nil, series.read(&reader)
            else { return false }
            tenants[tenant] = series
        }
        return collector.read(&reader)
    }
}

extension GenAIConfiguration {
    /// What has to be equal for series of a checkpoint to be continued.
    var fingerprint: String { attribution.map(\.name.debugDescription).joined(separator: ",") }
}

// MARK: - what waits

extension GenAICollector {
    func write(to writer: inout ByteWriter) {
        writer.varint(now)
        let waiting = queue.waiting.filter { traces[$0.key] != nil }
        writer.varint(UInt64(waiting.count))
        for entry in waiting {
            guard let trace = traces[entry.key] else { continue }
            writer.block(entry.key.tenant.name.utf8)
            writer.fixed(entry.key.traceID.high)
            writer.fixed(entry.key.traceID.low)
            writer.varint(entry.time)
            trace.write(to: &writer)
        }
    }

    mutating func read(_ reader: inout ByteReader) -> Bool {
        guard let now = reader.varint(), let count = reader.varint() else { return false }
        restore(now: now)
        for _ in 0..<count {
            guard let name = reader.text(), let tenant = TenantID(name), let high = reader.fixed(UInt64.self),
                let low = reader.fixed(UInt64.self), let time = reader.varint(),
                let trace = PendingTrace(&reader, attributions: configuration.attribution.count)
            else { return false }
            restore(trace, TraceKey(tenant: tenant, traceID: TraceID(high: high, low: low)), time: time)
        }
        return true
    }
}

extension PendingTrace {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.varint(lastReceivedAt)
        writer.fixed(UInt8(isDirty ? 1 : 0))
        writer.varint(UInt64(spans.count))
        for span in spans { span.write(to: &writer) }
        writer.varint(UInt64(links.count))
        for link in links {
            writer.fixed(link.span.rawValue)
            writer.fixed(link.parent.rawValue)
        }
        writer.varint(UInt64(counted.count))
        for (id, how) in counted.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            writer.fixed(id.rawValue)
            writer.fixed(how.rawValue)
        }
    }

    fileprivate init?(_ reader: inout ByteReader, attributions: Int) {
        guard let last = reader.varint(), let dirty = reader.byte(), let count = reader.varint() else { return nil }
        lastReceivedAt = last
        isDirty = dirty != 0
        for _ in 0..<count {
            guard let span = GenAISpan(&reader, attributions: attributions) else { return nil }
            spans.append(span)
        }
        guard let linkCount = reader.varint() else { return nil }
        for _ in 0..<linkCount {
            guard let span = reader.fixed(UInt64.self), let parent = reader.fixed(UInt64.self) else { return nil }
            links.append(SpanLink(span: SpanID(span), parent: SpanID(parent)))
        }
        guard let countedCount = reader.varint() else { return nil }
        for _ in 0..<countedCount {
            guard let id = reader.fixed(UInt64.self), let how = reader.byte().flatMap(Counted.init) else { return nil }
            counted[SpanID(id)] = how
        }
    }
}

extension GenAISpan {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.fixed(spanID.rawValue)
        writer.fixed(parentSpanID.rawValue)
        for number in [start, end, receivedAt, weight, origin, responseID] { writer.fixed(number) }
        writer.fixed(role.rawValue)
        writer.fixed(UInt8((isError ? 1 : 0) | (isInputExclusive ? 2 : 0)))
        for number in [timeToFirstToken, reportedCost] {
            // No span says that one of them is not a number.
            writer.fixed((number ?? .nan).bitPattern)
        }
        for number in usage.numbers { writer.varint(number.map { $0 + 1 } ?? 0) }
        for text in texts { writer.block(text.utf8) }
        writer.varint(UInt64(finishReasons.count))
        for text in finishReasons + attribution { writer.block(text.utf8) }
    }

    private var texts: [String] {
        [
            service, operation, provider, requestModel, responseModel, agent, tool, conversation, errorType,
        ]
    }

    fileprivate convenience init?(_ reader: inout ByteReader, attributions: Int) {
        self.init()
        guard let id = reader.fixed(UInt64.self), let parent = reader.fixed(UInt64.self) else { return nil }
        spanID = SpanID(id)
        parentSpanID = SpanID(parent)
        for number in [\GenAISpan.start, \.end, \.receivedAt, \.weight, \.origin, \.responseID] {
            guard let value = reader.fixed(UInt64.self) else { return nil }
            self[keyPath: number] = value
        }
        guard start <= end, let role = reader.byte().flatMap(Role.init), let flags = reader.byte() else { return nil }
        self.role = role
        isError = flags & 1 != 0
        isInputExclusive = flags & 2 != 0
        for number in [\GenAISpan.timeToFirstToken, \.reportedCost] {
            guard let bits = reader.fixed(UInt64.self) else { return nil }
            let value = Double(bitPattern: bits)
            self[keyPath: number] = value.isNaN ? nil : value
        }
        guard let usage = ReportedUsage(&reader) else { return nil }
        self.usage = usage
        for text in [
            \GenAISpan.service, \.operation, \.provider, \.requestModel, \.responseModel, \.agent, \.tool,
            \.conversation, \.errorType,
        ] {
            guard let value = reader.text() else { return nil }
            self[keyPath: text] = value
        }
        guard let reasons = reader.varint(), reasons <= UInt64(reader.remaining) else { return nil }
        for _ in 0..<reasons {
            guard let reason = reader.text() else { return nil }
            finishReasons.append(reason)
        }
        for _ in 0..<attributions {
            guard let value = reader.text() else { return nil }
            attribution.append(value)
        }
    }
}

extension ReportedUsage {
    private static let members: [any WritableKeyPath<ReportedUsage, UInt64?> & Sendable] = [
        \.input, \.output, \.total, \.cacheRead, \.cacheWrite, \.cacheWriteHour, \.reasoning, \.audioInput,
        \.audioOutput,
    ]

    fileprivate var numbers: [UInt64?] { Self.members.map { self[keyPath: $0] } }

    fileprivate init?(_ reader: inout ByteReader) {
        self.init()
        for member in Self.members {
            guard let number = reader.varint() else { return nil }
            self[keyPath: member] = number == 0 ? nil : number - 1
        }
    }
}
