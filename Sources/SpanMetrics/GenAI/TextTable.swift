import OTLP

/// A text of a ``TextTable``. Equal numbers of one table are equal texts.
struct TextNumber: Hashable, Sendable {
    var index: UInt32

    /// The empty text.
    static let none = TextNumber(index: 0)

    var isEmpty: Bool { index == 0 }
}

/// A list of texts of a ``TextTable``.
struct ListNumber: Hashable, Sendable {
    var index: UInt32

    /// The list of no texts.
    static let none = ListNumber(index: 0)
}

/// The texts of the spans that wait, each once, so that looking at spans from all sides copies and compares numbers.
///
/// It only grows: its owner begins a new one when ``isOversized``, with the texts that are still in use.
struct TextTable: Sendable {
    /// The kinds of work, in the order of their numbers.
    private static let operations = [
        "", "chat", "text_completion", "generate_content", "embeddings", "invoke_agent", "invoke_workflow",
        "execute_tool", "create_agent", "retrieval", "plan", "fetch_response", "create_memory", "update_memory",
        "upsert_memory", "search_memory", "delete_memory",
    ]
    static let chat = TextNumber(index: 1)
    static let embeddings = TextNumber(index: 4)
    static let calls: ClosedRange<UInt32> = 1...4
    static let invokeAgent = TextNumber(index: 5)
    static let aggregates: ClosedRange<UInt32> = 5...6
    static let executeTool = TextNumber(index: 7)
    /// Operations that ask no model, though they may say what others used.
    static let steps: ClosedRange<UInt32> = 8...16

    /// Texts beyond those in use that are kept before they are sorted out. A larger table leaves the processor's cache.
    private static let spareMax = 16_384
    private static let spareBytesMax = 16 << 20
    /// Longer arrays are seldom the same again.
    private static let encodedBytesMax = 128

    private var keys: KeyTable
    private var texts: [String] = []
    /// By key: the number of its text, its own unless the key is no text.
    private var canonical: [TextNumber] = []
    /// Some key is no text.
    private var isAnyForeign = false
    /// By text: what ``ModelIdentity`` makes of it, once it was asked; `.max` before.
    private var bareNames: [UInt32] = []
    private var families: [UInt32] = []
    private var lists: TextLists
    private var recent = RecentTexts()
    private var kinds = [Kind](repeating: Kind(), count: Kind.max)
    private var completions = AttributionCompletions()
    private var nameTable = NameTable()
    /// Arrays as they were sent, and the lists that they are.
    private var encoded: KeyTable
    private var encodedLists: [ListNumber] = []
    /// The last short one; most calls end for the same reason.
    private var lastEncoded = (words: SIMD4<UInt64>(), count: UInt32.max, list: ListNumber.none)
    private let seed: UInt64
    /// Numbers of different generations are not to be compared.
    private(set) var generation: UInt32 = 0
    /// Of this table and its copies.
    let identity = UInt64.random(in: 0...(.max))
    private var countMax = Self.spareMax
    private var bytesMax = Self.spareBytesMax

    /// - Parameter seed: Of the hashes; nothing else depends on it.
    init(seed: UInt64 = .random(in: 0...(.max))) {
        self.seed = seed
        keys = KeyTable(seed: seed)
        lists = TextLists(seed: seed)
        encoded = KeyTable(seed: seed)
        for text in Self.operations { _ = number(of: text) }
        _ = lists.number(of: [])
    }

    // MARK: texts

    @inline(__always)
    func text(_ number: TextNumber) -> String { texts[Int(number.index)] }

    /// Adds a text, with its length, to the key of a series.
    func append(_ number: TextNumber, to key: inout SeriesTableKey) { keys.append(Int(number.index), to: &key) }

    @inline(__always)
    func withBytes<Result>(of number: TextNumber, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        keys.withBytes(of: Int(number.index), body)
    }

    /// Adds a text as a block, its length as varint and its UTF-8.
    func appendBlock(_ number: TextNumber, to bytes: inout [UInt8]) { keys.appendBlock(Int(number.index), to: &bytes) }

    mutating func number(of text: String) -> TextNumber {
        // As above; of a text that is none of ours, such as a nested value.
        var key = text.utf8.count > Self.textBytesMax ? String(text.prefix(Self.textBytesMax / 4)) : text
        let (index, isNew) = key.withUTF8 { keys.number(of: UnsafeRawBufferPointer($0)) }
        if isNew { append(key, at: index) }
        // No text has the bytes of a key that is none.
        return TextNumber(index: UInt32(index))
    }

    /// Bytes of a text; names and ids are shorter, and what is longer is cut, as labels and records keep them for long.
    private static let textBytesMax = 512

    mutating func number(of range: ByteRange, in batch: SpanBatch) -> TextNumber {
        guard !range.isEmpty else { return .none }
        return batch.bytes.withUnsafeBytes { bytes in
            let key = UnsafeRawBufferPointer(rebasing: bytes[range.indices])
            guard let words = RecentTexts.words(key) else { return number(of: key) }
            if let known = recent.number(words, count: key.count) { return known }
            let number = number(of: key)
            recent.set(words, count: key.count, number)
            return number
        }
    }

    private mutating func number(of text: UnsafeRawBufferPointer) -> TextNumber {
        let key = text.count > Self.textBytesMax ? Self.cut(text) : text
        let (index, isNew) = keys.number(of: key)
        if isNew { append(key, at: index) }
        // Seldom looked at: it is far from everything else.
        return isAnyForeign ? canonical[index] : TextNumber(index: UInt32(index))
    }

    /// Before the character that does not fit.
    private static func cut(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var end = textBytesMax
        while end > textBytesMax - 4, text[end] & 0xC0 == 0x80 { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: text[..<end])
    }

    private mutating func append(_ key: UnsafeRawBufferPointer, at index: Int) {
        let text = String(decoding: key, as: UTF8.self)
        append(text, at: index)
        // Bytes that are no text are known by the text that stands for them.
        var copy = text
        let isText = copy.withUTF8 { $0.count == key.count && ByteEquality.isEqual(.init($0), 0, key, 0, key.count) }
        if !isText {
            isAnyForeign = true
            canonical[index] = number(of: text)
        }
    }

    private mutating func append(_ text: String, at index: Int) {
        texts.append(text)
        canonical.append(TextNumber(index: UInt32(index)))
        bareNames.append(.max)
        families.append(.max)
    }

    // MARK: kinds of work

    /// What a vocabulary's word for a kind of work means.
    struct Kind {
        fileprivate var value = TextNumber.none
        fileprivate var vocabulary = -1
        /// Nil where the vocabulary does not have the word.
        fileprivate(set) var role: GenAISpan.Role?
        fileprivate(set) var operation = TextNumber.none

        /// A power of two; the words that services use at one time.
        fileprivate static let max = 64
    }

    /// - Parameter look: Finds a word in lower case in the vocabulary.
    mutating func kind(
        of value: TextNumber, vocabulary: Int, _ look: (String) -> (GenAISpan.Role, operation: String)?
    ) -> Kind {
        let place = (Int(value.index) &* 5 &+ vocabulary) & (Kind.max - 1)
        if kinds[place].value == value, kinds[place].vocabulary == vocabulary { return kinds[place] }
        var kind = Kind()
        (kind.value, kind.vocabulary) = (value, vocabulary)
        if let known = look(text(value).lowercased()) {
            (kind.role, kind.operation) = (known.0, number(of: known.operation))
        }
        kinds[place] = kind
        return kind
    }

    // MARK: what models and providers are known by

    /// The model's id as ``ModelIdentity/bareName(_:)`` has it.
    mutating func bareName(_ model: TextNumber) -> TextNumber {
        let known = bareNames[Int(model.index)]
        if known != .max { return TextNumber(index: known) }
        let name = number(of: ModelIdentity.bareName(text(model)))
        bareNames[Int(model.index)] = name.index
        return name
    }

    /// The provider's family, see ``ModelIdentity/family(_:)``.
    mutating func family(_ provider: TextNumber) -> TextNumber {
        let known = families[Int(provider.index)]
        if known != .max { return TextNumber(index: known) }
        let family = number(of: ModelIdentity.family(text(provider)))
        families[Int(provider.index)] = family.index
        return family
    }

    // MARK: names

    /// All names, by their numbers.
    var names: [SpanNames] { nameTable.all }

    @inline(__always)
    func names(_ number: NamesNumber) -> SpanNames { nameTable.all[Int(number.index)] }

    /// What a call is priced by.
    @inline(__always)
    func priced(_ number: NamesNumber) -> (model: TextNumber, provider: TextNumber, tier: ServiceTier) {
        // A field at a time, as names are long to copy.
        let index = Int(number.index)
        return (nameTable.all[index].model, nameTable.all[index].provider, nameTable.all[index].tier.tier)
    }

    mutating func number(of names: SpanNames) -> NamesNumber { nameTable.number(of: names) }

    /// What the last spans with a hash were; nil when there are none.
    @inline(__always)
    func recentKind(_ hash: UInt64) -> SpanKind? { nameTable.recentKind(hash) }

    /// Notes the names that all spans with a hash have.
    mutating func kind(of names: SpanNames, hash: UInt64) -> SpanKind {
        let kind = SpanKind(
            names: nameTable.number(of: names), role: names.role, isInputExclusive: names.isInputExclusive)
        nameTable.setRecent(hash, kind)
        return kind
    }

    // MARK: lists

    mutating func list(_ members: [TextNumber]) -> ListNumber {
        lists.number(of: members)
    }

    mutating func list(of members: [String]) -> ListNumber {
        let numbers = members.map { number(of: $0) }
        return lists.number(of: numbers)
    }

    /// The texts of an attribute's elements, or of its value when that is no array.
    mutating func list(of row: AttributeRow, in batch: SpanBatch) -> ListNumber {
        guard row.kind == .array else { return list(of: [AttributeText.text(batch.value(of: row))]) }
        guard row.slice.count <= Self.encodedBytesMax else { return list(of: elements(row, batch)) }
        let words = batch.bytes.withUnsafeBytes {
            RecentTexts.words(UnsafeRawBufferPointer(rebasing: $0[row.slice.indices]))
        }
        guard let words, words == lastEncoded.words, row.slice.count == lastEncoded.count else {
            let list = encodedList(of: row, in: batch)
            if let words { lastEncoded = (words, row.slice.count, list) }
            return list
        }
        return lastEncoded.list
    }

    private mutating func encodedList(of row: AttributeRow, in batch: SpanBatch) -> ListNumber {
        let known = batch.bytes.withUnsafeBytes { bytes in
            encoded.index(of: UnsafeRawBufferPointer(rebasing: bytes[row.slice.indices]))
        }
        if let known { return encodedLists[known] }
        let list = list(of: elements(row, batch))
        batch.bytes.withUnsafeBytes { bytes in
            _ = encoded.insert(UnsafeRawBufferPointer(rebasing: bytes[row.slice.indices]))
        }
        encodedLists.append(list)
        return list
    }

    private func elements(_ row: AttributeRow, _ batch: SpanBatch) -> [String] {
        guard case .array(let elements) = batch.value(of: row) else { return [] }
        return elements.map(AttributeText.text)
    }

    @inline(__always)
    func member(_ index: Int, of list: ListNumber) -> TextNumber { lists.member(index, of: list) }

    @inline(__always)
    func memberCount(_ list: ListNumber) -> Int { lists.count(list) }

    @inline(__always)
    func members(_ list: ListNumber) -> ArraySlice<TextNumber> { lists.members(list) }

    /// By list: a bit for each of the first 64 members that is no empty text.
    @inline(__always)
    func textBits(_ list: ListNumber) -> UInt64 { lists.textBits(list) }

    /// What values came to when others completed them, found by `find` the first time.
    mutating func completion(
        _ values: AttributionValues, _ others: AttributionValues, _ find: (inout TextTable) -> AttributionValues
    ) -> AttributionValues {
        if let known = completions.result(values, others) { return known }
        let result = find(&self)
        completions.set(values, others, result)
        return result
    }

    func texts(_ list: ListNumber) -> [String] { lists.members(list).map { text($0) } }

    // MARK: size

    var textCount: Int { texts.count }
    var listCount: Int { lists.count }
    private var count: Int { texts.count + lists.count + encodedLists.count + nameTable.all.count }
    private var bytes: Int { keys.keyBytes + lists.bytes + encoded.keyBytes }

    var isOversized: Bool {
        count > countMax || bytes > bytesMax
    }

    /// An empty table to take over what is in use of this one.
    func successor() -> TextTable {
        var result = TextTable(seed: seed)
        result.generation = generation &+ 1
        return result
    }

    /// To be called when everything in use has been taken over: as much again is let in.
    mutating func setLimits() {
        countMax = 2 * count + Self.spareMax
        bytesMax = 2 * bytes + Self.spareBytesMax
    }
}

/// Lists of texts, each once.
private struct TextLists: Sendable {
    private var keys: KeyTable
    private var flat: [TextNumber] = []
    private var ends: [Int] = []
    private var bits: [UInt64] = []

    init(seed: UInt64) { keys = KeyTable(seed: seed) }

    var count: Int { ends.count }
    var bytes: Int { keys.keyBytes * 2 }

    // What is looked up is inlined, as the lists would be copied for the call.

    mutating func number(of members: [TextNumber]) -> ListNumber {
        members.withUnsafeBytes { key in
            let (index, isNew) = keys.number(of: key)
            guard isNew else { return ListNumber(index: UInt32(index)) }
            flat += members
            ends.append(flat.count)
            bits.append(Self.textBits(members))
            return ListNumber(index: UInt32(index))
        }
    }

    @inline(__always)
    func members(_ list: ListNumber) -> ArraySlice<TextNumber> {
        let index = Int(list.index)
        return flat[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// Members that have a bit; no list of attribution values has more.
    private static let bitsMax = 64

    private static func textBits(_ members: [TextNumber]) -> UInt64 {
        var bits: UInt64 = 0
        for (index, text) in members.prefix(bitsMax).enumerated() where !text.isEmpty { bits |= 1 << UInt64(index) }
        return bits
    }

    @inline(__always)
    func textBits(_ list: ListNumber) -> UInt64 { bits[Int(list.index)] }

    @inline(__always)
    func count(_ list: ListNumber) -> Int {
        let index = Int(list.index)
        return ends[index] - (index == 0 ? 0 : ends[index - 1])
    }

    @inline(__always)
    func member(_ member: Int, of list: ListNumber) -> TextNumber {
        let index = Int(list.index)
        return flat[(index == 0 ? 0 : ends[index - 1]) + member]
    }
}

/// Takes what is in use of a ``TextTable`` over to a new one.
struct TextRenumbering {
    private let old: TextTable
    private var new: TextTable
    /// By the old number; `.max` where there is none yet.
    private var texts: [UInt32]
    private var lists: [UInt32]
    private var names: [UInt32]
    private var members: [TextNumber] = []

    init(_ table: TextTable) {
        old = table
        new = table.successor()
        texts = Array(repeating: .max, count: table.textCount)
        lists = Array(repeating: .max, count: table.listCount)
        names = Array(repeating: .max, count: table.names.count)
    }

    mutating func renumber(_ span: inout GenAISpan) {
        renumber(&span.names)
        renumber(&span.conversation)
        renumber(&span.attribution)
    }

    private mutating func renumber(_ number: inout NamesNumber) {
        let known = names[Int(number.index)]
        if known != .max {
            number.index = known
            return
        }
        var result = old.names(number)
        renumber(&result.service)
        renumber(&result.operation)
        renumber(&result.provider)
        renumber(&result.requestModel)
        renumber(&result.responseModel)
        renumber(&result.agent)
        renumber(&result.tool)
        renumber(&result.agentID)
        renumber(&result.errorType)
        renumber(&result.finishReasons)
        result.identify(&new)
        names[Int(number.index)] = new.number(of: result).index
        number.index = names[Int(number.index)]
    }

    mutating func renumber(_ link: inout SpanLink) {
        renumber(&link.conversation)
        renumber(&link.attribution)
    }

    mutating func renumber(_ rest: inout FoundRest) {
        renumber(&rest.service)
        renumber(&rest.agent)
        renumber(&rest.conversation)
        renumber(&rest.attribution)
    }

    private mutating func renumber(_ values: inout AttributionValues) {
        renumber(&values.list)
        renumber(&values.own)
    }

    private mutating func renumber(_ number: inout TextNumber) {
        let known = texts[Int(number.index)]
        if known != .max {
            number.index = known
            return
        }
        let result = new.number(of: old.text(number))
        texts[Int(number.index)] = result.index
        number = result
    }

    private mutating func renumber(_ list: inout ListNumber) {
        let known = lists[Int(list.index)]
        if known != .max {
            list.index = known
            return
        }
        members.removeAll(keepingCapacity: true)
        for member in old.members(list) {
            var number = member
            renumber(&number)
            members.append(number)
        }
        let result = new.list(members)
        lists[Int(list.index)] = result.index
        list = result
    }

    /// The new table.
    mutating func finish() -> TextTable {
        new.setLimits()
        return new
    }
}
