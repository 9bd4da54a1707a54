import OTLP

/// What was found for calls and runs of tools that had the same texts, so that no key of bytes is made of them again.
///
/// Two keys of one place take turns: texts that somebody chose only cost what they would without it.
struct RowCache: Sendable {
    /// The numbers of texts and of what else tells rows apart; unused ones are 0.
    typealias Key = SIMD8<UInt32>
    /// Numbers of rows and of what else goes with them.
    typealias Rows = SIMD4<Int32>

    /// 24 KB; combinations of service, agent and model that are called at one time.
    private static let entriesMax = 512

    private var keys: [Key] = []
    private var rows: [Rows] = []

    /// The rows of a key; nil when they are not here.
    func rows(of key: Key) -> Rows? {
        guard !keys.isEmpty else { return nil }
        let place = Self.place(key)
        return keys[place] == key ? rows[place] : nil
    }

    mutating func set(_ key: Key, _ newRows: Rows) {
        if keys.isEmpty {
            // No key: the first number of one is never the largest.
            keys = Array(repeating: Key(repeating: .max), count: Self.entriesMax)
            rows = Array(repeating: Rows(), count: Self.entriesMax)
        }
        let place = Self.place(key)
        keys[place] = key
        rows[place] = newRows
    }

    private static func place(_ key: Key) -> Int {
        let words = unsafeBitCast(key, to: SIMD4<UInt64>.self)
        // Products that do not wait for one another.
        var state: UInt64 = 0
        var factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        for index in words.indices {
            state ^= (words[index] ^ words[index] >> 32) &* factor
            factor = factor << 7 | factor >> 57
        }
        return Int(truncatingIfNeeded: (state ^ state >> 31) &* 0xC2B2_AE3D_27D4_EB4F >> 40) & (entriesMax - 1)
    }
}

/// Numbers that stand for all that rows depend on beside attribution.
struct RowBases<Key: Hashable & Sendable>: Sendable {
    /// 300 KB of the longest keys.
    private static var countMax: Int { 4_096 }

    private var numbers: [Key: Int32] = [:]
    private var given: Int32 = 0

    mutating func number(of key: Key) -> Int32 {
        if let known = numbers[key] { return known }
        // Those that are in use are numbered again, and a number is never given twice.
        if numbers.count >= Self.countMax { numbers = [:] }
        given &+= 1
        numbers[key] = given
        return given
    }
}

/// Rows of calls on somebody's behalf, of which there are many: by what ``RowCache`` knows of the call, and its
/// attribution.
struct AttributedRows: Sendable {
    /// A power of two, the calls of one agent come together; 192 KB once there is any.
    private static let rowsMax = 16_384

    private var places: HashPlaces?
    private var rows: [Int32] = []
    private let byteHash = ByteHash.ofProcess

    /// - Parameters:
    ///   - base: Stands for all texts but the attribution.
    ///   - generation: Of the table of texts.
    @inline(__always)
    private func hash(_ base: Int32, _ values: AttributionValues, _ generation: UInt32) -> UInt64 {
        byteHash.mix(
            UInt64(UInt32(bitPattern: base)) << 32 | UInt64(values.list.index),
            UInt64(values.own.index) << 32 | UInt64(generation << 8 | values.key))
    }

    mutating func row(_ base: Int32, _ values: AttributionValues, generation: UInt32) -> Int? {
        guard let place = places?.place(of: hash(base, values, generation)) else { return nil }
        return Int(rows[place])
    }

    /// Notes a row that is not known.
    mutating func set(_ base: Int32, _ values: AttributionValues, generation: UInt32, _ row: Int) {
        if rows.isEmpty {
            places = HashPlaces(count: Self.rowsMax)
            rows = Array(repeating: 0, count: Self.rowsMax)
        }
        let hash = hash(base, values, generation)
        guard let place = places?.insert(hash) else { return }
        rows[place] = Int32(truncatingIfNeeded: row)
    }
}

/// Remembers by text which attribution values no row of a table that is full has.
struct OverflowRows: Sendable {
    private enum State: UInt8 {
        case unknown, inUse, overflow
    }

    /// By text of one generation and tenant; a byte each.
    private var states: [State] = []
    private var generation: UInt32 = 0
    private var tenant: UInt32 = 0

    /// The row of what is over the limit; nil where a call with the value has to be looked up.
    ///
    /// - Parameters:
    ///   - overflow: That row, once the table makes no others.
    ///   - isInUse: Whether some row has the value.
    mutating func row(
        _ value: TextNumber, tenant: UInt32, _ texts: TextTable, _ overflow: Int?, isInUse: () -> Bool
    ) -> Int? {
        guard let overflow, !value.isEmpty else { return nil }
        if generation != texts.generation || self.tenant != tenant {
            states.removeAll(keepingCapacity: true)
            (generation, self.tenant) = (texts.generation, tenant)
        }
        let index = Int(value.index)
        if index >= states.count {
            states.append(contentsOf: repeatElement(.unknown, count: texts.textCount - states.count))
        }
        if states[index] == .unknown {
            states[index] = isInUse() ? .inUse : .overflow
        }
        return states[index] == .overflow ? overflow : nil
    }
}

/// The attribution values in the rows of a table, found once it makes no further rows.
struct ValuesInUse: Sendable {
    private var values: KeyTable?

    /// - Parameter labels: How many labels are in front of those of attribution.
    mutating func contain(
        _ value: UnsafeRawBufferPointer, of table: SeriesTable<some SeriesRow>, after labels: Int, seed: UInt64
    ) -> Bool {
        let found = values ?? Self.values(of: table, after: labels, seed: seed)
        values = found
        return found.index(of: value) != nil
    }

    private static func values(
        of table: SeriesTable<some SeriesRow>, after labels: Int, seed: UInt64
    ) -> KeyTable {
        var result = KeyTable(seed: seed)
        for row in 0..<table.count {
            var reader = ByteReader(table.table.key(row))
            guard reader.byte() == 0 else { continue }
            for _ in 0..<labels { _ = reader.block() }
            while let value = reader.block() { value.withUnsafeBytes { _ = result.number(of: $0) } }
        }
        return result
    }
}
