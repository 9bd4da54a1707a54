import OTLP

/// Remembers which attributes of spans are of interest by the lists of keys that spans have.
///
/// A service makes spans of a few kinds, and all spans of a kind have the same keys in the same order: comparing a
/// span's keys with those of the span before of its kind is cheaper than looking each of them up.
struct SpanShapes: Sendable {
    /// A power of two; twice the kinds of spans that agents of one system have.
    private static let shapesMax = 128
    /// Attributes of a shape and bytes of their keys; a span that has more is looked at key by key.
    private static let keysMax = 48
    private static let keyBytesMax = 1_024

    private struct Shape: Sendable {
        /// -1 in a free place.
        var keys = -1
        var isOfInterest = false
        var hasAttribution = false
        /// A bit for each of the first 64 facts that spans of the shape have.
        var facts: UInt64 = 0
    }

    private let factCount: Int
    private var shapes = [Shape](repeating: Shape(), count: Self.shapesMax + 1)
    /// Of each shape in room of the same size, so that a shape owns no memory.
    private var keyBytes = [UInt8](repeating: 0, count: Self.shapesMax * Self.keyBytesMax)
    private var keyCounts = [UInt16](repeating: 0, count: Self.shapesMax * Self.keysMax)
    /// By shape and fact: the attribute's place in the span + 1, or 0 where there is none.
    private var places: [UInt16]
    private var turn = 0

    init(factCount: Int) {
        self.factCount = factCount
        places = Array(repeating: 0, count: (Self.shapesMax + 1) * factCount)
    }

    /// The shape of spans that are none of those that are remembered, for the span at hand alone.
    static var scratch: Int { shapesMax }

    func isOfInterest(_ shape: Int) -> Bool { shapes[shape].isOfInterest }
    func hasAttribution(_ shape: Int) -> Bool { shapes[shape].hasAttribution }
    func facts(_ shape: Int) -> UInt64 { shapes[shape].facts }

    /// The place of a fact's attribute in a span of the shape; -1 where it has none.
    @inline(__always)
    func place(_ fact: Int, of shape: Int) -> Int { Int(places[shape * factCount + fact]) - 1 }

    /// The shape of a span, or the place where it is to be put after ``begin(_:_:of:)``.
    func find(_ rows: RowRange, of batch: SpanBatch) -> (shape: Int, isKnown: Bool) {
        let hash = Self.hash(rows, of: batch)
        guard let hash else { return (Self.scratch, false) }
        let shape = Int(truncatingIfNeeded: hash) & (Self.shapesMax - 1)
        if matches(shape, rows, of: batch) { return (shape, true) }
        if matches(shape ^ 1, rows, of: batch) { return (shape ^ 1, true) }
        return (shapes[shape].keys < 0 ? shape : shape ^ (turn & 1), false)
    }

    /// Nil when the keys take more room than a shape has.
    private static func hash(_ rows: RowRange, of batch: SpanBatch) -> UInt64? {
        guard rows.count <= keysMax else { return nil }
        var bytes: UInt64 = 0
        var hash = UInt64(rows.count)
        var factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        batch.attributes.withUnsafeBufferPointer { attributes in
            for index in rows.indices {
                let count = UInt64(attributes[index].key.count)
                bytes += count
                hash &+= count &* factor
                factor &+= 0xC2B2_AE3D_27D4_EB4E
            }
        }
        return bytes <= UInt64(keyBytesMax) ? (hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15 >> 40 : nil
    }

    private func matches(_ shape: Int, _ rows: RowRange, of batch: SpanBatch) -> Bool {
        guard shapes[shape].keys == Int(rows.count) else { return false }
        return batch.attributes.withUnsafeBufferPointer { attributes in
            keyCounts.withUnsafeBufferPointer { counts in
                batch.bytes.withUnsafeBytes { bytes in
                    keyBytes.withUnsafeBytes { keys in
                        var offset = shape * Self.keyBytesMax
                        var number = shape * Self.keysMax
                        for index in rows.indices {
                            let key = attributes[index].key
                            guard UInt32(counts[number]) == key.count,
                                ByteEquality.isEqual(keys, offset, bytes, Int(key.offset), Int(key.count))
                            else { return false }
                            offset += Int(key.count)
                            number += 1
                        }
                        return true
                    }
                }
            }
        }
    }

    /// Puts a shape in its place, as yet without facts.
    mutating func begin(_ shape: Int, _ rows: RowRange, of batch: SpanBatch) {
        turn += 1
        shapes[shape] = Shape()
        for fact in 0..<factCount { places[shape * factCount + fact] = 0 }
        guard shape != Self.scratch else { return }
        shapes[shape].keys = Int(rows.count)
        var offset = shape * Self.keyBytesMax
        var number = shape * Self.keysMax
        for index in rows.indices {
            let key = batch.attributes[index].key
            for byte in batch.slice(key) {
                keyBytes[offset] = byte
                offset += 1
            }
            keyCounts[number] = UInt16(truncatingIfNeeded: key.count)
            number += 1
        }
    }

    mutating func set(_ fact: Int, to place: Int, of shape: Int) {
        places[shape * factCount + fact] = UInt16(clamping: place + 1)
        if fact < 64 { shapes[shape].facts |= 1 << UInt64(fact) }
    }

    mutating func setFlags(isOfInterest: Bool, hasAttribution: Bool, of shape: Int) {
        shapes[shape].isOfInterest = isOfInterest
        shapes[shape].hasAttribution = hasAttribution
    }
}

/// Compares short runs of bytes where a call of `memcmp` would be most of the work.
enum ByteEquality {
    /// Eight bytes at a time, the last of them overlapping; both ranges are within their buffers.
    @inline(__always)
    static func isEqual(
        _ a: UnsafeRawBufferPointer, _ start: Int, _ b: UnsafeRawBufferPointer, _ otherStart: Int, _ count: Int
    ) -> Bool {
        var offset = 0
        if count >= 8 {
            while offset + 8 < count {
                guard
                    a.loadUnaligned(fromByteOffset: start + offset, as: UInt64.self)
                        == b.loadUnaligned(fromByteOffset: otherStart + offset, as: UInt64.self)
                else { return false }
                offset += 8
            }
            return a.loadUnaligned(fromByteOffset: start + count - 8, as: UInt64.self)
                == b.loadUnaligned(fromByteOffset: otherStart + count - 8, as: UInt64.self)
        }
        while offset < count {
            guard a[start + offset] == b[otherStart + offset] else { return false }
            offset += 1
        }
        return true
    }
}
