/// The values of the configured attribution keys, in their order: those of a list, which many have, and the one that is
/// somebody's own.
///
/// Users are many, and departments and environments few: a list of each user's values would be one more text to look
/// up for each span. Equal values may be split differently.
struct AttributionValues: Hashable, Sendable {
    /// As many texts as there are keys, the empty one where there is no value.
    var list = ListNumber.none
    /// Stands in place `key` of the list; empty where nothing does.
    var own = TextNumber.none
    var key: UInt32 = 0

    static let none = AttributionValues()
}

extension TextTable {
    /// Calls `body` with each value.
    @inline(__always)
    func forEachValue(of values: AttributionValues, _ body: (TextNumber) -> Void) {
        let members = members(values.list)
        guard !values.own.isEmpty else {
            for member in members { body(member) }
            return
        }
        for (key, member) in members.enumerated() { body(key == Int(values.key) ? values.own : member) }
    }

    func texts(_ values: AttributionValues) -> [String] {
        var result: [String] = []
        forEachValue(of: values) { result.append(text($0)) }
        return result
    }

    @inline(__always)
    func value(_ key: Int, of values: AttributionValues) -> TextNumber {
        !values.own.isEmpty && key == Int(values.key) ? values.own : member(key, of: values.list)
    }

    /// A bit for each key that has a value.
    @inline(__always)
    private func keys(of values: AttributionValues) -> UInt64 {
        values.own.isEmpty ? textBits(values.list) : textBits(values.list) | 1 << UInt64(values.key)
    }

    /// Whether a key has no value.
    @inline(__always)
    func hasEmpty(_ values: AttributionValues) -> Bool {
        keys(of: values).nonzeroBitCount < memberCount(values.list)
    }

    /// Values with those they lack of others.
    mutating func completed(_ values: AttributionValues, with others: AttributionValues) -> AttributionValues {
        let known = keys(of: values)
        let more = keys(of: others) & ~known
        // Mostly one of them has all that there is.
        if more == 0 { return values }
        if known == 0 || values.own.isEmpty && values.list == others.list { return others }
        if values.own.isEmpty, more.nonzeroBitCount == 1 {
            let key = more.trailingZeroBitCount
            return AttributionValues(list: values.list, own: value(key, of: others), key: UInt32(key))
        }
        return completion(values, others) { texts in
            let members = texts.members(values.list).indices.count
            return AttributionValues(
                list: texts.list(
                    (0..<members).map { key in
                        let own = texts.value(key, of: values)
                        return own.isEmpty ? texts.value(key, of: others) : own
                    }))
        }
    }

    /// The list that has all values itself.
    mutating func list(of values: AttributionValues) -> ListNumber {
        guard !values.own.isEmpty else { return values.list }
        var members = Array(members(values.list))
        members[Int(values.key)] = values.own
        return list(members)
    }
}

/// What values came to, completed with others: the calls of one trace mostly have the same.
struct AttributionCompletions: Sendable {
    private struct Entry: Sendable {
        var values = AttributionValues.none
        var others = AttributionValues.none
        var result = AttributionValues.none
    }

    /// A power of two.
    private static let entriesMax = 64

    private var entries = [Entry](repeating: Entry(), count: Self.entriesMax)

    private static func place(_ values: AttributionValues, _ others: AttributionValues) -> Int {
        let mixed = values.list.index &* 31 &+ values.own.index &* 17 &+ others.list.index &* 7 &+ others.own.index
        return Int(mixed) & (entriesMax - 1)
    }

    func result(_ values: AttributionValues, _ others: AttributionValues) -> AttributionValues? {
        let entry = entries[Self.place(values, others)]
        return entry.values == values && entry.others == others ? entry.result : nil
    }

    mutating func set(_ values: AttributionValues, _ others: AttributionValues, _ result: AttributionValues) {
        entries[Self.place(values, others)] = Entry(values: values, others: others, result: result)
    }
}
