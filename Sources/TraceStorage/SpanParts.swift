/// What of spans somebody needs who reads many traces, so that a store need not read the rest.
///
/// Ids, times, name, kind, status code, trace state, links, resource and scope are there always. Events, the status'
/// message, flags and counts of what was dropped are not. A reader may hand out more than was asked for, and does for
/// spans that it keeps as they were sent.
package struct SpanParts: Sendable {
    /// What is wanted of an attribute of a span.
    package enum Wish: UInt8, Sendable {
        case nothing
        /// That the span has one of its kind, where no attribute with a value tells.
        case mark
        case value
        /// The value, which tells that as well.
        case markedValue
    }

    private let keys: Set<[UInt8]>
    private let marks: [[UInt8]]

    /// - Parameters:
    ///   - attributes: keys of span attributes that are wanted with their values.
    ///   - marks: beginnings of keys of which it is wanted whether a span has any: one of them is there if it does, which
    ///     has the value of ``ValueKind/empty`` unless it is one of `attributes`.
    package init(attributes: [String], marks: [String]) {
        keys = Set(attributes.map { Array($0.utf8) })
        self.marks = marks.map { Array($0.utf8) }
    }

    package func wish(for key: UnsafeRawBufferPointer) -> Wish {
        let isMark = marks.contains { key.starts(with: $0) }
        if keys.contains(Array(key)) { return isMark ? .markedValue : .value }
        return isMark ? .mark : .nothing
    }

    /// The attributes of one span that are wanted, by their places in it; no value is wanted of one that is `.mark`.
    ///
    /// - Parameter wishes: for each attribute of the span, in order.
    package static func chosen(_ wishes: [Wish]) -> [(place: Int, hasValue: Bool)] {
        var isMarked = wishes.contains(.markedValue)
        var result: [(place: Int, hasValue: Bool)] = []
        for (place, wish) in wishes.enumerated() {
            switch wish {
            case .nothing: break
            case .value, .markedValue: result.append((place, true))
            case .mark:
                if !isMarked { result.append((place, false)) }
                isMarked = true
            }
        }
        return result
    }
}
