import OTLP

/// Remembers which attributes of spans are of interest by the shapes of spans.
///
/// A service makes spans of a few kinds, and all spans of a kind have the same keys in the same order: to know a shape
/// again is cheaper than to look each key up.
struct SpanShapes: Sendable {
    /// A power of two; twice the kinds of spans that agents of one system have.
    private static let shapesMax = 256
    /// Attributes that a span's names are read from.
    private static let namesMax = 32

    private struct Shape: Sendable {
        var isOfInterest = false
        var nameCount: UInt8 = 0
        /// A bit for each attribution key that spans of the shape have.
        var attributions: UInt64 = 0
        /// A bit for each of the first 64 facts that spans of the shape have.
        var facts: UInt64 = 0
    }

    private let factCount: Int
    /// A bit for each fact that names are read from.
    private let nameFacts: UInt64
    private var known = HashPlaces(count: Self.shapesMax)
    private var shapes = [Shape](repeating: Shape(), count: Self.shapesMax)
    /// By shape and fact: the attribute's place in the span + 1, or 0 where there is none.
    private var places: [UInt16]
    /// By shape: the places of the attributes that names are read from, by fact.
    private var namePlaces = [UInt16](repeating: 0, count: Self.shapesMax * Self.namesMax)
    /// - Parameters:
    ///   - factCount: How many facts there are.
    ///   - nameFacts: A bit for each of at most 32 that names are read from.
    init(factCount: Int, nameFacts: UInt64) {
        self.factCount = factCount
        self.nameFacts = nameFacts
        places = Array(repeating: 0, count: Self.shapesMax * factCount)
    }

    func isOfInterest(_ shape: Int) -> Bool { shapes[shape].isOfInterest }
    func attributions(_ shape: Int) -> UInt64 { shapes[shape].attributions }
    func facts(_ shape: Int) -> UInt64 { shapes[shape].facts }

    /// The place of a fact's attribute in a span of the shape; -1 where it has none.
    @inline(__always)
    func place(_ fact: Int, of shape: Int) -> Int { Int(places[shape * factCount + fact]) - 1 }

    /// Calls `body` with the places of the attributes that names are read from.
    @inline(__always)
    func forEachNamePlace(of shape: Int, _ body: (Int) -> Void) {
        let first = shape * Self.namesMax
        for index in first..<first + Int(shapes[shape].nameCount) { body(Int(namePlaces[index])) }
    }

    /// The number of a shape; nil when it is not known, or was forgotten.
    ///
    /// - Parameter hash: As ``SpanRow/attributeShape``.
    @inline(__always)
    func find(_ hash: UInt64) -> Int? { known.place(of: hash) }

    /// Begins a shape that is not known, as yet without facts.
    ///
    /// - Returns: Its number, which may be that of another one that is forgotten.
    mutating func begin(_ hash: UInt64) -> Int {
        let shape = known.insert(hash)
        shapes[shape] = Shape()
        for fact in 0..<factCount { places[shape * factCount + fact] = 0 }
        return shape
    }

    mutating func set(_ fact: Int, to place: Int, of shape: Int) {
        places[shape * factCount + fact] = UInt16(clamping: place + 1)
        if fact < 64 { shapes[shape].facts |= 1 << UInt64(fact) }
    }

    /// To be called when all facts are set.
    ///
    /// - Parameter attributions: A bit for each attribution key that there is.
    mutating func finish(_ shape: Int, isOfInterest: Bool, attributions: UInt64) {
        shapes[shape].isOfInterest = isOfInterest
        shapes[shape].attributions = attributions
        var left = shapes[shape].facts & nameFacts
        while left != 0 {
            let place = shape * Self.namesMax + Int(shapes[shape].nameCount)
            namePlaces[place] = UInt16(clamping: self.place(left.trailingZeroBitCount, of: shape))
            shapes[shape].nameCount += 1
            left &= left - 1
        }
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
