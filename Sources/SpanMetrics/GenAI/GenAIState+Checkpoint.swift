import OTLP
import TraceStorage

/// The `gen_ai` section, version 3: the configuration's fingerprint as a block; the number of attribution keys and the
/// name of each; what decides when calls are counted; the time; the number of waiting traces, for each its tenant, trace
/// id, the times of its last look and its last span, whether it is to be looked at, what was counted of it before, its
/// spans with what of them is counted, and its links; the number of recent plain spans, for each its tenant, trace id and
/// link; the number of forgotten traces, for each its tenant, trace id and what was counted; the number of tenants, for
/// each its name and its series.
///
/// A tenant's series are those of calls; the number of their rows whose failed calls used something, for each its place
/// among the rows and what that was; then those of histograms, finish reasons, tools and usage without a call; then the
/// number of rows of calls up to the last one with costs that do not count, and these of each. Version 2 has no rows of
/// failed calls, as what these used is among what the others did, and no costs that do not count.
extension GenAIState {
    static let sectionVersion: UInt32 = 3
    private static let sectionVersionMin: UInt32 = 2
    /// About; so that the section is not copied as it grows.
    private static let bytesOfWaitingSpan = 320

    func checkpointSection(name: String) -> CheckpointSection {
        var writer = ByteWriter()
        writer.reserve(Self.bytesOfWaitingSpan * collector.pendingSpans)
        writer.block(configuration.fingerprint.utf8)
        collector.write(to: &writer)
        writer.varint(UInt64(totals.tenants.count))
        for (tenant, series) in totals.tenants.sorted(by: { $0.key.name < $1.key.name }) {
            writer.block(tenant.name.utf8)
            series.write(to: &writer)
        }
        return CheckpointSection(name: name, version: Self.sectionVersion, position: position, payload: writer.bytes)
    }

    static func restored(
        from section: CheckpointSection, _ configuration: GenAIConfiguration, seed: UInt64
    ) throws(CheckpointError) -> (state: GenAIState, outcome: RestoreOutcome) {
        var reader = section.reader
        let fingerprint = try section.fingerprint(&reader, versionMax: sectionVersion)
        var state = GenAIState(configuration, seed: seed)
        state.position = section.position
        guard section.version >= sectionVersionMin else {
            return (state, .startedOver(reason: "the checkpoint's gen_ai section is of version \(section.version)"))
        }
        guard state.collector.read(&reader) else { throw section.holdsSomethingElse }
        // The labels of the series are others, but what waits belongs to somebody.
        guard fingerprint == configuration.fingerprint else {
            return (
                state, .startedOver(reason: "the attribution keys of gen_ai, or those of its histograms, have changed")
            )
        }
        guard state.readSeries(&reader, version: section.version), reader.isAtEnd else {
            throw section.holdsSomethingElse
        }
        return (state, .restored)
    }

    private mutating func readSeries(_ reader: inout ByteReader, version: UInt32) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            var series = totals.emptySeries()
            guard let name = reader.text(), let tenant = TenantID(name), totals.tenants[tenant] == nil,
                series.read(&reader, version: version)
            else { return false }
            totals.tenants[tenant] = series
        }
        return true
    }
}

/// The attribution keys under which a checkpoint was written.
struct WrittenAttributions {
    /// Of them.
    let count: Int
    /// By key as it is configured now: its place then, or nil where there was none.
    private let places: [Int?]

    init?(_ reader: inout ByteReader, _ configuration: GenAIConfiguration) {
        guard let count = reader.varint(), count <= GenAIConfiguration.attributionsMax else { return nil }
        var names: [String] = []
        for _ in 0..<count {
            guard let name = reader.text() else { return nil }
            names.append(name)
        }
        self.count = names.count
        places = configuration.attribution.map { names.firstIndex(of: $0.name) }
    }

    /// Values in the order of the keys as they are configured now.
    func now(_ values: [String]) -> [String] { places.map { place in place.map { values[$0] } ?? "" } }
}

extension GenAIConfiguration {
    /// What has to be equal for series of a checkpoint to be continued.
    var fingerprint: String {
        let names = attribution.map(\.name)
        func text(_ names: [String]) -> String { names.map(\.debugDescription).joined(separator: ",") }
        let ofHistograms = names.filter(histogramAttribution.contains)
        return ofHistograms.isEmpty ? text(names) : text(names) + ";" + text(ofHistograms)
    }
}

// MARK: - what waits

extension GenAICollector {
    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(configuration.attribution.count))
        for attribution in configuration.attribution { writer.block(attribution.name.utf8) }
        timing.write(to: &writer)
        writer.varint(now)
        let waiting = queue.waiting.filter { traces.isWaiting($0) }
        writer.varint(UInt64(waiting.count))
        for entry in waiting {
            entry.key.write(to: &writer)
            writer.varint(entry.time)
            traces[entry.place].write(to: &writer, tools.texts)
        }
        let plain = plainSpans.all
        writer.varint(UInt64(plain.count))
        for entry in plain {
            entry.key.write(to: &writer)
            entry.link.write(to: &writer, tools.texts)
        }
        let forgotten = settled.all
        writer.varint(UInt64(forgotten.count))
        for trace in forgotten {
            trace.key.write(to: &writer)
            trace.usage.write(to: &writer)
        }
    }

    mutating func read(_ reader: inout ByteReader) -> Bool {
        guard let attributions = WrittenAttributions(&reader, configuration), let timing = GenAITiming(&reader),
            let now = reader.varint(), let count = reader.varint()
        else { return false }
        restore(now: now, timing: timing)
        for _ in 0..<count {
            guard let key = TraceKey(&reader), let time = reader.varint(), let trace = readTrace(&reader, attributions)
            else { return false }
            restore(trace, key, time: time)
        }
        guard let plainCount = reader.varint() else { return false }
        for _ in 0..<plainCount {
            guard let key = TraceKey(&reader), let link = readLink(&reader, attributions) else { return false }
            restore(link, of: key)
        }
        guard let forgottenCount = reader.varint() else { return false }
        for _ in 0..<forgottenCount {
            guard let key = TraceKey(&reader), let usage = SettledUsage(&reader) else { return false }
            restore(usage, of: key)
        }
        return true
    }
}

extension TraceKey {
    fileprivate init?(_ reader: inout ByteReader) {
        guard let name = reader.text(), let tenant = TenantID(name), let high = reader.fixed(UInt64.self),
            let low = reader.fixed(UInt64.self)
        else { return nil }
        self.init(tenant: tenant, traceID: TraceID(high: high, low: low))
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.block(tenant.name.utf8)
        writer.fixed(traceID.high)
        writer.fixed(traceID.low)
    }
}

extension SettledUsage {
    fileprivate init?(_ reader: inout ByteReader) {
        guard let input = reader.varint(), let output = reader.varint(), let count = reader.varint(),
            count <= UInt64(Self.parentsMax)
        else { return nil }
        (self.input, self.output) = (input, output)
        for _ in 0..<count {
            guard let parent = reader.fixed(UInt64.self) else { return nil }
            parents.append(SpanID(parent))
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.varint(input)
        writer.varint(output)
        writer.varint(UInt64(parents.count))
        for parent in parents { writer.fixed(parent.rawValue) }
    }
}

extension SpanLink {
    init?(_ reader: inout ByteReader, _ attributions: WrittenAttributions, _ texts: inout TextTable) {
        guard let span = reader.fixed(UInt64.self), let parent = reader.fixed(UInt64.self),
            let conversation = reader.text(), let values = reader.texts(attributions.count)
        else { return nil }
        self.init(
            span: SpanID(span), parent: SpanID(parent), conversation: texts.number(of: conversation),
            attribution: AttributionValues(list: texts.list(of: attributions.now(values))))
    }

    fileprivate func write(to writer: inout ByteWriter, _ texts: TextTable) {
        writer.fixed(span.rawValue)
        writer.fixed(parent.rawValue)
        writer.text(conversation, texts)
        texts.forEachValue(of: attribution) { writer.text($0, texts) }
    }
}

extension PendingTrace {
    fileprivate func write(to writer: inout ByteWriter, _ texts: TextTable) {
        writer.varint(lastReceivedAt)
        writer.fixed(UInt8(isDirty ? 1 : 0))
        settled.write(to: &writer)
        writer.varint(UInt64(spans.count))
        for span in spans { span.write(to: &writer, texts) }
        writer.varint(UInt64(links.count))
        for link in links { link.write(to: &writer, texts) }
    }

    init?(_ reader: inout ByteReader, _ attributions: WrittenAttributions, _ texts: inout TextTable) {
        guard let last = reader.varint(), let dirty = reader.byte(), let settled = SettledUsage(&reader),
            let count = reader.varint()
        else { return nil }
        lastReceivedAt = last
        self.settled = settled
        isDirty = dirty != 0
        for _ in 0..<count {
            guard let span = GenAISpan(&reader, attributions, &texts) else { return nil }
            spans.append(span)
        }
        guard let linkCount = reader.varint() else { return nil }
        for _ in 0..<linkCount {
            guard let link = SpanLink(&reader, attributions, &texts) else { return nil }
            links.append(link)
        }
    }
}

extension GenAISpan {
    fileprivate func write(to writer: inout ByteWriter, _ texts: TextTable) {
        writer.fixed(spanID.rawValue)
        writer.fixed(parentSpanID.rawValue)
        writer.fixed(start)
        writer.fixed(end)
        writer.fixed(receivedAt)
        writer.fixed(UInt64(weight))
        let names = texts.names(names)
        writer.fixed(names.origin)
        writer.fixed(responseID)
        writer.fixed(role.rawValue)
        writer.fixed(
            UInt8((isError ? 1 : 0) | (isInputExclusive ? 2 : 0) | (isOK ? 4 : 0) | (isOfUnknownKind ? 8 : 0))
                | attempts << 4)
        writer.fixed(names.tier.rawValue)
        writer.fixed(counted.map { $0.rawValue + 1 } ?? 0)
        // No span says that one of them is not a number.
        writer.fixed((timeToFirstToken ?? .nan).bitPattern)
        writer.fixed((reportedCost ?? .nan).bitPattern)
        usage.write(to: &writer)
        writer.text(names.service, texts)
        writer.text(names.operation, texts)
        writer.text(names.provider, texts)
        writer.text(names.requestModel, texts)
        writer.text(names.responseModel, texts)
        writer.text(names.agent, texts)
        writer.text(names.tool, texts)
        writer.text(conversation, texts)
        writer.text(names.errorType, texts)
        writer.text(names.agentID, texts)
        let reasons = texts.members(names.finishReasons)
        writer.varint(UInt64(reasons.count))
        for text in reasons { writer.text(text, texts) }
        texts.forEachValue(of: attribution) { writer.text($0, texts) }
    }

    fileprivate init?(_ reader: inout ByteReader, _ attributions: WrittenAttributions, _ texts: inout TextTable) {
        guard let id = reader.fixed(UInt64.self), let parent = reader.fixed(UInt64.self) else { return nil }
        spanID = SpanID(id)
        parentSpanID = SpanID(parent)
        var names = SpanNames()
        for number in [\GenAISpan.start, \.end, \.receivedAt] {
            guard let value = reader.fixed(UInt64.self) else { return nil }
            self[keyPath: number] = value
        }
        guard let weight = reader.fixed(UInt64.self), let origin = reader.fixed(UInt64.self),
            let responseID = reader.fixed(UInt64.self)
        else { return nil }
        self.weight = UInt32(clamping: weight)
        (names.origin, self.responseID) = (origin, responseID)
        guard start <= end, let role = reader.byte().flatMap(Role.init), let flags = reader.byte(),
            let tier = reader.byte().flatMap(PricedTier.init), let how = reader.byte(), how <= 2
        else { return nil }
        (self.role, names.role) = (role, role)
        counted = how == 0 ? nil : Counted(rawValue: how - 1)
        isError = flags & 1 != 0
        isInputExclusive = flags & 2 != 0
        isOK = flags & 4 != 0
        isOfUnknownKind = flags & 8 != 0
        attempts = flags >> 4
        names.tier = tier
        for number in [\GenAISpan.timeToFirstToken, \.reportedCost] {
            guard let bits = reader.fixed(UInt64.self) else { return nil }
            let value = Double(bitPattern: bits)
            self[keyPath: number] = value.isNaN ? nil : value
        }
        guard let usage = ReportedUsage(&reader) else { return nil }
        self.usage = usage
        for member in [
            \SpanNames.service, \.operation, \.provider, \.requestModel, \.responseModel, \.agent, \.tool,
        ] {
            guard let text = reader.text() else { return nil }
            names[keyPath: member] = texts.number(of: text)
        }
        guard let conversation = reader.text(), let errorType = reader.text(), let agentID = reader.text() else {
            return nil
        }
        self.conversation = texts.number(of: conversation)
        (names.errorType, names.agentID) = (texts.number(of: errorType), texts.number(of: agentID))
        names.identify(&texts)
        guard let reasons = reader.varint(), reasons <= UInt64(reader.remaining) else { return nil }
        guard let reasons = reader.texts(Int(reasons)), let attribution = reader.texts(attributions.count) else {
            return nil
        }
        names.finishReasons = texts.list(of: reasons)
        self.names = texts.number(of: names)
        self.attribution = AttributionValues(list: texts.list(of: attributions.now(attribution)))
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
