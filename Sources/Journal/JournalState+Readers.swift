import TraceStorage

/// Whether a reader may be moved past records that it has not read.
package enum ReaderPolicy: Sendable, Hashable {
    /// The journal holds on to everything the reader has not committed, and refuses appends at its cap.
    case mustNotSkip
    /// More than this many bytes behind, past records that were received longer ago than `maxLagAge`, or in the way
    /// when the journal is at its cap, the reader is moved on, and what it has not been given is counted as skipped.
    ///
    /// Age is by the journal's clock, so it counts too while nothing is received; a record is skipped up to a second
    /// late, and ``JournalConfiguration/ageCheckInterval``.
    case maySkip(maxLagBytes: Int, maxLagAge: Duration? = nil)
}

/// Why a reader was moved past records.
package enum SkipReason: String, Sendable, CaseIterable {
    /// More bytes waited than the reader or the journal may have.
    case bytes
    /// They waited for longer than the reader wants them.
    case age
}

/// Who remembers where a reader stands, and where it starts.
package enum ReaderCursor: Sendable, Hashable {
    /// The journal, in its cursor file. A reader that is not in it starts before the oldest record.
    case journal
    /// Somebody else, who says up to where all is done. The reader only reports its progress.
    case external(JournalPosition)
}

/// How far a reader is.
struct ReaderState: Sendable {
    let name: String
    let policy: ReaderPolicy
    let isPersisted: Bool
    /// Tells a reader from an earlier one of the same name.
    let generation: Int
    /// All up to here is done.
    var committed: JournalPosition
    /// All up to here was given to the reader.
    var handedOut: JournalPosition
    /// The reader was moved here; it is not given anything at or before it any more.
    var floor = JournalPosition.beginning
    var isInterrupted = false
    var skipped: [SkipReason: JournalVolume] = [:]
    /// Records that were read from the disk.
    var diskRecords = 0

    /// What the journal need not keep for this reader.
    var passed: JournalPosition { max(committed, floor) }
    /// What the reader will not be given again.
    var read: JournalPosition { max(handedOut, floor) }
    var maySkip: Bool { policy != .mustNotSkip }
    var maxLagAge: Duration? {
        if case .maySkip(_, let maxLagAge) = policy { maxLagAge } else { nil }
    }
}

extension ReaderState {
    /// The state of a reader in another one's place.
    init(_ old: ReaderState, policy: ReaderPolicy, generation: Int) {
        self.init(
            name: old.name, policy: policy, isPersisted: old.isPersisted, generation: generation,
            committed: old.committed, handedOut: old.committed, floor: old.floor, skipped: old.skipped,
            diskRecords: old.diskRecords)
    }
}

extension JournalState {
    /// Everything up to and with a position, since the journal was opened.
    func volume(through position: JournalPosition) -> JournalVolume {
        guard let index = segmentIndex(atOrBefore: position) else { return segments.first?.before ?? JournalVolume() }
        return segments[index].volume(through: position)
    }

    /// The segment that holds a position, or the one before the gap that it lies in.
    func segmentIndex(atOrBefore position: JournalPosition) -> Int? {
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].first <= position { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }

    // MARK: cap and skipping

    /// The newest position that all readers, or all that must not skip, have passed. Without any reader nothing is.
    private func passedPosition(includingSkippers: Bool) -> JournalPosition {
        if readers.isEmpty { return .beginning }
        return readers.values.lazy.filter { includingSkippers || !$0.maySkip }.map(\.passed).min()
            ?? JournalPosition(.max)
    }

    /// Why a record of so many bytes does not fit, if so.
    func capError(_ recordBytes: Int) -> JournalError? {
        let needed = usedBytes + queuedBytes + recordBytes
        guard needed > configuration.maxBytes else { return nil }
        let passed = passedPosition(includingSkippers: false)
        let reclaimable = segments.dropLast().lazy.filter { $0.last <= passed }.reduce(0) { $0 + $1.endOffset }
        guard needed - reclaimable > configuration.maxBytes else { return nil }
        let holders = readers.values.filter { !$0.maySkip && $0.passed == passed }.map(\.name).sorted()
        let reason = holders.isEmpty ? "no reader takes from it" : "held by reader \(holders.joined(separator: ", "))"
        return .full(
            message: "journal \(configuration.directory) is at its cap of \(configuration.maxBytes) bytes, \(reason)")
    }

    /// Whether a reader is behind that may be skipped for the age of what waits.
    var mayExpire: Bool { readers.values.contains { $0.maxLagAge != nil && $0.passed < end } }

    /// Moves readers that may skip over what is too old or too far behind, and off the oldest segments while
    /// `neededBytes` more do not fit under the cap.
    ///
    /// - Parameter now: Unix nanoseconds.
    mutating func skipReaders(neededBytes: Int, now: UInt64) -> [JournalEvent] {
        var events: [JournalEvent] = []
        let end = total
        for name in readers.keys.sorted() {
            guard let reader = readers[name], case .maySkip(let maxLagBytes, let maxLagAge) = reader.policy else {
                continue
            }
            if let age = maxLagAge?.wholeNanoseconds, now > age, let expired = position(receivedBefore: now - age) {
                skip(name, to: expired, .age, &events)
            }
            if end.bytes - volume(through: reader.passed).bytes > maxLagBytes {
                skip(name, to: position(atLeastBytes: end.bytes - max(0, maxLagBytes)), .bytes, &events)
            }
        }
        var bytes = usedBytes
        let passed = passedPosition(includingSkippers: false)
        for segment in segments.dropLast() where bytes + neededBytes > configuration.maxBytes {
            guard segment.last <= passed else { break }
            for name in readers.keys.sorted() where readers[name]?.maySkip == true {
                skip(name, to: segment.last, .bytes, &events)
            }
            bytes -= segment.endOffset
        }
        return events
    }

    /// The first position with so many bytes at or before it.
    private func position(atLeastBytes bytes: Int) -> JournalPosition {
        guard let index = segments.firstIndex(where: { $0.total.bytes >= bytes }) else { return end }
        let segment = segments[index]
        var low = segment.first.rawValue
        var high = segment.last.rawValue
        while low < high {
            let middle = low + (high - low) / 2
            if segment.volume(through: JournalPosition(middle)).bytes >= bytes {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return JournalPosition(low)
    }

    /// Received-at of the first record behind a position, to the second; nil when there is none.
    private func oldestReceivedAt(after position: JournalPosition) -> UInt64? {
        guard position < end else { return nil }
        for segment in segments where !segment.isEmpty && segment.last > position {
            return segment.oldestReceivedAt(after: position)
        }
        return nil
    }

    /// The last position of those that were all received before `limit`.
    private func position(receivedBefore limit: UInt64) -> JournalPosition? {
        var result: JournalPosition?
        for segment in segments {
            if segment.isEmpty { continue }
            guard segment.newestReceivedAt >= limit else {
                result = segment.last
                continue
            }
            return segment.lastPosition(receivedBefore: limit) ?? result
        }
        return result
    }

    private mutating func skip(
        _ name: String, to floor: JournalPosition, _ reason: SkipReason, _ events: inout [JournalEvent]
    ) {
        guard var reader = readers[name], floor > reader.passed else { return }
        let skipped = volume(through: floor) - volume(through: reader.read)
        reader.floor = floor
        reader.skipped[reason, default: JournalVolume()] += skipped
        readers[name] = reader
        if reader.isPersisted { cursorsChanged = true }
        if skipped.records > 0 {
            events.append(.skipped(reader: name, reason, records: skipped.records, spans: skipped.spans))
        }
    }

    /// Segments that nobody needs, from old to new: never the last one, and none that is kept for its digests.
    func removableSegments(neededBytes: Int, now: UInt64) -> [Segment] {
        let passed = passedPosition(includingSkippers: true)
        let window = configuration.duplicateWindow.wholeNanoseconds
        var bytes = usedBytes
        var result: [Segment] = []
        for segment in segments.dropLast() {
            guard segment.last <= passed else { break }
            let mayRepeat = now < segment.newestReceivedAt || now - segment.newestReceivedAt < window
            if mayRepeat, bytes <= configuration.keptBytes, bytes + neededBytes <= configuration.maxBytes { break }
            result.append(segment)
            bytes -= segment.endOffset
        }
        return result
    }

    /// Received-at of the newest record: the journal's own idea of the time.
    var newestReceivedAt: UInt64 { segments.lazy.map(\.newestReceivedAt).max() ?? 0 }

    // MARK: registration and progress

    mutating func register(
        _ name: String, policy: ReaderPolicy, isPersisted: Bool, start: JournalPosition, generation: Int
    ) {
        // The reader has seen records that the disk has lost since. Their positions must not come again, or the reader
        // would take new records for those.
        if start >= nextPosition {
            nextPosition = start.next
            end = start
        }
        readers[name] = ReaderState(
            name: name, policy: policy, isPersisted: isPersisted, generation: generation, committed: start,
            handedOut: start)
        if isPersisted { cursorsChanged = true }
    }

    mutating func commit(_ name: String, generation: Int, _ position: JournalPosition) -> Bool {
        guard var reader = readers[name], reader.generation == generation else { return false }
        let committed = min(position, reader.handedOut)
        guard committed > reader.committed else { return false }
        reader.committed = committed
        readers[name] = reader
        if reader.isPersisted { cursorsChanged = true }
        guard segments.count > 1, let oldest = segments.first else { return reader.isPersisted }
        if oldest.last <= passedPosition(includingSkippers: true) { reclaimIsDue = true }
        return reader.isPersisted || reclaimIsDue
    }

    /// Forgets entries in memory that all readers were given.
    mutating func trimRecent() {
        guard let read = readers.values.map(\.read).min() else { return recent.removeAll() }
        recent.removeAll(through: read)
    }

    /// The positions to keep in the cursor file.
    var cursors: [String: JournalPosition] {
        readers.filter { $0.value.isPersisted }.mapValues(\.passed)
    }

    func currentMetrics() -> JournalMetrics {
        var result = metrics
        result.queuedBytes = queuedBytes
        result.recentBytes = recent.memoryBytes
        result.diskBytes = diskBytes
        result.segments = segments.count
        result.end = end
        let end = total
        result.readers = readers.values.sorted { $0.name < $1.name }.map { reader in
            let lag = end - volume(through: reader.passed)
            var row = JournalMetrics.Reader(name: reader.name)
            row.committed = reader.passed
            row.lagBytes = lag.bytes
            row.lagRecords = lag.records
            row.lagSpans = lag.spans
            row.diskRecords = reader.diskRecords
            row.oldestReceivedAt = oldestReceivedAt(after: reader.passed)
            row.skipped = reader.skipped.mapValues { .init(records: $0.records, spans: $0.spans) }
            return row
        }
        return result
    }
}
