import OTLP
import TraceStorage

/// Sums of records by the keys of a ``UsageQuery``, found from chunks as they are in files.
///
/// The rows of an answer are the ``UsageQuery/rowsMax`` largest of up to ``UsageQuery/groupsMax`` groups, whatever the order
/// of the records. Series are not kept of more groups than there are rows, so that a second look at the records, with
/// ``init(_:names:rows:)``, is needed where there are both.
///
/// No record is made of what is read: texts are numbers of a chunk, and for each distinct one of a chunk the number that
/// it has here is looked up once. A million records take a tenth of a second.
struct UsageAggregation {
    private let query: UsageQuery
    /// The attribution keys, in whose order ``UsageQuery/Key/attribution(_:name:)`` counts them.
    private let names: [String]
    /// Values of keys, numbered; 0 is the empty one.
    private var texts = KeyTable(seed: .random(in: 0...(.max)))
    /// Rows by the numbers of their values, four bytes each.
    private var rows = KeyTable(seed: .random(in: 0...(.max)))
    private var sums: [UsageSum] = []
    private var total = UsageSum()
    private var attributed = UsageSum()
    private var unattributed = UsageSum()
    private var other = UsageSum()
    private var isTruncated = false
    /// No other rows come.
    private var isClosed = false
    private var lacksPoints = false
    /// Points by row and time, and for each what it is of and comes to.
    private var points = KeyTable(seed: .random(in: 0...(.max)))
    private var pointSums: [(series: Series, start: UInt64, sum: UsageSum)] = []
    // Of the record at hand, kept so that it allocates nothing.
    private var values: [UInt32]
    private var fields = [UInt32](repeating: 0, count: Field.attribution + GenAIConfiguration.attributionsMax)

    /// What points are of.
    private enum Series: Hashable {
        case total, unattributed, other
        case row(Int)

        var code: UInt32 {
            switch self {
            case .total: .max
            case .unattributed: .max - 1
            case .other: .max - 2
            case .row(let row): UInt32(row)
            }
        }
    }

    /// Places of a record's texts in its chunk.
    private enum Field {
        static let service = 0
        static let agent = 1
        static let operation = 2
        static let provider = 3
        static let model = 4
        static let conversation = 5
        /// The first of them.
        static let attribution = 6
    }

    /// A value that no row has.
    private static let noValue = UInt32.max

    init(_ query: UsageQuery, names: [String]) {
        self.query = query
        self.names = names
        values = Array(repeating: 0, count: query.keys.count)
        _ = texts.insert([])
    }

    /// Adds up these rows and no others.
    init(_ query: UsageQuery, names: [String], rows: [[String]]) {
        self.init(query, names: names)
        for key in rows {
            for (index, value) in key.enumerated() {
                var value = value
                values[index] = value.withUTF8 { number(of: UnsafeRawBufferPointer($0)) }
            }
            _ = row()
        }
        isClosed = true
    }

    private var hasTooManyPoints: Bool { pointSums.count > UsageQuery.pointsMax }

    /// The keys of the largest groups, where these are to be looked at again for their series; else nil.
    var rowsToLookAtAgain: [[String]]? {
        guard query.steps != nil, sums.count > UsageQuery.rowsMax else { return nil }
        return ordered.prefix(UsageQuery.rowsMax).map(key)
    }

    /// Whether series are missing for want of room.
    var lacksSeries: Bool { (lacksPoints || hasTooManyPoints) && sums.count <= UsageQuery.rowsMax }

    // MARK: records

    /// Adds those records of a chunk's payload that are asked for.
    ///
    /// - Returns: false when the payload holds something else.
    mutating func add(_ payload: [UInt8]) -> Bool {
        payload.withUnsafeBytes { bytes in
            var reader = UsagePayloadReader(bytes)
            guard let chunk = UsagePayloadReader.Chunk(&reader) else { return false }
            let places = places(of: query.keys, in: chunk)
            var filters = UsageChunkFilters(
                query.filters, places: self.places(of: query.filters.map(\.key), in: chunk), chunk)
            var known = [UInt32](repeating: 0, count: chunk.texts.count)
            let tenant = Array(query.tenant.name.utf8)
            var tenantText: UInt64?
            for _ in 0..<chunk.recordCount {
                guard let record = reader.record(chunk, &fields) else { return false }
                if tenantText != record.tenant {
                    guard bytes[chunk.texts[Int(record.tenant)]].elementsEqual(tenant) else { continue }
                    tenantText = record.tenant
                }
                guard query.range.contains(record.time), filters.areMet(fields, in: chunk, bytes) else { continue }
                for key in values.indices {
                    values[key] = places[key] < 0 ? 0 : number(of: fields[places[key]], in: chunk, bytes, &known)
                }
                add(record.part, at: record.time)
            }
            return reader.isAtEnd
        }
    }

    mutating func add(_ record: UsageRecord) {
        guard record.tenant == query.tenant, query.range.contains(record.time), query.isAskedFor(record) else { return }
        for (index, key) in query.keys.enumerated() {
            var text = key.value(record)
            values[index] = text.withUTF8 { number(of: UnsafeRawBufferPointer($0)) }
        }
        add(UsagePart(record), at: record.time)
    }

    /// For each key the field that it is of; -1 where the chunk has none.
    private func places(of keys: [UsageQuery.Key], in chunk: UsagePayloadReader.Chunk) -> [Int] {
        keys.map { key in
            switch key {
            case .service: Field.service
            case .agent: Field.agent
            case .operation: Field.operation
            case .provider: Field.provider
            case .model: Field.model
            case .conversation: Field.conversation
            case .attribution(let index, _):
                names.indices.contains(index)
                    ? chunk.names.firstIndex(of: names[index]).map { Field.attribution + $0 } ?? -1 : -1
            }
        }
    }

    @inline(__always)
    private mutating func number(
        of text: UInt32, in chunk: UsagePayloadReader.Chunk, _ bytes: UnsafeRawBufferPointer, _ known: inout [UInt32]
    ) -> UInt32 {
        if text == UsagePayloadReader.noText { return 0 }
        // One more than the number, so that 0 is what is not known yet; of what no row has it comes around to 0.
        if known[Int(text)] == 0 {
            let range = chunk.texts[Int(text)]
            known[Int(text)] = number(of: UnsafeRawBufferPointer(rebasing: bytes[range])) &+ 1
        }
        return known[Int(text)] &- 1
    }

    /// The number of a value; once there are as many groups as may be, new values are not kept.
    private mutating func number(of text: UnsafeRawBufferPointer) -> UInt32 {
        if let known = texts.index(of: text) { return UInt32(known) }
        return takesRows ? UInt32(texts.insert(text)) : Self.noValue
    }

    private var takesRows: Bool { !isClosed && rows.count < UsageQuery.groupsMax }

    // MARK: sums

    private mutating func add(_ part: UsagePart, at time: UInt64) {
        let point = query.step(of: time)
        total.add(part)
        if let point { add(part, to: point, of: .total) }
        guard !isUnattributed else {
            unattributed.add(part)
            if let point { add(part, to: point, of: .unattributed) }
            return
        }
        attributed.add(part)
        if let row = row() {
            sums[row].add(part)
            if let point { add(part, to: point, of: .row(row)) }
        } else {
            isTruncated = true
            other.add(part)
            if let point { add(part, to: point, of: .other) }
        }
    }

    /// Whether it is on nobody's behalf: it has none of the attribution keys that were asked for, or, where there are
    /// none among them, none of the keys.
    private var isUnattributed: Bool {
        var isAsked = false
        for index in values.indices {
            guard case .attribution = query.keys[index] else { continue }
            if values[index] != 0 { return false }
            isAsked = true
        }
        return isAsked || values.allSatisfy { $0 == 0 }
    }

    /// The row of ``values``; nil when there are too many.
    private mutating func row() -> Int? {
        values.withUnsafeBytes { key in
            if let known = rows.index(of: key) { return known }
            guard takesRows else { return nil }
            sums.append(UsageSum())
            return rows.insert(key)
        }
    }

    private mutating func add(_ part: UsagePart, to point: UInt64, of series: Series) {
        // Those of all groups are looked for again, or are too many anyway.
        if lacksPoints || sums.count > UsageQuery.rowsMax { return }
        if hasTooManyPoints { return lacksPoints = true }
        let key = (point, series.code, UInt32(0))
        let (index, isNew) = withUnsafeBytes(of: key) { points.number(of: $0) }
        if isNew { pointSums.append((series, point, UsageSum())) }
        pointSums[index].sum.add(part)
    }

    // MARK: result

    func result(damagedParts: Int) -> UsageResult {
        var result = UsageResult(total: UsageRow(key: []), unattributed: UsageRow(key: query.keys.map { _ in "" }))
        result.damagedParts = damagedParts
        result.isTruncated = isTruncated
        result.attributed = attributed
        (result.total.sum, result.unattributed.sum, result.other.sum) = (total, unattributed, other)
        let ordered = ordered
        var places = [Int](repeating: -1, count: sums.count)
        for row in ordered.prefix(UsageQuery.rowsMax) {
            // Retention may have taken the records of a row since the first look at them.
            if isClosed, sums[row] == UsageSum() { continue }
            var made = UsageRow(key: key(of: row))
            made.sum = sums[row]
            places[row] = result.rows.count
            result.rows.append(made)
        }
        for row in ordered.dropFirst(UsageQuery.rowsMax) {
            result.isTruncated = true
            result.other.sum.add(sums[row])
        }
        for point in pointSums {
            switch point.series {
            case .total: result.total.points[point.start] = point.sum
            case .unattributed: result.unattributed.points[point.start] = point.sum
            case .other: result.other.points[point.start] = point.sum
            case .row(let row): if places[row] >= 0 { result.rows[places[row]].points[point.start] = point.sum }
            }
        }
        return result
    }

    /// All groups, the most expensive first, then by tokens, then by key.
    private var ordered: [Int] {
        let keys = sums.indices.map(key)
        return sums.indices.sorted { a, b in
            if sums[a].cost != sums[b].cost { return sums[a].cost > sums[b].cost }
            let (first, second) = (sums[a].tokens.total, sums[b].tokens.total)
            return first != second ? first > second : keys[a].lexicographicallyPrecedes(keys[b])
        }
    }

    private func key(of row: Int) -> [String] {
        let key = Array(rows.key(row))
        return query.keys.indices.map { place in
            let number = key.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place * 4, as: UInt32.self) }
            return String(decoding: texts.key(Int(number)), as: UTF8.self)
        }
    }
}
