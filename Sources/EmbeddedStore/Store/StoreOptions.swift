/// What an embedded store may hold, and when it seals.
package struct StoreOptions: Sendable {
    /// Spans in the live tail at which it is sealed; a block then has 16 row groups.
    package var sealSpans = 65_536
    /// OTLP bytes in the live tail at which it is sealed; bounds memory for spans of unusual size.
    package var sealBytes = 64 << 20
    /// Nanoseconds after which the oldest batch of the live tail is sealed: bounds what a restart replays.
    package var sealAge: UInt64 = 600 * 1_000_000_000
    /// Nanoseconds after their receipt at which spans are deleted; 0 keeps them for ever. Default: 7 days.
    package var retentionAge: UInt64 = 7 * 86_400 * 1_000_000_000
    /// Bytes of blocks above which the oldest are deleted; 0 means no limit. Default: 20 GiB.
    package var retentionBytes = 20 << 30
    /// Bytes of the files that one merge joins: with OTLP packed to a tenth, what ``mergeBytes`` holds.
    package var mergeFileBytes = 6 << 20
    /// Bytes of OTLP that a merge may hold; blocks that have more together stay apart. Bounds its memory, together with as much again
    /// for the block that it builds.
    package var mergeBytes = 64 << 20
    /// Bytes of decoded footers and dictionaries kept for queries: an eighth of the memory budget, and room for the
    /// footers of some 1,000 blocks.
    package var cacheBytes = 32 << 20
    /// Sealed spans remembered at least, to know them when they are sent again: what an emitter that retries for minutes
    /// at full rate may send. Beyond it a span sent again is collapsed in traces only and scans find it twice, until a
    /// merge joins the two. 32 bytes of memory each at most.
    package var recentSpansMax = 262_144
    /// Cores that one query may use; 0 for all of the machine.
    package var queryCores = 0
    /// Nanoseconds that a span may start after it was received before it is sealed apart: one hour.
    package var aheadMax: UInt64 = 3600 * 1_000_000_000
    /// Nanoseconds that a span may start before it was received before it is sealed apart: 30 days.
    package var behindMax: UInt64 = 30 * 86_400 * 1_000_000_000

    package init() {}

    /// Nanoseconds between the receipts of spans in a merged block: a block goes when its youngest span is past
    /// retention, so the oldest stay that much longer.
    var mergeReceivedSpread: UInt64 { retentionAge == 0 ? .max : retentionAge / 16 }

    /// Whether a start time is so far from the receipt that it would spoil the time range of its block.
    func isOutOfRange(start: UInt64, receivedAt: UInt64) -> Bool {
        start > receivedAt ? start - receivedAt > aheadMax : receivedAt - start > behindMax
    }
}
