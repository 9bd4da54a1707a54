import TraceStorage

/// What is on the disk when a journal is opened.
struct JournalRecovery {
    private let configuration: JournalConfiguration
    private let files: any FileSystem

    private(set) var report = RecoveryReport()
    private(set) var segments: [Segment] = []
    private(set) var duplicates: DuplicateTable
    private(set) var cursors: [String: JournalPosition] = [:]
    /// Behind every position that was ever given away, as far as the disk knows.
    private(set) var nextPosition = JournalPosition(1)
    /// Records before it that no segment holds are in the report as lost to damage, so they do not count as missing.
    private var damagedUpTo = JournalPosition.beginning

    init(configuration: JournalConfiguration, files: any FileSystem) {
        self.configuration = configuration
        self.files = files
        duplicates = DuplicateTable(window: configuration.duplicateWindow, entriesMax: configuration.duplicatesMax)
    }

    /// Segments at the end that the disk may not have kept whole: the one that was written to, and one before it that
    /// was still being made durable.
    private static let tornSegmentsMax = 2

    /// Reads everything, and cuts off what a crash left unfinished at the end.
    mutating func run() throws(JournalError) {
        try loadCursors()
        let names = try journalErrors { () throws(FileError) in try files.list(configuration.directory) }
        let firsts = names.compactMap { SegmentFormat.firstPosition(name: $0) }.sorted()
        var isDamaged: [Bool] = []
        for first in firsts { isDamaged.append(try checkHeader(first)) }
        for (index, first) in firsts.enumerated() {
            let limit = index + 1 < firsts.count ? firsts[index + 1] : nil
            do throws(FileError) {
                try load(
                    first, limit: limit, headerIsDamaged: isDamaged[index],
                    mayBeTorn: index + Self.tornSegmentsMax >= firsts.count)
            } catch {
                throw JournalError(error)
            }
        }
        if !firsts.isEmpty, configuration.durability != .os {
            try journalErrors { () throws(FileError) in try files.synchronizeDirectory(configuration.directory) }
        }
        for position in cursors.values where position >= nextPosition { nextPosition = position.next }
        report.segments = segments.count
        report.digests = duplicates.count
    }

    // MARK: segments

    private func path(_ first: JournalPosition) -> String { configuration.path(SegmentFormat.name(first: first)) }

    /// Whether a segment's header is damaged. A future version is refused before any file is touched.
    private func checkHeader(_ first: JournalPosition) throws(JournalError) -> Bool {
        let path = path(first)
        let bytes = try journalErrors { () throws(FileError) in
            let file = try files.open(path, .read)
            defer { file.close() }
            return try file.readBytes(at: 0, count: SegmentFormat.headerBytes)
        }
        switch SegmentFormat.check(bytes, first: first) {
        case .valid: return false
        case .damaged: return true
        case .future(let version):
            throw .unsupportedVersion(path: path, found: version, supported: SegmentFormat.version)
        }
    }

    /// Older segments were made durable before the last but one began, so their bodies are checked when they are read.
    private mutating func load(
        _ first: JournalPosition, limit: JournalPosition?, headerIsDamaged: Bool, mayBeTorn: Bool
    ) throws(FileError) {
        let path = path(first)
        let isLast = limit == nil
        let file = try files.open(path, .update)
        defer { file.close() }
        var scanner = try SegmentScanner(
            file: file, path: path, first: first, limit: limit, before: segments.last?.total ?? JournalVolume(),
            verifiesBodies: mayBeTorn)
        var found = duplicates
        duplicates = DuplicateTable(window: .zero, entriesMax: 0)
        defer { duplicates = found }
        try scanner.scan { header in
            found.insert(header.digest, position: header.position, receivedAt: header.receivedAt)
        }
        if headerIsDamaged { noteHeader(of: scanner) }
        report.damages += scanner.damages
        if isLast {
            try cutTail(of: scanner, headerIsDamaged: headerIsDamaged)
        } else {
            try cutRoom(of: scanner, limit: limit)
        }
        // What a process left to the operating system before it died is handed to readers now, and known as a duplicate
        // when it is sent again: both as if it was durable.
        if mayBeTorn, configuration.durability != .os { try file.synchronize() }
        keep(scanner.segment, isLast: isLast)
    }

    private mutating func keep(_ segment: Segment, isLast: Bool) {
        if let previous = segments.last {
            let expected = max(previous.last.next, damagedUpTo)
            if segment.first > expected {
                report.missingRecords += Int(clamping: segment.first.rawValue - expected.rawValue)
            }
        }
        nextPosition = max(nextPosition, max(segment.first, segment.last.next))
        // A last segment without records is made anew by the first append.
        if isLast, segment.isEmpty { return }
        segments.append(segment)
        let volume = segment.total - segment.before
        report.records += volume.records
        report.spans += volume.spans
        report.bytes += segment.endOffset
    }

    private mutating func noteHeader(of scanner: SegmentScanner) {
        guard !scanner.segment.isEmpty else { return }
        report.damages.append(
            RecoveryReport.Damage(
                path: scanner.path, offset: 0, bytes: SegmentFormat.headerBytes, records: 0,
                reason: RecordDefect.segmentHeader.rawValue))
    }

    /// Room behind the last record is what a crash or a failure kept from being given back. Anything else there is no
    /// torn write in an older segment: something damaged it later.
    private mutating func cutRoom(of scanner: SegmentScanner, limit: JournalPosition?) throws(FileError) {
        guard let limit, scanner.tailBytes > 0 else { return }
        if try scanner.writtenEnd(from: scanner.segment.endOffset) == scanner.segment.endOffset {
            return try scanner.file.truncate(to: scanner.segment.endOffset)
        }
        let lost = limit.rawValue - scanner.segment.last.rawValue - 1
        damagedUpTo = limit
        report.damages.append(
            RecoveryReport.Damage(
                path: scanner.path, offset: scanner.segment.endOffset, bytes: scanner.tailBytes,
                records: Int(clamping: lost), reason: (scanner.tailDefect ?? .shortHeader).rawValue))
    }

    private mutating func cutTail(of scanner: SegmentScanner, headerIsDamaged: Bool) throws(FileError) {
        let segment = scanner.segment
        let isWithoutRecords = segment.isEmpty
        let keptBytes = isWithoutRecords ? 0 : segment.endOffset
        let defect = scanner.tailDefect ?? (headerIsDamaged ? .segmentHeader : nil)
        let cleanEnd = headerIsDamaged ? keptBytes : segment.endOffset
        let tornEnd = try scanner.writtenEnd(from: cleanEnd)
        if let defect, tornEnd > cleanEnd {
            report.truncations.append(
                RecoveryReport.Truncation(
                    path: scanner.path, offset: keptBytes, bytes: tornEnd - keptBytes, reason: defect.rawValue))
        }
        if isWithoutRecords {
            try files.remove(scanner.path)
            try files.synchronizeDirectory(configuration.directory)
        } else if scanner.tailBytes > 0 {
            try scanner.file.truncate(to: segment.endOffset)
            if configuration.durability == .os { try scanner.file.synchronize() }
        }
    }

    // MARK: cursors

    /// A cursor file that cannot be used costs repetition, not records, so it does not keep the journal from opening.
    private mutating func loadCursors() throws(JournalError) {
        let bytes = try journalErrors { () throws(FileError) in
            try CursorFile.read(configuration: configuration, files: files)
        }
        guard let bytes else { return }
        do throws(CursorFile.Defect) {
            cursors = try CursorFile.decode(bytes)
        } catch {
            switch error {
            case .damaged(let reason):
                report.cursorDefect = "\(configuration.path(CursorFile.name)): \(reason)"
            case .future(let version):
                throw .unsupportedVersion(
                    path: configuration.path(CursorFile.name), found: version, supported: CursorFile.version)
            }
        }
    }
}
