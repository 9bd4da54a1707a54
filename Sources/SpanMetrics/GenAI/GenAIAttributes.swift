import OTLP

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Finds the attributes of one span that a vocabulary names. Reused from span to span, so that a span allocates nothing.
///
/// What is called for each span and not inlined is `mutating`, if only in name: the whole struct would be copied for the
/// call otherwise. So it is with the other large structs on a span's way, ``CallAssembler`` and ``TextTable``.
struct GenAIAttributes: Sendable {
    private let keys: KeyIndex
    private let factOfKey: [Int]
    private let attributionFacts: Range<Int>
    /// Beginnings of keys that hold an attribution each.
    private let prefixes: [(bytes: [UInt8], fact: Int)]
    /// By fact, of the attributes at hand: the attribute's place, or -1 where there is none, and the rank of its name.
    private var found: [(place: Int32, key: Int32)]
    private var touched: [Int] = []
    private var shapes: SpanShapes
    /// Of the attributes at hand.
    private var shape = 0
    private var firstRow = 0
    /// A bit for each fact that the attributes at hand have: most are asked for in vain.
    private var facts: UInt64 = 0
    private var list: [TextNumber] = []
    private let byteHash = ByteHash.ofProcess

    /// - Parameter attribution: For each configured key the names of attributes that hold it.
    init(attribution: [[String]]) {
        var keys: [[UInt8]] = []
        var factOfKey: [Int] = []
        var prefixes: [(bytes: [UInt8], fact: Int)] = []
        for (fact, names) in (GenAIFact.allCases.map(\.names) + attribution).enumerated() {
            for name in names {
                if name.hasSuffix("*") {
                    prefixes.append((Array(name.dropLast().utf8), fact))
                    continue
                }
                keys.append(Array(name.utf8))
                factOfKey.append(fact)
            }
        }
        self.keys = KeyIndex(keys)
        self.factOfKey = factOfKey
        self.prefixes = prefixes
        attributionFacts = GenAIFact.allCases.count..<GenAIFact.allCases.count + attribution.count
        found = Array(repeating: (-1, 0), count: attributionFacts.upperBound)
        shapes = SpanShapes(factCount: attributionFacts.upperBound, nameFacts: Self.nameFacts)
    }

    /// Beginnings, of at most eight bytes, of keys that only spans about models and agents have.
    static let keyPrefixes = ["gen_ai.", "llm.", "openinfe", "tracelo", "langfuse", "mlflow.", "embeddin"]

    /// The same as the numbers that their bytes make.
    private static let markers: [(bytes: UInt64, mask: UInt64)] = keyPrefixes.map { text in
        let bytes = text.utf8.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return (bytes, .max >> UInt64(64 - 8 * text.utf8.count))
    }

    /// Looks at a run of attributes. Earlier attributes of the same key, and names that count more, win.
    ///
    /// - Parameter hash: Their shape, as ``SpanRow/attributeShape``.
    @inline(__always)
    mutating func read(_ rows: RowRange, shape hash: UInt64, of batch: SpanBatch) {
        firstRow = Int(rows.start)
        if let known = shapes.find(hash) { shape = known } else { learn(hash, rows, of: batch) }
        facts = shapes.facts(shape)
    }

    /// The attributes at hand speak of models or agents.
    var isOfInterest: Bool { shapes.isOfInterest(shape) }

    private mutating func learn(_ hash: UInt64, _ rows: RowRange, of batch: SpanBatch) {
        shape = shapes.begin(hash)
        for fact in touched { found[fact].place = -1 }
        touched.removeAll(keepingCapacity: true)
        for (place, index) in rows.indices.enumerated() {
            let key = batch.attributes[index].key
            if let known = keys.index(of: key, in: batch) {
                note(place, key: known, fact: factOfKey[known])
            } else {
                for prefix in prefixes where key.count > prefix.bytes.count {
                    guard batch.slice(key).starts(with: prefix.bytes) else { continue }
                    note(place, key: keys.count, fact: prefix.fact)
                }
            }
        }
        for fact in touched { shapes.set(fact, to: Int(found[fact].place), of: shape) }
        var attributions: UInt64 = 0
        for fact in touched where attributionFacts.contains(fact) {
            attributions |= 1 << UInt64(fact - attributionFacts.lowerBound)
        }
        shapes.finish(shape, isOfInterest: Self.isOfInterest(rows, of: batch), attributions: attributions)
    }

    private static func isOfInterest(_ rows: RowRange, of batch: SpanBatch) -> Bool {
        let content = batch.bytes
        let bytes = content.span.bytes
        for index in rows.indices {
            let key = batch.attributes[index].key
            guard key.count >= 8 else { continue }
            let start = bytes.unsafeLoadUnaligned(fromByteOffset: Int(key.offset), as: UInt64.self)
            for marker in markers where start & marker.mask == marker.bytes { return true }
        }
        return false
    }

    private mutating func note(_ place: Int, key: Int, fact: Int) {
        if found[fact].place < 0 {
            touched.append(fact)
        } else if found[fact].key <= key {
            return
        }
        found[fact] = (Int32(truncatingIfNeeded: place), Int32(truncatingIfNeeded: key))
    }

    // MARK: names

    /// What names are read from, and the kind of work.
    private static let nameFacts = bits(of: [
        .operation, .openInferenceKind, .traceloopKind, .traceloopRequest, .langfuseType, .mlflowType, .requestModel,
        .responseModel, .provider, .responseTier, .requestTier, .agent, .agentID, .tool, .entity, .errorType,
        .finishReasons, .singleFinishReason,
    ])

    /// A hash of all that a span's names are read from: which attributes there are, the values of those that have a
    /// name, the span's own name, its scope and its service. Two of them are never equal by chance, as
    /// ``ByteHash/shape(_:_:)`` says of shapes.
    mutating func nameHash(
        _ row: UnsafePointer<SpanRow>, scope: UInt64, service: TextNumber, in batch: SpanBatch
    ) -> UInt64 {
        batch.bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            let name = row.pointee.name
            var state = byteHash.mix(row.pointee.attributeShape ^ scope, UInt64(service.index))
            state = byteHash.mix(state ^ byteHash.hash(name, in: bytes, base), UInt64(name.count))
            batch.attributes.withUnsafeBufferPointer { attributes in
                shapes.forEachNamePlace(of: self.shape) { place in
                    let row = attributes[firstRow + place]
                    // Hashes of values do not wait for one another.
                    state =
                        row.hasSlice
                        ? byteHash.mix(
                            state ^ byteHash.hash(row.slice, in: bytes, base), UInt64(row.slice.count))
                        : byteHash.mix(state ^ row.payload, .max)
                }
            }
            return state
        }
    }

    // MARK: values

    @inline(__always)
    func has(_ fact: GenAIFact) -> Bool { facts & Self.bit(fact) != 0 }

    @inline(__always)
    private static func bit(_ fact: GenAIFact) -> UInt64 { 1 << UInt64(truncatingIfNeeded: fact.rawValue) }

    /// Whether there is any of some facts, given as ``bits(of:)``.
    @inline(__always)
    func hasAny(_ bits: UInt64) -> Bool { facts & bits != 0 }

    static func bits(of facts: [GenAIFact]) -> UInt64 { facts.reduce(0) { $0 | bit($1) } }

    @inline(__always)
    func row(_ fact: GenAIFact, of batch: SpanBatch) -> AttributeRow? {
        has(fact) ? row(fact.rawValue, of: batch) : nil
    }

    @inline(__always)
    private func row(_ fact: Int, of batch: SpanBatch) -> AttributeRow? {
        let place = shapes.place(fact, of: shape)
        return place < 0 ? nil : batch.attributes[firstRow + place]
    }

    /// The text of an attribute; other types as the text that stands for them.
    @inline(__always)
    mutating func text(_ fact: GenAIFact, of batch: SpanBatch, _ texts: inout TextTable) -> TextNumber {
        has(fact) ? text(fact.rawValue, of: batch, &texts) : .none
    }

    /// The text without the quotes that MLflow puts around it, as it sends texts as JSON.
    @inline(__always)
    mutating func bareText(_ fact: GenAIFact, of batch: SpanBatch, _ texts: inout TextTable) -> TextNumber {
        has(fact) ? knownBareText(fact, of: batch, &texts) : .none
    }

    private mutating func knownBareText(_ fact: GenAIFact, of batch: SpanBatch, _ texts: inout TextTable) -> TextNumber
    {
        guard let attribute = row(fact, of: batch) else { return .none }
        guard attribute.kind == .string else { return text(fact, of: batch, &texts) }
        var slice = attribute.slice
        let quote = UInt8(ascii: "\"")
        if slice.count >= 2, batch.bytes[Int(slice.offset)] == quote, batch.bytes[slice.indices.upperBound - 1] == quote
        {
            slice = ByteRange(offset: slice.offset + 1, count: slice.count - 2)
        }
        return texts.number(of: slice, in: batch)
    }

    /// A hash of a text that is only ever compared; 0 where there is none. The same in every process.
    @inline(__always)
    func hash(_ fact: GenAIFact, of batch: SpanBatch) -> UInt64 {
        guard let row = row(fact, of: batch), row.kind == .string, !row.slice.isEmpty else { return 0 }
        let content = batch.bytes
        return max(1, TextHash.hash(content.span.bytes, row.slice))
    }

    /// The values of the attribution keys, of the attributes that were read or else from `fallbacks`.
    mutating func attributions(
        of batch: SpanBatch, fallbacks: ListNumber, _ texts: inout TextTable
    ) -> AttributionValues {
        var result = AttributionValues(list: fallbacks)
        var left = shapes.attributions(shape)
        while left != 0 {
            let key = left.trailingZeroBitCount
            left &= left - 1
            let value = value(attributionFacts.lowerBound + key, of: batch, &texts)
            guard !value.isEmpty, value != texts.member(key, of: result.list) else { continue }
            // Of several values of its own all but the last are in the list.
            if !result.own.isEmpty { result = AttributionValues(list: texts.list(of: result)) }
            (result.own, result.key) = (value, UInt32(key))
        }
        return result
    }

    private mutating func value(_ fact: Int, of batch: SpanBatch, _ texts: inout TextTable) -> TextNumber {
        let text = text(fact, of: batch, &texts)
        guard !text.isEmpty, !prefixes.isEmpty, let rest = restOfKey(fact, of: batch) else { return text }
        return texts.number(of: rest + "=" + texts.text(text))
    }

    /// What a resource says of the attribution keys.
    mutating func attributions(
        of resource: ResourceRow, in batch: SpanBatch, _ texts: inout TextTable
    ) -> ListNumber {
        read(resource.attributes, shape: batch.shape(of: resource.attributes), of: batch)
        list.removeAll(keepingCapacity: true)
        list.append(contentsOf: repeatElement(.none, count: attributionFacts.count))
        let none = texts.list(list)
        let values = attributions(of: batch, fallbacks: none, &texts)
        return texts.list(of: values)
    }

    /// What follows the prefix by which a key was found; nil for a key that is known as a whole.
    private func restOfKey(_ fact: Int, of batch: SpanBatch) -> String? {
        guard prefixes.contains(where: { $0.fact == fact }), let row = row(fact, of: batch),
            keys.index(of: row.key, in: batch) == nil
        else { return nil }
        let name = batch.string(row.key)
        let prefix = prefixes.first { $0.fact == fact && name.utf8.starts(with: $0.bytes) }?.bytes.count ?? 0
        return String(name.dropFirst(prefix))
    }

    private mutating func text(_ fact: Int, of batch: SpanBatch, _ texts: inout TextTable) -> TextNumber {
        guard let attribute = row(fact, of: batch) else { return .none }
        if attribute.kind == .string { return texts.number(of: attribute.slice, in: batch) }
        return texts.number(of: AttributeText.text(batch.value(of: attribute)))
    }

    /// A number of tokens: a whole number of 0 or more, however it was sent.
    @inline(__always)
    mutating func count(_ fact: GenAIFact, of batch: SpanBatch) -> UInt64? {
        has(fact) ? knownNumber(fact, of: batch).flatMap(UInt64.init(tokens:)) : nil
    }

    @inline(__always)
    mutating func number(_ fact: GenAIFact, of batch: SpanBatch) -> Double? {
        has(fact) ? knownNumber(fact, of: batch) : nil
    }

    private mutating func knownNumber(_ fact: GenAIFact, of batch: SpanBatch) -> Double? {
        guard let row = row(fact, of: batch) else { return nil }
        switch row.kind {
        case .int: return Double(row.int)
        case .double: return row.double
        case .string: return Double(batch.string(row.slice))
        default: return nil
        }
    }
}

extension UInt64 {
    /// So many tokens are a mistake.
    static let tokensMax = UInt64(UInt32.max)

    /// Nil for ``tokensMax`` and more, and for a negative or broken number.
    init?(tokens number: Double) {
        guard number >= 0, number < Double(Self.tokensMax) else { return nil }
        self.init(number)
    }
}

/// Finds a key among those that are known, mostly by one look.
private struct KeyIndex: Sendable {
    /// All keys end to end.
    private let bytes: [UInt8]
    private let ranges: [Range<Int>]
    /// Key + 1 by hash, 0 for none; at most an eighth in use.
    private let slots: [Int16]

    init(_ keys: [[UInt8]]) {
        bytes = keys.flatMap { $0 }
        var end = 0
        ranges = keys.map { key in
            end += key.count
            return end - key.count..<end
        }
        var size = 64
        while size < keys.count * 8 { size *= 2 }
        var slots = [Int16](repeating: 0, count: size)
        for (index, key) in keys.enumerated() {
            var slot = Int(truncatingIfNeeded: Self.hash(key.span.bytes, 0, key.count)) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int16(index + 1)
        }
        self.slots = slots
    }

    var count: Int { ranges.count }

    func index(of key: ByteRange, in batch: SpanBatch) -> Int? {
        let content = batch.bytes
        let text = content.span.bytes.extracting(key.indices)
        let hash = Self.hash(text, 0, text.byteCount)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if equals(index, text) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func equals(_ index: Int, _ text: RawSpan) -> Bool {
        let range = ranges[index]
        guard range.count == text.byteCount else { return false }
        return bytes.withUnsafeBytes { bytes in
            text.withUnsafeBytes { text in
                guard let bytes = bytes.baseAddress, let text = text.baseAddress else { return text.isEmpty }
                return memcmp(bytes + range.lowerBound, text, range.count) == 0
            }
        }
    }

    /// Of the first and the last eight bytes and the length, in which all keys of the vocabularies differ.
    private static func hash(_ bytes: RawSpan, _ offset: Int, _ count: Int) -> UInt64 {
        guard count >= 8 else {
            return (0..<count).reduce(UInt64(count)) {
                ($0 ^ UInt64(bytes.unsafeLoad(fromByteOffset: offset + $1, as: UInt8.self))) &* 0x9E37_79B9_7F4A_7C15
            } >> 40
        }
        let first = bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let last = bytes.unsafeLoadUnaligned(fromByteOffset: offset + count - 8, as: UInt64.self)
        let mixed = (first &* 0x9E37_79B9_7F4A_7C15) ^ (last &+ UInt64(count)) &* 0xC2B2_AE3D_27D4_EB4F
        return (mixed ^ mixed >> 32) &* 0x9E37_79B9_7F4A_7C15 >> 40
    }
}

enum TextHash {
    /// Eight bytes at a time; the same in every process.
    static func hash(_ bytes: RawSpan, _ range: ByteRange) -> UInt64 {
        var state = UInt64(range.count) &* 0x9E37_79B9_7F4A_7C15
        var offset = Int(range.offset)
        let end = offset + Int(range.count)
        while offset + 8 <= end {
            state = folded(state ^ bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < end {
            tail = tail << 8 | UInt64(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
            offset += 1
        }
        return folded(state ^ tail)
    }

    private static func folded(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0xC2B2_AE3D_27D4_EB4F)
        return high ^ low
    }
}
