import Journal
import OTLP
import Testing
import TraceStorage

@Suite struct JournalRecoveryTests {
    /// A journal of some records and what is in its only segment.
    private func prepare(_ directory: TestDirectory, records: Int = 4) async throws -> (name: String, bytes: [UInt8]) {
        let journal = try Journal.open(directory.configuration())
        try journal.start()
        for number in 0..<records { _ = try await journal.append(TestRequest.make(number, padding: 10)) }
        await journal.shutdown()
        let name = try #require(directory.segments.first)
        return (name, directory.read(name))
    }

    /// A journal of 20 records in segments of a few.
    private func prepareSegments(_ directory: TestDirectory) async throws -> JournalConfiguration {
        var configuration = directory.configuration()
        configuration.segmentBytesMax = 4096
        let journal = try Journal.open(configuration)
        try journal.start()
        for number in 0..<20 { _ = try await journal.append(TestRequest.make(number, padding: 700)) }
        await journal.shutdown()
        return configuration
    }

    /// Where each record of a segment starts, and its end.
    private func offsets(_ bytes: [UInt8]) -> [Int] {
        var result = [32]
        while let last = result.last, last < bytes.count {
            result.append(last + (0..<4).reduce(0) { $0 | Int(bytes[last + $1]) << ($1 * 8) })
        }
        return result
    }

    @Test func truncationAtEveryByteKeepsTheWholeRecordsBefore() async throws {
        let directory = TestDirectory()
        let (name, bytes) = try await prepare(directory)
        let ends = offsets(bytes)
        #expect(ends.count == 5 && ends.last == bytes.count)
        for length in 0..<bytes.count {
            directory.write(name, Array(bytes[..<length]))
            let journal = try Journal.open(directory.configuration())
            let kept = max(0, ends.count { $0 <= length } - 1)
            #expect(journal.recovery.records == kept, "\(length) bytes")
            // A segment of nothing but its header is whole; one of less is removed with all it has.
            let isWhole = ends.contains(length) || length == 0
            // Zeros at the end may as well be room that was taken for records to come.
            let written = (bytes[..<length].lastIndex { $0 != 0 } ?? -1) + 1
            let cut = isWhole ? 0 : written - (kept > 0 ? ends[kept] : 0)
            #expect(journal.recovery.truncations.count == (isWhole ? 0 : 1), "\(length) bytes")
            #expect(journal.recovery.truncatedBytes == cut, "\(length) bytes")
            try journal.start()
            // What was cut off is no duplicate, and its position is free: nobody was told of it.
            #expect(
                try await journal.append(TestRequest.make(kept, padding: 10))
                    == .appended(JournalPosition(UInt64(kept) + 1)), "\(length) bytes")
            await journal.shutdown()
            let entries = try await contents(of: directory.configuration())
            #expect(entries.map(\.batch.bytes) == (0...kept).map { TestRequest.body($0, padding: 10) })
            for name in directory.segments { directory.write(name, []) }
        }
    }

    @Test func aFlippedBitInTheTailCutsTheLastRecordOnly() async throws {
        let directory = TestDirectory()
        let (name, bytes) = try await prepare(directory)
        let start = offsets(bytes)[3]
        for index in start..<bytes.count {
            var damaged = bytes
            damaged[index] ^= 1 << (index % 8)
            directory.write(name, damaged)
            let journal = try Journal.open(directory.configuration())
            await journal.shutdown()
            #expect(journal.recovery.records == 3, "byte \(index)")
            #expect(journal.recovery.truncations.map(\.offset) == [start], "byte \(index)")
            #expect(directory.read(name).count == start, "byte \(index)")
        }
    }

    @Test func aFlippedBitAnywhereLosesOneRecordAtMost() async throws {
        let directory = TestDirectory()
        let (name, bytes) = try await prepare(directory)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0x10
            directory.write(name, damaged)
            let entries = try await contents(of: directory.configuration())
            #expect(entries.count >= 3, "byte \(index)")
            for entry in entries {
                #expect(entry.batch.bytes == TestRequest.body(Int(entry.position.rawValue) - 1, padding: 10))
            }
        }
    }

    @Test func damageInAnOlderSegmentIsReportedAndSkipped() async throws {
        let directory = TestDirectory()
        let configuration = try await prepareSegments(directory)
        let name = directory.segments[1]
        var bytes = directory.read(name)
        let starts = offsets(bytes)
        // A header in one record, a body in another.
        bytes[starts[1] + 9] ^= 0xFF
        bytes[starts[3] + 200] ^= 0xFF
        directory.write(name, bytes)

        let reopened = try Journal.open(configuration)
        #expect(reopened.recovery.truncations.isEmpty)
        let damage = try #require(reopened.recovery.damages.first)
        #expect(damage.path == directory.path + "/" + name)
        #expect(damage.offset == starts[1])
        #expect(damage.bytes == starts[2] - starts[1])
        #expect(damage.records == 1)
        let reader = try reopened.reader("a", policy: .mustNotSkip)
        try reopened.start()
        await reopened.drain()
        let entries = try reader.rest()
        #expect(entries.count == 18)
        #expect(Set(entries.map(\.position)).count == 18)
        // Bodies of older segments are checked when they are read.
        #expect(reopened.metrics().damagedRecords == 2)
        #expect(reopened.metrics().damagedSpans == 1)
        await reopened.shutdown()
    }

    @Test func whatTheEndOfAnOlderSegmentLostIsReportedOnce() async throws {
        let directory = TestDirectory()
        let configuration = try await prepareSegments(directory)
        let names = directory.segments
        // One segment's end is overwritten, another's is gone, and with it each time the last record.
        for (name, tail) in [(names[0], [UInt8](repeating: 0xAB, count: 40)), (names[1], [])] {
            let bytes = directory.read(name)
            directory.write(name, Array(bytes[..<offsets(bytes).dropLast().last!]) + tail)
        }
        let journal = try Journal.open(configuration)
        #expect(journal.recovery.lostRecords == 1)
        #expect(journal.recovery.missingRecords == 1)
        #expect(journal.recovery.records == 18)
        await journal.shutdown()
    }

    @Test func aFutureVersionIsRefusedAndLeftAlone() async throws {
        let directory = TestDirectory()
        let (name, bytes) = try await prepare(directory)
        var future = bytes
        future[8] = 2
        future[28] ^= 0xFF
        future[29] ^= 0xFF
        directory.write(name, future)
        let error = #expect(throws: JournalError.self) { try Journal.open(directory.configuration()) }
        #expect(error == .unsupportedVersion(path: directory.path + "/" + name, found: 2, supported: 1))
        #expect(error?.isRetryable == false)
        #expect(directory.read(name) == future)
    }

    @Test func roomBehindTheLastRecordIsGivenBackAndNoDamage() async throws {
        let directory = TestDirectory()
        let (name, bytes) = try await prepare(directory)
        directory.write(name, bytes + [UInt8](repeating: 0, count: 500_000))
        let journal = try Journal.open(directory.configuration())
        #expect(journal.recovery.records == 4)
        #expect(journal.recovery.truncations.isEmpty)
        #expect(journal.recovery.damages.isEmpty)
        #expect(directory.read(name) == bytes)
        await journal.shutdown()
    }

    @Test func aTornRecordInFrontOfRoomIsCutAndReportedWithoutTheRoom() async throws {
        let directory = TestDirectory()
        let (name, bytes) = try await prepare(directory)
        let starts = offsets(bytes)
        for end in [starts[3] + 1, starts[3] + 30, starts[3] + 60, bytes.count - 1] {
            directory.write(name, Array(bytes[..<end]) + [UInt8](repeating: 0, count: 100_000))
            let journal = try Journal.open(directory.configuration())
            #expect(journal.recovery.records == 3)
            let written = (bytes[..<end].lastIndex { $0 != 0 } ?? -1) + 1
            #expect(journal.recovery.truncations.map(\.offset) == [starts[3]])
            #expect(journal.recovery.truncatedBytes == written - starts[3])
            #expect(directory.read(name) == Array(bytes[..<starts[3]]))
            await journal.shutdown()
        }
    }

    /// A loss of power may keep a later write and not the one before it.
    @Test func aRecordBehindAHoleIsFound() async throws {
        let directory = TestDirectory()
        let (name, bytes) = try await prepare(directory)
        let starts = offsets(bytes)
        var holed = bytes + [UInt8](repeating: 0, count: 3000)
        for index in starts[1]..<starts[3] { holed[index] = 0 }
        directory.write(name, holed)
        let journal = try Journal.open(directory.configuration())
        #expect(journal.recovery.lostRecords == 2)
        #expect(journal.recovery.truncations.isEmpty)
        try journal.start()
        #expect(try await journal.append(TestRequest.make(9)) == .appended(JournalPosition(5)))
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).map(\.position.rawValue) == [1, 4, 5])
    }

    @Test func roomInAnOlderSegmentIsGivenBack() async throws {
        let directory = TestDirectory()
        let configuration = try await prepareSegments(directory)
        let before = directory.segments.map { directory.read($0) }
        for name in directory.segments { directory.write(name, directory.read(name) + [UInt8](repeating: 0, count: 9)) }
        let reopened = try Journal.open(configuration)
        #expect(reopened.recovery.records == 20)
        #expect(reopened.recovery.damages.isEmpty && reopened.recovery.truncations.isEmpty)
        #expect(directory.segments.map { directory.read($0) } == before)
        await reopened.shutdown()
    }

    @Test func positionsThatAReaderHasSeenNeverComeAgain() async throws {
        let directory = TestDirectory()
        let (name, bytes) = try await prepare(directory)
        // The disk lost the last two records after the store had made them durable.
        directory.write(name, Array(bytes[..<offsets(bytes)[2]]))
        let journal = try Journal.open(directory.configuration())
        let reader = try journal.reader("store", policy: .mustNotSkip, cursor: .external(JournalPosition(4)))
        try journal.start()
        #expect(try await journal.append(TestRequest.make(9)) == .appended(JournalPosition(5)))
        #expect(try reader.next().map(\.position) == [JournalPosition(5)])
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).map(\.position.rawValue) == [1, 2, 5])
        let reopened = try Journal.open(directory.configuration())
        #expect(reopened.recovery.missingRecords == 2)
        await reopened.shutdown()
    }
}
