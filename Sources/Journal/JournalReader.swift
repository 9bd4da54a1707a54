import OTLP
import TraceStorage

/// One consumer's way through the journal.
///
/// ``next(maxRecords:maxBytes:wait:)`` blocks and belongs to one thread made for it; the rest may be called from any.
// `open` and `window` are touched by the reading thread alone.
package final class JournalReader: @unchecked Sendable {
    /// Bytes read at once, unless a record is larger: they stay in the processor's cache while records are checked and
    /// copied out of them, and the same memory is used again for the next.
    private static let windowBytes = 512 << 10

    package let name: String
    private let generation: Int
    private let core: JournalCore
    private var open: (path: String, file: any File)?
    private var window: [UInt8] = []

    init(name: String, generation: Int, core: JournalCore) {
        self.name = name
        self.generation = generation
        self.core = core
    }

    /// The next records in the order of positions: at least one, and no more than fit in both limits but for the first.
    ///
    /// A reader that is up to date gets the very batches that were appended; one that is behind reads the disk. Records
    /// that are damaged there are passed over and counted.
    ///
    /// - Parameter wait: How long to wait when there is none; nil for as long as it takes.
    /// - Returns: Nothing when the time is up, after ``interrupt()``, or when the journal ended; see ``isFinished``.
    /// - Throws: ``JournalError/io(message:)`` when a segment cannot be read; the next call tries the same again.
    package func next(
        maxRecords: Int = 256, maxBytes: Int = 4 << 20, wait: Duration? = nil
    ) throws(JournalError) -> [JournalEntry] {
        let deadline = wait.map { MonotonicTime.now(plus: $0) }
        while true {
            let found = core.monitor.wait(on: core.arrivals) { state in
                source(&state, maxRecords: maxRecords, maxBytes: maxBytes, deadline: deadline)
            }
            switch found {
            case .nothing: return []
            case .memory(let entries): return entries
            case .disk(let plan):
                let entries = try read(plan)
                if !entries.isEmpty { return entries }
            }
        }
    }

    /// Says that everything up to a position is done. Positions that were not handed out are not taken; a smaller one
    /// than before changes nothing.
    package func commit(_ position: JournalPosition) {
        let wakesWriter = core.monitor.withLock { $0.commit(name, generation: generation, position) }
        if wakesWriter { core.work.signal() }
    }

    /// Nothing will come any more: the journal is drained and all of it was handed out, or the reader was interrupted.
    package var isFinished: Bool {
        core.monitor.withLock { state in
            guard let reader = state.readers[name], reader.generation == generation, !reader.isInterrupted else {
                return true
            }
            return state.phase >= .finishing || state.phase == .drained && reader.read >= state.end
        }
    }

    /// Wakes a waiting ``next(maxRecords:maxBytes:wait:)`` and has it return nothing from now on.
    package func interrupt() {
        core.monitor.withLock { state in
            guard state.readers[name]?.generation == generation else { return }
            state.readers[name]?.isInterrupted = true
        }
        core.arrivals.broadcast()
    }

    /// Gives the reader up: the journal keeps nothing for it, and its cursor is forgotten.
    package func unregister() {
        core.monitor.withLock { state in
            guard let reader = state.readers[name], reader.generation == generation else { return }
            state.readers[name] = nil
            if reader.isPersisted { state.cursorsChanged = true }
            state.reclaimIsDue = true
            state.trimRecent()
        }
        core.work.signal()
        core.arrivals.broadcast()
    }

    /// A reader in this one's place, under another policy, that begins behind what was committed as after a restart; this
    /// one gets nothing any more. The journal holds on to what is not committed all the while.
    ///
    /// - Throws: ``JournalError/closed`` when this reader was given up.
    package func replaced(policy: ReaderPolicy) throws(JournalError) -> JournalReader {
        let next = core.monitor.withLock { state -> Int? in
            guard let reader = state.readers[name], reader.generation == generation else { return nil }
            let next = state.nextReaderGeneration()
            state.readers[name] = ReaderState(reader, policy: policy, generation: next)
            return next
        }
        guard let next else { throw .closed }
        core.arrivals.broadcast()
        core.work.signal()
        return JournalReader(name: name, generation: next, core: core)
    }

    // MARK: private

    private enum Source {
        case nothing
        case memory([JournalEntry])
        case disk(ReadPlan)
    }

    /// Records of one segment that lie behind one another.
    private struct ReadPlan {
        let path: String
        let first: JournalPosition
        /// One for each position from `first` on.
        var records: [(offsets: Range<Int>, spans: Int)] = []

        var last: JournalPosition { JournalPosition(first.rawValue + UInt64(records.count) - 1) }
        var offsets: Range<Int> { Self.offsets(of: records[...]) }

        static func offsets(of records: ArraySlice<(offsets: Range<Int>, spans: Int)>) -> Range<Int> {
            (records.first?.offsets.lowerBound ?? 0)..<(records.last?.offsets.upperBound ?? 0)
        }

        /// How many records from `index` on to read at once: at least one.
        func windowCount(from index: Int, maxBytes: Int) -> Int {
            let start = records[index].offsets.lowerBound
            return max(1, records[index...].prefix { $0.offsets.upperBound - start <= maxBytes }.count)
        }
    }

    private func source(
        _ state: inout JournalState, maxRecords: Int, maxBytes: Int, deadline: UInt64?
    ) -> Monitor<JournalState>.Step<Source> {
        guard let reader = state.readers[name], reader.generation == generation, !reader.isInterrupted,
            state.phase < .finishing
        else { return .ready(.nothing) }
        let start = max(reader.read.next, state.segments.first?.first ?? reader.read.next)
        guard start <= state.end else {
            if state.phase == .drained { return .ready(.nothing) }
            if let deadline, MonotonicTime.now() >= deadline { return .ready(.nothing) }
            return .wait(until: deadline)
        }
        if let first = state.recent.first, first <= start {
            let entries = state.recent.entries(from: start, maxRecords: maxRecords, maxBytes: maxBytes)
            if let last = entries.last {
                state.readers[name]?.handedOut = last.position
                state.trimRecent()
                return .ready(.memory(entries))
            }
        }
        guard let plan = plan(state, from: start, maxRecords: maxRecords, maxBytes: maxBytes) else {
            // Only positions that were given away without a record are left.
            state.readers[name]?.handedOut = state.end
            return .wait(until: deadline)
        }
        state.readers[name]?.handedOut = plan.last
        state.readers[name]?.diskRecords += plan.records.count
        state.trimRecent()
        return .ready(.disk(plan))
    }

    private func plan(
        _ state: JournalState, from start: JournalPosition, maxRecords: Int, maxBytes: Int
    ) -> ReadPlan? {
        guard var index = state.segmentIndex(atOrBefore: start) else { return nil }
        var first = start
        if state.segments[index].last < start {
            index += 1
            guard index < state.segments.count else { return nil }
            first = state.segments[index].first
        }
        let segment = state.segments[index]
        guard !segment.isEmpty else { return nil }
        var plan = ReadPlan(path: segment.path, first: first)
        var position = first
        repeat {
            let offsets = segment.range(of: position)
            if !plan.records.isEmpty, offsets.upperBound - plan.offsets.lowerBound > maxBytes { break }
            plan.records.append((offsets, segment.spans(at: position)))
            position = position.next
        } while position <= segment.last && plan.records.count < maxRecords
        return plan
    }

    private func read(_ plan: ReadPlan) throws(JournalError) -> [JournalEntry] {
        var entries: [JournalEntry] = []
        entries.reserveCapacity(plan.records.count)
        var index = 0
        while index < plan.records.count {
            let count = plan.windowCount(from: index, maxBytes: Self.windowBytes)
            let records = plan.records[index..<index + count]
            let range = ReadPlan.offsets(of: records)
            let read: Int
            do throws(FileError) {
                read = try fill(plan.path, range)
            } catch {
                open = nil
                // What was read before comes again with the rest.
                core.monitor.withLock { state in
                    state.readers[name]?.handedOut = JournalPosition(plan.first.rawValue - 1)
                }
                throw JournalError(error)
            }
            for (offset, record) in records.enumerated() where !record.offsets.isEmpty {
                let position = JournalPosition(plan.first.rawValue + UInt64(index + offset))
                let start = record.offsets.lowerBound - range.lowerBound
                do throws(RecordDefect) {
                    entries.append(
                        try decode(start: start, count: record.offsets.count, available: read, position: position))
                } catch {
                    noteDamage(plan.path, record.offsets, spans: record.spans, error)
                }
            }
            index += count
        }
        return entries
    }

    /// Reads a stretch of a segment into the window and gives the bytes read, fewer only at the end of the file.
    private func fill(_ path: String, _ range: Range<Int>) throws(FileError) -> Int {
        let file = try file(path)
        if window.count < range.count {
            window = [UInt8](repeating: 0, count: max(range.count, Self.windowBytes))
        }
        let result = window.withUnsafeMutableBytes { buffer in
            Result { () throws(FileError) in
                var filled = 0
                while filled < range.count {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<range.count])
                    let count = try file.read(into: rest, at: range.lowerBound + filled)
                    if count == 0 { break }
                    filled += count
                }
                return filled
            }
        }
        return try result.get()
    }

    private func file(_ path: String) throws(FileError) -> any File {
        if let open, open.path == path { return open.file }
        let file = try core.files.open(path, .read)
        open = (path, file)
        return file
    }

    /// The record at an offset of the window, of which the first `available` bytes were read.
    private func decode(
        start: Int, count: Int, available: Int, position: JournalPosition
    ) throws(RecordDefect) -> JournalEntry {
        guard start < available else { throw .shortHeader }
        let bytes = window
        let record = bytes.span.bytes.extracting(start..<min(start + count, available))
        let header = try RecordHeader(parsing: record)
        guard header.position == position else { throw .position }
        guard header.recordBytes <= record.byteCount else { throw .shortBody }
        let body = record.extracting(header.headerBytes..<header.recordBytes)
        guard body.crc32c() == header.bodyChecksum else { throw .bodyChecksum }
        let copy = body.withUnsafeBytes { [UInt8]($0) }
        guard let batch = try? SpanBatch(decoding: copy) else { throw .undecodable }
        return JournalEntry(header, batch: batch)
    }

    private func noteDamage(_ path: String, _ offsets: Range<Int>, spans: Int, _ defect: RecordDefect) {
        core.monitor.withLock { state in
            state.metrics.damagedRecords += 1
            state.metrics.damagedSpans += spans
        }
        let damage = RecoveryReport.Damage(
            path: path, offset: offsets.lowerBound, bytes: offsets.count, records: 1, reason: defect.rawValue)
        core.report([.damaged(damage, spans: spans)])
    }
}
