/// The place of a record in the journal: 1 for the first record ever written, then one more each.
///
/// Positions never repeat and never go back, also across restarts. ``beginning`` stands before the first record.
package struct JournalPosition: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static let beginning = JournalPosition(0)

    package var next: JournalPosition { JournalPosition(rawValue + 1) }

    package static func < (a: JournalPosition, b: JournalPosition) -> Bool { a.rawValue < b.rawValue }
}

/// Whose data a record, block, series or query belongs to: at most 64 bytes of UTF-8, empty by default.
package struct TenantID: Hashable, Sendable {
    package static let bytesMax = 64

    package let name: String

    /// Nil when the name is longer than ``bytesMax``.
    package init?(_ name: String) {
        guard name.utf8.count <= Self.bytesMax else { return nil }
        self.name = name
    }

    private init() {
        name = ""
    }

    package static let `default` = TenantID()
}

/// A half-open range of unix nanoseconds.
package struct TimeRange: Hashable, Sendable {
    package var start: UInt64
    /// Not included, except that ``UInt64/max`` means no end.
    package var end: UInt64

    package init(start: UInt64 = 0, end: UInt64 = .max) {
        self.start = start
        self.end = end
    }

    package static let all = TimeRange()

    package func contains(_ time: UInt64) -> Bool { time >= start && (time < end || end == .max) }

    /// Whether any time from `first` to `last`, both included, lies in the range.
    package func intersects(first: UInt64, last: UInt64) -> Bool { last >= start && (first < end || end == .max) }
}
