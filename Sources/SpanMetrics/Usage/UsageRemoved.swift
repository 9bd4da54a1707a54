import TraceStorage

/// Up to when records were removed by retention, so that an answer can say what it lacks; in a file of its own beside
/// those of the records. docs/formats/usage-v1.md describes it.
struct UsageRemoved: Hashable, Sendable {
    static let name = "removed"
    private static let title = "skein-usage-removed"
    private static let version: UInt32 = 1
    /// Bytes that are read of it; a longer one is not ours.
    private static let bytesMax = 4_096

    /// The greatest time of a record that was removed, unix nanoseconds, by why.
    private(set) var until: [UsageLogStatistics.Reason: UInt64] = [:]

    /// Why records of a time or later may be missing.
    func reasons(from start: UInt64) -> [UsageLogStatistics.Reason: UInt64] { until.filter { $0.value >= start } }

    mutating func add(_ time: UInt64, _ reason: UsageLogStatistics.Reason) {
        until[reason] = max(until[reason] ?? 0, time)
    }

    // MARK: the file

    func encoded() -> [UInt8] {
        var text = "\(Self.title) \(Self.version)\n"
        for (reason, time) in until.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            text += "\(reason.rawValue) \(time)\n"
        }
        return Array((text + "crc32c \(Self.checksum(text))\n").utf8)
    }

    enum Defect: Error {
        case damaged
        case future(UInt32)
    }

    init() {}

    init(decoding bytes: [UInt8]) throws(Defect) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 3, lines.last == "", let first = lines.first, first.hasPrefix(Self.title + " "),
            let found = UInt32(first.dropFirst(Self.title.utf8.count + 1))
        else { throw .damaged }
        guard found <= Self.version else { throw .future(found) }
        let text = lines.dropLast(2).map { $0 + "\n" }.joined()
        guard lines[lines.count - 2] == "crc32c \(Self.checksum(text))" else { throw .damaged }
        for line in lines.dropFirst().dropLast(2) {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let reason = UsageLogStatistics.Reason(rawValue: String(parts[0])),
                let time = UInt64(parts[1])
            else { throw .damaged }
            add(time, reason)
        }
    }

    private static func checksum(_ text: String) -> String {
        String(DerivedCheckpoint.checksum(Array(text.utf8)[...]), radix: 16)
    }

    /// What a log's directory says; nil where its file does not check.
    static func read(_ log: UsageLog) throws(CheckpointError) -> UsageRemoved? {
        let path = log.path(name)
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try log.files.open(path, .read)
            defer { file.close() }
            bytes = try file.readBytes(at: 0, count: min(file.size(), bytesMax))
        } catch {
            if error.isNotFound { return UsageRemoved() }
            throw .io(error)
        }
        do throws(Defect) { return try UsageRemoved(decoding: bytes) } catch {
            guard case .future(let found) = error else { return nil }
            throw .futureVersion(
                path: path, found: "format version \(found)", supported: "at most \(version)")
        }
    }

    /// Replaces the file in one step and makes it durable.
    func write(_ log: UsageLog) throws(FileError) {
        let path = log.path(Self.name)
        try log.files.replace(path, in: log.directory, with: encoded(), temporary: path + UsageLog.temporarySuffix)
    }
}

extension UsageLog {
    private static let dayNanoseconds: UInt64 = 86_400_000_000_000

    /// The day of a file, in days since 1970.
    static func day(of name: String) -> UInt64? { UInt64(name.dropFirst("usage-".count).prefix { $0.isNumber }) }

    /// The first nanosecond of the day of a file.
    static func start(of name: String) -> UInt64 {
        let (start, overflow) = (day(of: name) ?? 0).multipliedReportingOverflow(by: dayNanoseconds)
        return overflow ? 0 : start
    }

    /// The greatest time of a record in a file, from what its chunks say of themselves. Where one does not check, the end
    /// of the file's day; no later than the end of the next one, whatever a client's clock said.
    func lastTime(in name: String) -> UInt64 {
        let dayEnd = Self.start(of: name).addingClamped(Self.dayNanoseconds)
        do throws(FileError) {
            let file = try files.open(path(name), .read)
            defer { file.close() }
            let size = try file.size()
            var (offset, last): (Int, UInt64) = (0, 0)
            while offset < size {
                let start = try file.readBytes(at: offset, count: UsageChunk.headerBytes + UsageChunk.timesBytesMax)
                guard start.count > UsageChunk.headerBytes, let header = UsageChunk.Header(start[...]),
                    let times = UsageChunk.times(start[UsageChunk.headerBytes...])
                else { return max(last, dayEnd) }
                last = max(last, times.upperBound)
                offset += UsageChunk.headerBytes + header.payloadBytes
            }
            return min(last, dayEnd.addingClamped(Self.dayNanoseconds))
        } catch { return dayEnd }
    }
}
