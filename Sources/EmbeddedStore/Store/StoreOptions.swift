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
    /// Bytes of decoded footers and dictionaries kept for queries: a sixth of the memory budget, and room for the
    /// footers of some 1,000 blocks.
    package var cacheBytes = 48 << 20
    /// Cores that one query may use; 0 for all of the machine.
    package var queryCores = 0
    /// Nanoseconds that a span may start after it was received before it is sealed apart: one hour.
    package var aheadMax: UInt64 = 3600 * 1_000_000_000
    /// Nanoseconds that a span may start before it was received before it is sealed apart: 30 days.
    package var behindMax: UInt64 = 30 * 86_400 * 1_000_000_000

    package init() {}

    /// Whether a start time is so far from the receipt that it would spoil the time range of its block.
    func isOutOfRange(start: UInt64, receivedAt: UInt64) -> Bool {
        start > receivedAt ? start - receivedAt > aheadMax : receivedAt - start > behindMax
    }
}
