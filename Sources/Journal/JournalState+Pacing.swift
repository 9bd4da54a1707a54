import TraceStorage

/// Appends wait for readers, so that readers keep up.
///
/// A reader that left the batches in memory has to read, check and decode the same bytes again, which takes it longer
/// than to be handed them: once behind it would stay behind for as long as requests come as fast as they can, up to the
/// journal's cap. So while a reader that must not skip is about to leave memory, groups are written at a bounded rate,
/// lower the nearer that reader brings the journal to its cap: requests are acknowledged later instead of refused.
extension JournalState {
    /// When the next group may be written, by ``MonotonicTime``; nil when now.
    func pause(now: UInt64) -> UInt64? {
        guard now < nextGroupAt, phase == .running, unreadBytes > 0 else { return nil }
        return min(nextGroupAt, now + Self.lookInterval)
    }

    /// Says that there is a group to write which has to wait.
    mutating func notePause(now: UInt64) {
        if pausedSince == nil { pausedSince = now }
    }

    /// Says that a group is about to be written.
    mutating func notePace(groupBytes: Int, now: UInt64) {
        if let since = pausedSince { metrics.pausedNanoseconds += now - min(now, since) }
        pausedSince = nil
        let unread = unreadBytes
        guard unread > 0 else { return }
        let free = max(configuration.maxBytes - unread, configuration.maxBytes / 128)
        let rate = Double(configuration.crowdedBytesPerSecond) * Double(free) / Double(configuration.maxBytes)
        nextGroupAt = now + UInt64(min(Double(groupBytes) / rate, Self.pauseMax) * 1e9)
    }

    /// Time between two looks at whether the readers have caught up.
    private static let lookInterval: UInt64 = 2_000_000

    /// Seconds that a group waits at most.
    private static let pauseMax = 60.0

    /// Bytes that lie before the slowest of the readers that must not skip, once they are more than half of what is
    /// kept in memory; else 0.
    private var unreadBytes: Int {
        guard configuration.recentBytesMax > 0, configuration.crowdedBytesPerSecond > 0 else { return 0 }
        guard let read = readers.values.lazy.filter({ !$0.maySkip }).map(\.read).min(), read < end else { return 0 }
        guard recent.memoryBytes(after: read) > configuration.recentBytesMax / 2 else { return 0 }
        return total.bytes - volume(through: read).bytes
    }
}
