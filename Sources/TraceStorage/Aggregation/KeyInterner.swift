/// Numbers the distinct values of one field that is grouped by, from 0 on.
struct KeyInterner {
    /// Stands for values beyond the limit.
    static let overflow = UInt32.max - 1

    private(set) var values: [FieldValue] = []
    private var ids: [FieldValue: UInt32] = [:]
    private let countMax: Int

    init(countMax: Int) {
        self.countMax = countMax
    }

    mutating func id(_ value: FieldValue) -> UInt32 {
        let value = value.forGrouping
        if let id = ids[value] { return id }
        guard values.count < countMax else { return Self.overflow }
        let id = UInt32(values.count)
        values.append(value)
        ids[value] = id
        return id
    }
}

/// Numbers the distinct pairs of two numbers, from 0 on.
///
/// Linear probing in a table whose length is a power of two; a pair that is the same as the one before costs a
/// comparison.
struct PairInterner {
    private(set) var pairs: [UInt64] = []
    /// The number of a pair plus 1; 0 is free.
    private var slots: [UInt32] = Array(repeating: 0, count: 64)
    private var last: (pair: UInt64, id: UInt32)?
    private let countMax: Int

    init(countMax: Int) {
        self.countMax = countMax
    }

    @inline(__always)
    mutating func id(_ a: UInt32, _ b: UInt32) -> UInt32 {
        let pair = UInt64(a) << 32 | UInt64(b)
        if let last, last.pair == pair { return last.id }
        let id = find(pair)
        last = (pair, id)
        return id
    }

    private mutating func find(_ pair: UInt64) -> UInt32 {
        let mask = slots.count - 1
        var slot = Self.hash(pair) & mask
        while slots[slot] != 0 {
            if pairs[Int(slots[slot]) - 1] == pair { return slots[slot] - 1 }
            slot = (slot + 1) & mask
        }
        guard pairs.count < countMax else { return KeyInterner.overflow }
        pairs.append(pair)
        slots[slot] = UInt32(pairs.count)
        if pairs.count * 2 > slots.count { grow() }
        return UInt32(pairs.count - 1)
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        let mask = slots.count - 1
        for (id, pair) in pairs.enumerated() {
            var slot = Self.hash(pair) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(id + 1)
        }
    }

    private static func hash(_ pair: UInt64) -> Int {
        let product = (pair ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return Int(truncatingIfNeeded: product.high ^ product.low)
    }
}

extension FieldValue {
    /// The value as the key of a group: equal to itself, and one for both zeros.
    package var forGrouping: FieldValue {
        switch self {
        case .double(let number): number.isNaN ? .none : .double(number + 0)
        case .array(let elements): .array(elements.map(\.forGrouping))
        default: self
        }
    }

    /// The value as a number to sum up: NaN for what is none.
    package var measure: Double {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        default: .nan
        }
    }
}
