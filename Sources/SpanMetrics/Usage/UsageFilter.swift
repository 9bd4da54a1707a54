extension UsageQuery {
    /// A condition on the value of a key: records that do not meet it are left out of everything.
    package struct Filter: Hashable, Sendable {
        package let key: Key
        /// Stands for the condition.
        package let text: String
        /// Given the empty text for a record that has no value.
        package let isMet: @Sendable (String) -> Bool

        package init(_ key: Key, _ text: String, isMet: @escaping @Sendable (String) -> Bool) {
            self.key = key
            self.text = text
            self.isMet = isMet
        }

        package static func == (a: Filter, b: Filter) -> Bool { a.key == b.key && a.text == b.text }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(key)
            hasher.combine(text)
        }
    }

    /// Filters of one query; more say nothing that a person has asked.
    package static let filtersMax = 16

    func isAskedFor(_ record: UsageRecord) -> Bool { filters.allSatisfy { $0.isMet($0.key.value(record)) } }
}

/// The filters of a query over one chunk: each looks at a text of it once.
struct UsageChunkFilters {
    private enum Outcome: UInt8 {
        case unknown, met, notMet
    }

    private let filters: [UsageQuery.Filter]
    /// For each filter the place of its text among those of a record; -1 where the chunk has none.
    private let places: [Int]
    /// For each filter, by the number of a text, and last for records without one.
    private var outcomes: [[Outcome]]

    init(_ filters: [UsageQuery.Filter], places: [Int], _ chunk: UsagePayloadReader.Chunk) {
        self.filters = filters
        self.places = places
        outcomes = filters.map { _ in Array(repeating: .unknown, count: chunk.texts.count + 1) }
    }

    /// - Parameter fields: Of a record, as ``UsagePayloadReader/record(_:_:)`` gives them.
    mutating func areMet(
        _ fields: [UInt32], in chunk: UsagePayloadReader.Chunk, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        for index in filters.indices {
            let field = places[index] < 0 ? UsagePayloadReader.noText : fields[places[index]]
            let text = field == UsagePayloadReader.noText ? chunk.texts.count : Int(field)
            if outcomes[index][text] == .unknown {
                let value = text < chunk.texts.count ? String(decoding: bytes[chunk.texts[text]], as: UTF8.self) : ""
                outcomes[index][text] = filters[index].isMet(value) ? .met : .notMet
            }
            if outcomes[index][text] == .notMet { return false }
        }
        return true
    }
}
