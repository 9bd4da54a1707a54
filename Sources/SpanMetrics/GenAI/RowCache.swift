/// What was found for calls and runs of tools that had the same texts, so that no key of bytes is made of them again.
///
/// Two keys of one place take turns: texts that somebody chose only cost what they would without it.
struct RowCache: Sendable {
    /// The numbers of texts and of what else tells rows apart; unused ones are 0.
    typealias Key = SIMD16<UInt32>
    /// Numbers of rows and of what else goes with them.
    typealias Rows = SIMD4<Int32>

    /// 160 KB; what is called at one time.
    private static let entriesMax = 2_048

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
        let words = unsafeBitCast(key, to: SIMD8<UInt64>.self)
        var state: UInt64 = 0
        for index in words.indices { state = (state ^ words[index]) &* 0x9E37_79B9_7F4A_7C15 ^ state >> 29 }
        return Int(truncatingIfNeeded: state >> 40) & (entriesMax - 1)
    }
}
