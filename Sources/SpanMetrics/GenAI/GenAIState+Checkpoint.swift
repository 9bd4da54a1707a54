import OTLP
import TraceStorage

/// The `gen_ai` section, version 1: the configuration's fingerprint as a block, the time, the number of tenants, for
/// each its name and its series; the number of waiting traces, for each its tenant, trace id, the times of its last
/// look and its last span, whether it is to be looked at, its spans with what of them is counted, and its links.
extension GenAIState {
    static let sectionVersion: UInt32 = 1

    func checkpointSection(name: String) -> CheckpointSection {
        var writer = ByteWriter()
        writer.block(configuration.fingerprint.utf8)
        writer.varint(UInt64(totals.tenants.count))
        for (tenant, series) in totals.tenants.sorted(by: { $0.key.name < $1.key.name }) {
            writer.block(tenant.name.utf8)
            series.write(to: &writer)
        }
        collector.write(to: &writer)
        return CheckpointSection(name: name, version: Self.sectionVersion, position: position, payload: writer.bytes)
    }

    static func restored(
        from section: CheckpointSection, _ configuration: GenAIConfiguration, seed: UInt64
    ) throws(CheckpointError) -> (state: GenAIState, outcome: RestoreOutcome) {
        var reader = section.reader
        let fingerprint = try section.fingerprint(&reader, versionMax: sectionVersion)
        var state = GenAIState(configuration, seed: seed)
        state.position = section.position
        guard fingerprint == configuration.fingerprint else {
            return (state, .startedOver(reason: "the attribution keys of gen_ai have changed"))
        }
        guard state.read(&reader), reader.isAtEnd else {
            throw section.holdsSomethingElse
        }
        return (state, .restored)
    }

    private mutating func read(_ reader: inout ByteReader) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            var series = totals.emptySeries()
            guard let name = reader.text(), let tenant = TenantID(name), totals.tenants[tenant] == nil,
                series.read(&reader)
            else { return false }
            totals.tenants[tenant] = series
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
            trace.write(to: &writer, tools.texts)
        }
    }

    mutating func read(_ reader: inout ByteReader) -> Bool {
        guard let now = reader.varint(), let count = reader.varint() else { return false }
        restore(now: now)
        for _ in 0..<count {
            guard let name = reader.text(), let tenant = TenantID(name), let high = reader.fixed(UInt64.self),
                let low = reader.fixed(UInt64.self), let time = reader.varint(),
                let trace = readTrace(&reader)
            else { return false }
            restore(trace, TraceKey(tenant: tenant, traceID: TraceID(high: high, low: low)), time: time)
        }
        return true
    }
}

extension PendingTrace {
    fileprivate func write(to writer: inout ByteWriter, _ texts: TextTable) {
        writer.varint(lastReceivedAt)
        writer.fixed(UInt8(isDirty ? 1 : 0))
        writer.varint(UInt64(spans.count))
        for span in spans { span.write(to: &writer, texts) }
        writer.varint(UInt64(links.count))
        for link in links {
            writer.fixed(link.span.rawValue)
            writer.fixed(link.parent.rawValue)
        }
    }

    init?(_ reader: inout ByteReader, attributions: Int, _ texts: inout TextTable) {
        guard let last = reader.varint(), let dirty = reader.byte(), let count = reader.varint() else { return nil }
        lastReceivedAt = last
        isDirty = dirty != 0
        for _ in 0..<count {
            guard let span = GenAISpan(&reader, attributions: attributions, &texts) else { return nil }
            spans.append(span)
        }
        guard let linkCount = reader.varint() else { return nil }
        for _ in 0..<linkCount {
            guard let span = reader.fixed(UInt64.self), let parent = reader.fixed(UInt64.self) else { return nil }
            links.append(SpanLink(span: SpanID(span), parent: SpanID(parent)))
        }
    }
}

extension GenAISpan {
    fileprivate func write(to writer: inout ByteWriter, _ texts: TextTable) {
        writer.fixed(spanID.rawValue)
        writer.fixed(parentSpanID.rawValue)
        for number in [start, end, receivedAt, weight, origin, responseID] { writer.fixed(number) }
        writer.fixed(role.rawValue)
        writer.fixed(UInt8((isError ? 1 : 0) | (isInputExclusive ? 2 : 0)))
        writer.fixed(counted.map { $0.rawValue + 1 } ?? 0)
        for number in [timeToFirstToken, reportedCost] {
            // No span says that one of them is not a number.
            writer.fixed((number ?? .nan).bitPattern)
        }
        usage.write(to: &writer)
        for text in [service, operation, provider, requestModel, responseModel, agent, tool, conversation, errorType] {
            writer.block(texts.text(text).utf8)
        }
        let reasons = texts.members(finishReasons)
        writer.varint(UInt64(reasons.count))
        for text in reasons + texts.members(attribution) { writer.block(texts.text(text).utf8) }
    }

    private static let textMembers: [any WritableKeyPath<GenAISpan, TextNumber> & Sendable] = [
        \.service, \.operation, \.provider, \.requestModel, \.responseModel, \.agent, \.tool, \.conversation,
        \.errorType,
    ]

    fileprivate init?(_ reader: inout ByteReader, attributions: Int, _ texts: inout TextTable) {
        guard let id = reader.fixed(UInt64.self), let parent = reader.fixed(UInt64.self) else { return nil }
        spanID = SpanID(id)
        parentSpanID = SpanID(parent)
        for number in [\GenAISpan.start, \.end, \.receivedAt, \.weight, \.origin, \.responseID] {
            guard let value = reader.fixed(UInt64.self) else { return nil }
            self[keyPath: number] = value
        }
        guard start <= end, let role = reader.byte().flatMap(Role.init), let flags = reader.byte(),
            let how = reader.byte(), how <= 2
        else { return nil }
        self.role = role
        counted = how == 0 ? nil : Counted(rawValue: how - 1)
        isError = flags & 1 != 0
        isInputExclusive = flags & 2 != 0
        for number in [\GenAISpan.timeToFirstToken, \.reportedCost] {
            guard let bits = reader.fixed(UInt64.self) else { return nil }
            let value = Double(bitPattern: bits)
            self[keyPath: number] = value.isNaN ? nil : value
        }
        guard let usage = ReportedUsage(&reader) else { return nil }
        self.usage = usage
        for member in Self.textMembers {
            guard let text = reader.text() else { return nil }
            self[keyPath: member] = texts.number(of: text)
        }
        identify(&texts)
        guard let reasons = reader.varint(), reasons <= UInt64(reader.remaining) else { return nil }
        guard let reasons = reader.texts(Int(reasons)), let attribution = reader.texts(attributions) else { return nil }
        finishReasons = texts.list(of: reasons)
        self.attribution = texts.list(of: attribution)
    }
}

extension ByteReader {
    fileprivate mutating func texts(_ count: Int) -> [String]? {
        var result: [String] = []
        for _ in 0..<count {
            guard let text = text() else { return nil }
            result.append(text)
        }
        return result
    }
}

extension ReportedUsage {
    private static let members: [any WritableKeyPath<ReportedUsage, UInt64?> & Sendable] = [
        \.input, \.output, \.total, \.cacheRead, \.cacheWrite, \.cacheWriteHour, \.reasoning, \.audioInput,
        \.audioOutput,
    ]

    fileprivate func write(to writer: inout ByteWriter) {
        func write(_ number: UInt64?) { writer.varint(number.map { $0 + 1 } ?? 0) }
        write(input)
        write(output)
        write(total)
        write(cacheRead)
        write(cacheWrite)
        write(cacheWriteHour)
        write(reasoning)
        write(audioInput)
        write(audioOutput)
    }

    fileprivate init?(_ reader: inout ByteReader) {
        self.init()
        for member in Self.members {
            guard let number = reader.varint() else { return nil }
            self[keyPath: member] = number == 0 ? nil : number - 1
        }
    }
}
