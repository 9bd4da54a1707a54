import OTLP
import TraceStorage

/// What one call of a model used and cost; a call of a sampled span stands for several.
package struct UsageRecord: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case call = 0
        /// Usage that became known after its call was recorded.
        case supplement = 1
        /// What an agent reported beyond the calls that were found.
        case unattributed = 2
    }

    package var kind = Kind.call
    package var tenant = TenantID.default
    /// When the call began, unix nanoseconds.
    package var time: UInt64 = 0
    package var traceID = TraceID.invalid
    package var spanID = SpanID.invalid
    package var calls: UInt64 = 0
    package var errors: UInt64 = 0
    package var tokens = TokenUsage()
    /// US dollars.
    package var cost = 0.0
    package var costSource = CostSource.unknown
    /// Where both are known, the reported cost beside a computed one that counts, or the other way round; else 0.
    package var otherCost = 0.0
    package var service = ""
    package var agent = ""
    package var operation = ""
    package var provider = ""
    /// The model that answered, or the one that was asked for.
    package var model = ""
    package var conversation = ""
    /// The values of the attribution keys.
    package var attribution: [String] = []

    package init() {}
}

/// Records in a row, as a file holds them; docs/formats/usage-v1.md describes it.
enum UsageChunk {
    static let magic = Array("SKUS".utf8)
    /// Of a chunk without costs that do not count.
    static let version: UInt32 = 1
    /// Of one with them, which is the same but for these.
    static let versionWithOtherCosts: UInt32 = 3
    /// Added to the code of a cost's source: the cost that does not count follows.
    static let otherCostFlag: UInt8 = 4
    static let headerBytes = 16
    /// Bytes of a chunk; a writer that has more makes several.
    static let bytesMax = 64 << 20
    /// The part of a payload that says which times it holds.
    static let timesBytesMax = 40

    static func isKnown(_ version: UInt32) -> Bool { version == Self.version || version == versionWithOtherCosts }

    struct Header {
        var version: UInt32
        var payloadBytes: Int
        var checksum: UInt32

        init?(_ bytes: ArraySlice<UInt8>) {
            var reader = ByteReader(bytes)
            guard let magic = reader.take(4), magic.elementsEqual(UsageChunk.magic),
                let version = reader.fixed(UInt32.self), let length = reader.fixed(UInt32.self),
                let checksum = reader.fixed(UInt32.self), length <= UsageChunk.bytesMax
            else { return nil }
            self.version = version
            payloadBytes = Int(length)
            self.checksum = checksum
        }

        func isRight(_ payload: [UInt8]) -> Bool { DerivedCheckpoint.checksum(payload[...]) == checksum }
    }

    // MARK: reading

    static func position(_ payload: ArraySlice<UInt8>) -> JournalPosition? {
        var reader = ByteReader(payload)
        return reader.varint().map { JournalPosition($0) }
    }

    /// The times that a payload's records lie between.
    static func times(_ payload: ArraySlice<UInt8>) -> ClosedRange<UInt64>? {
        var reader = ByteReader(payload)
        guard reader.varint() != nil, reader.varint() != nil, let low = reader.varint(), let high = reader.varint(),
            low <= high
        else {
            return nil
        }
        return low...high
    }

    /// Calls `body` with each record; false when the payload holds something else.
    ///
    /// - Parameter names: The attribution keys, in whose order a record's values are put; those that the chunk does not
    ///   have are empty.
    static func forEach(_ payload: ArraySlice<UInt8>, names: [String], _ body: (UsageRecord) -> Void) -> Bool {
        var reader = ByteReader(payload)
        guard reader.varint() != nil, let count = reader.varint(), reader.varint() != nil, reader.varint() != nil,
            let nameCount = reader.varint(), nameCount <= GenAIConfiguration.attributionsMax
        else { return false }
        var chunkNames: [String] = []
        for _ in 0..<nameCount {
            guard let name = reader.text() else { return false }
            chunkNames.append(name)
        }
        let places = chunkNames == names ? nil : names.map { chunkNames.firstIndex(of: $0) }
        guard let textCount = reader.varint(), textCount <= UInt64(reader.remaining) else { return false }
        var texts: [String] = []
        for _ in 0..<textCount {
            guard let text = reader.text() else { return false }
            texts.append(text)
        }
        for _ in 0..<count {
            guard var record = read(&reader, texts) else { return false }
            if let places {
                let values = record.attribution
                record.attribution = places.map { place in
                    place.flatMap { $0 < values.count ? values[$0] : nil } ?? ""
                }
            }
            body(record)
        }
        return reader.isAtEnd
    }

    private static func read(_ reader: inout ByteReader, _ texts: [String]) -> UsageRecord? {
        func text() -> String? {
            guard let number = reader.varint(), number < UInt64(texts.count) else { return nil }
            return texts[Int(number)]
        }
        var record = UsageRecord()
        guard let kind = reader.byte().flatMap(UsageRecord.Kind.init), let tenant = text().flatMap({ TenantID($0) }),
            let time = reader.varint(), let high = reader.fixed(UInt64.self), let low = reader.fixed(UInt64.self),
            let span = reader.fixed(UInt64.self), let calls = reader.varint(), let errors = reader.varint(),
            let tokens = TokenUsage(&reader), let cost = reader.fixed(UInt64.self),
            let code = reader.byte(), let source = CostSource(code: code & ~otherCostFlag),
            let other = code & otherCostFlag == 0 ? 0 : reader.fixed(UInt64.self), let service = text(),
            let agent = text(), let operation = text(), let provider = text(), let model = text(),
            let conversation = text(),
            let attributions = reader.varint(), attributions <= GenAIConfiguration.attributionsMax
        else { return nil }
        (record.kind, record.tenant, record.time) = (kind, tenant, time)
        record.traceID = TraceID(high: high, low: low)
        record.spanID = SpanID(span)
        (record.calls, record.errors, record.tokens) = (calls, errors, tokens)
        (record.cost, record.costSource) = (Double(bitPattern: cost), source)
        record.otherCost = Double(bitPattern: other)
        (record.service, record.agent, record.operation) = (service, agent, operation)
        (record.provider, record.model, record.conversation) = (provider, model, conversation)
        for _ in 0..<attributions {
            guard let value = text() else { return nil }
            record.attribution.append(value)
        }
        return record
    }
}
