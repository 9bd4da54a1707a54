import TraceStorage

/// The digests of the last minutes, 40 bytes each.
///
/// Time is the requests' received-at, so that the table is the same after it was rebuilt from the journal.
package struct DuplicateTable {
    package enum Match: Equatable {
        case none
        /// A request with this digest is being written.
        case pending
        case known(JournalPosition)
    }

    private let windowNanoseconds: UInt64
    private let entriesMax: Int
    private var pending: Set<RequestDigest> = []
    /// Written ones from old to new. A digest that came again after its time stands here twice for a while.
    private var written = WrittenDigests()
    private var index = DigestIndex()

    package init(window: Duration, entriesMax: Int) {
        windowNanoseconds = window.wholeNanoseconds
        self.entriesMax = entriesMax
    }

    package var count: Int { index.count + pending.count }

    package func match(_ digest: RequestDigest, receivedAt: UInt64) -> Match {
        if pending.contains(digest) { return .pending }
        guard let number = index.find(digest, in: written) else { return .none }
        let entry = written[number]
        return isExpired(entry.receivedAt, at: receivedAt) ? .none : .known(entry.position)
    }

    package mutating func begin(_ digest: RequestDigest, receivedAt: UInt64) {
        pending.insert(digest)
    }

    /// The record was not written.
    package mutating func forget(_ digest: RequestDigest) {
        pending.remove(digest)
    }

    /// The record was written, or found when the journal was opened.
    package mutating func insert(_ digest: RequestDigest, position: JournalPosition, receivedAt: UInt64) {
        pending.remove(digest)
        let number = written.append(WrittenDigest(digest: digest, position: position, receivedAt: receivedAt))
        index.set(digest, to: number, in: written)
        while let oldest = written.first, written.count > entriesMax || isExpired(oldest.receivedAt, at: receivedAt) {
            index.remove(oldest.digest, ifAt: written.firstNumber, in: written)
            written.removeFirst()
        }
    }

    private func isExpired(_ receivedAt: UInt64, at now: UInt64) -> Bool {
        now > receivedAt && now - receivedAt >= windowNanoseconds
    }
}

/// A digest whose record is in the journal.
private struct WrittenDigest {
    let digest: RequestDigest
    let position: JournalPosition
    let receivedAt: UInt64
}

/// Digests in the order in which they were written, numbered from 0 on, in pieces so that growing copies nothing and
/// what was forgotten gives its memory back.
private struct WrittenDigests {
    private static let pieceBits = 13
    private static let pieceCount = 1 << pieceBits

    private var pieces: [[WrittenDigest]] = []
    private(set) var firstNumber: UInt64 = 0
    private var endNumber: UInt64 = 0

    var count: Int { Int(endNumber - firstNumber) }
    var first: WrittenDigest? { count == 0 ? nil : self[firstNumber] }

    subscript(number: UInt64) -> WrittenDigest {
        pieces[piece(of: number)][Int(number) & (Self.pieceCount - 1)]
    }

    private func piece(of number: UInt64) -> Int {
        Int(number >> UInt64(Self.pieceBits)) - Int(firstNumber >> UInt64(Self.pieceBits))
    }

    /// - Returns: its number.
    mutating func append(_ entry: WrittenDigest) -> UInt64 {
        let piece = piece(of: endNumber)
        if piece == pieces.count {
            var fresh: [WrittenDigest] = []
            fresh.reserveCapacity(Self.pieceCount)
            pieces.append(fresh)
        }
        pieces[piece].append(entry)
        defer { endNumber += 1 }
        return endNumber
    }

    mutating func removeFirst() {
        firstNumber += 1
        if Int(firstNumber) & (Self.pieceCount - 1) == 0 { pieces.removeFirst() }
    }
}

/// Finds the number of a digest: open addressing with the numbers as codes of 4 bytes. The digests themselves stand in
/// ``WrittenDigests``.
private struct DigestIndex {
    /// Numbers are told apart by their rest; more than ever stand in the table.
    private static let codes = UInt64(UInt32.max)

    /// 0 where a slot is free, otherwise the rest of the number, plus one.
    private var slots: [UInt32] = []
    private(set) var count = 0
    /// Bodies can be made so that digests are alike in some bits; not so that they are behind this.
    private let seed = UInt64.random(in: .min ... .max)

    private var mask: Int { slots.count - 1 }

    private static func code(_ number: UInt64) -> UInt32 { UInt32(number % codes) + 1 }

    private func number(_ code: UInt32, in written: WrittenDigests) -> UInt64 {
        let first = written.firstNumber
        return first + (UInt64(code) - 1 + Self.codes - first % Self.codes) % Self.codes
    }

    private func home(_ digest: RequestDigest) -> Int {
        let mixed = ((digest.low ^ seed) &* 0x9E37_79B9_7F4A_7C15) ^ digest.high
        return Int(truncatingIfNeeded: (mixed &* 0xD6E8_FEB8_6659_FD93) >> 32) & mask
    }

    /// The slot of a digest, or the free one where it would go.
    private func slot(of digest: RequestDigest, in written: WrittenDigests) -> Int {
        var slot = home(digest)
        while slots[slot] != 0, written[number(slots[slot], in: written)].digest != digest { slot = (slot + 1) & mask }
        return slot
    }

    func find(_ digest: RequestDigest, in written: WrittenDigests) -> UInt64? {
        guard !slots.isEmpty else { return nil }
        let code = slots[slot(of: digest, in: written)]
        return code == 0 ? nil : number(code, in: written)
    }

    mutating func set(_ digest: RequestDigest, to number: UInt64, in written: WrittenDigests) {
        if count * 3 >= slots.count * 2 { grow(written) }
        let slot = slot(of: digest, in: written)
        if slots[slot] == 0 { count += 1 }
        slots[slot] = Self.code(number)
    }

    /// Forgets a digest unless it has come again since.
    mutating func remove(_ digest: RequestDigest, ifAt number: UInt64, in written: WrittenDigests) {
        guard !slots.isEmpty else { return }
        var hole = slot(of: digest, in: written)
        guard slots[hole] == Self.code(number) else { return }
        slots[hole] = 0
        count -= 1
        // Those behind it that it kept from their places move up, so that every search still ends at a free slot.
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let distance = (next - home(written[self.number(slots[next], in: written)].digest)) & mask
            if distance >= (next - hole) & mask {
                slots[hole] = slots[next]
                slots[next] = 0
                hole = next
            }
            next = (next + 1) & mask
        }
    }

    private mutating func grow(_ written: WrittenDigests) {
        let old = slots
        slots = [UInt32](repeating: 0, count: max(64, old.count * 2))
        for code in old where code != 0 {
            var slot = home(written[number(code, in: written)].digest)
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = code
        }
    }
}
