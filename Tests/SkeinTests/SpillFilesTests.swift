import Foundation
import Skein
import Synchronization
import Testing

@Suite struct SpillFilesTests {
    /// A directory that goes with the test.
    private final class Directory: Sendable {
        let path = FileManager.default.temporaryDirectory.appending(path: "skein-spill-\(UUID().uuidString)").path

        deinit { try? FileManager.default.removeItem(atPath: path) }

        var names: [String] {
            get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
        }

        /// The spill files, oldest first.
        var files: [String] {
            get throws { try names.filter { $0.hasSuffix(".otlp") } }
        }

        func url(_ name: String) -> URL { URL(filePath: path).appending(path: name) }
    }

    private let directory = Directory()
    private static let headerBytes = 28

    private func open(
        bytesMax: Int = 1 << 20, files: any SpillFileSystem = POSIXSpillFileSystem()
    ) throws -> SpillFiles {
        try SpillFiles(directory: directory.path, bytesMax: bytesMax, files: files)
    }

    private func request(_ byte: UInt8, count: Int = 100) -> [UInt8] { Array(repeating: byte, count: count) }

    /// Takes out all that is there, in order.
    private func drain(_ spill: SpillFiles) -> [SpillFiles.Batch] {
        var batches: [SpillFiles.Batch] = []
        while let batch = spill.oldest() {
            batches.append(batch)
            spill.remove(batch.id)
        }
        return batches
    }

    @Test func batchesComeBackInOrderAsTheyWere() throws {
        let spill = try open()
        let requests = (0..<20).map { request(UInt8($0), count: Int($0) * 1_000) }
        for (index, request) in requests.enumerated() {
            #expect(spill.append(request, recordCount: index + 1) == .stored)
        }
        #expect(spill.counts.files == 20 && spill.counts.spans == 210)
        #expect(spill.counts.bytes == requests.reduce(0) { $0 + $1.count + Self.headerBytes })
        let batches = drain(spill)
        #expect(batches.map(\.request) == requests)
        #expect(batches.map(\.recordCount) == Array(1...20))
        #expect(spill.counts == SpillFiles.Counts())
        #expect(try directory.names == ["lock"])
    }

    @Test func oldestStaysUntilItIsRemoved() throws {
        let spill = try open()
        #expect(spill.oldest() == nil)
        _ = spill.append(request(1), recordCount: 1)
        let first = try #require(spill.oldest())
        #expect(spill.oldest() == first)
        _ = spill.append(request(2), recordCount: 1)
        spill.remove(first.id)
        let second = try #require(spill.oldest())
        #expect(second.request == request(2))
        spill.remove(first.id)
        #expect(spill.oldest() == second, "an id counts once")
    }

    @Test func nextProcessFindsWhatWasLeftAndGoesOnBehindIt() throws {
        do {
            let spill = try open()
            for number in 1...12 { _ = spill.append(request(UInt8(number)), recordCount: number) }
            spill.remove(try #require(spill.oldest()).id)
        }
        let spill = try open()
        #expect(spill.counts.files == 11 && spill.counts.spans == 77)
        #expect(spill.append(request(13), recordCount: 13) == .stored)
        #expect(drain(spill).map(\.recordCount) == Array(2...13))
    }

    @Test func batchOverTheBoundIsRefusedAndFitsOnceThereIsRoom() throws {
        let one = 100 + Self.headerBytes
        let spill = try open(bytesMax: 2 * one)
        #expect(spill.append(request(1), recordCount: 1) == .stored)
        #expect(spill.append(request(2), recordCount: 1) == .stored)
        #expect(spill.append(request(3), recordCount: 1) == .full)
        #expect(spill.append([], recordCount: 0) == .full)
        #expect(try directory.files.count == 2)
        spill.remove(try #require(spill.oldest()).id)
        #expect(spill.append(request(3), recordCount: 1) == .stored)
        #expect(drain(spill).map(\.request) == [request(2), request(3)])
    }

    @Test func boundCountsWhatAnEarlierProcessLeft() throws {
        do {
            let spill = try open()
            _ = spill.append(request(1, count: 5_000), recordCount: 1)
        }
        #expect(try open(bytesMax: 5_100).append(request(2), recordCount: 1) == .full)
    }

    /// The file of the first of two batches, changed by `damage`.
    private func batchesAfter(_ damage: (inout [UInt8]) -> Void) throws -> (SpillFiles, [SpillFiles.Batch]) {
        do {
            let spill = try open()
            _ = spill.append(request(1), recordCount: 7)
            _ = spill.append(request(2), recordCount: 2)
        }
        let url = directory.url(try #require(try directory.files.first))
        var bytes = Array(try Data(contentsOf: url))
        damage(&bytes)
        try Data(bytes).write(to: url)
        let spill = try open()
        return (spill, drain(spill))
    }

    @Test func fileCutAtAnyByteIsRecognisedRemovedAndCounted() throws {
        for count in 0..<100 + Self.headerBytes {
            let (spill, batches) = try batchesAfter { $0.removeLast($0.count - count) }
            #expect(batches.map(\.request) == [request(2)], "cut to \(count)")
            #expect(spill.counts.damagedFiles == 1 && spill.counts.damagedSpans == 7)
            #expect(spill.counts.bytes == 0 && spill.counts.files == 0 && spill.counts.spans == 0)
            #expect(try directory.names == ["lock"])
        }
    }

    @Test func fileWithAnyByteChangedIsRecognised() throws {
        for index in 0..<100 + Self.headerBytes {
            let (spill, batches) = try batchesAfter { $0[index] ^= 0x10 }
            #expect(batches.map(\.request) == [request(2)], "byte \(index)")
            #expect(spill.counts.damagedFiles == 1)
        }
    }

    @Test func fileThatGrewIsRecognised() throws {
        let (spill, batches) = try batchesAfter { $0.append(0) }
        #expect(batches.count == 1 && spill.counts.damagedFiles == 1)
    }

    @Test func halfWrittenFileOfAnEarlierProcessIsRemovedAndCounted() throws {
        do { _ = try open() }
        try Data([1, 2, 3]).write(to: directory.url("spans-00000000000000000005-9.tmp"))
        let spill = try open()
        #expect(spill.oldest() == nil)
        #expect(spill.counts.damagedFiles == 1 && spill.counts.damagedSpans == 9)
        #expect(try directory.names == ["lock"])
    }

    @Test(arguments: [
        "notes.txt", "spans-1.otlp", "spans-x-1.otlp", "spans-1--1.otlp", "spans-18446744073709551615-1.otlp",
        "spans-1-99999999999.otlp", "spans-1-1-1.otlp", "xspans-1-1.otlp",
    ])
    func filesOfOthersAreLeftAlone(_ name: String) throws {
        do { _ = try open() }
        try Data([1]).write(to: directory.url(name))
        let spill = try open()
        #expect(spill.counts == SpillFiles.Counts())
        #expect(spill.append(request(1), recordCount: 1) == .stored)
        #expect(drain(spill).count == 1)
        #expect(try directory.names.contains(name))
    }

    @Test func directoryBelongsToOneAtATime() throws {
        let first = try open()
        _ = first.append(request(1), recordCount: 1)
        let error = #expect(throws: SpillError.self) { try open() }
        #expect(error?.isLocked == true)
        #expect(error?.description.contains("another process uses the directory") == true)
        first.close()
        first.close()
        #expect(first.append(request(2), recordCount: 1) == .full)
        #expect(first.oldest() == nil)
        #expect(try open().counts.files == 1)
    }

    @Test func childOfAForkLeavesFilesAndLockToTheParent() throws {
        let spill = try open()
        _ = spill.append(request(1), recordCount: 1)
        // In the child the descriptor is a copy; here it is the only one, so that closing it frees the lock.
        let calls = Mutex<[Bool]>([])
        let child = try SpillFiles(
            directory: "\(directory.path)/child", bytesMax: 100,
            files: RecordingUnlock { releases in
                calls.withLock { $0.append(releases) }
            })
        child.abandonAfterFork()
        child.close()
        #expect(calls.withLock { $0 } == [false])
        #expect(child.append(request(1), recordCount: 1) == .full)
        #expect(spill.counts.files == 1)
    }

    @Test func missingDirectoriesAreMadeForTheUserAlone() throws {
        let path = "\(directory.path)/a/b"
        _ = try SpillFiles(directory: path, bytesMax: 100)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o700)
    }

    @Test func fileInThePlaceOfTheDirectoryIsAnError() throws {
        try Data([1]).write(to: URL(filePath: directory.path))
        let error = #expect(throws: SpillError.self) { try open() }
        #expect(error?.description == "cannot create directory \(directory.path): not a directory")
    }

    @Test func fullDiskLeavesNothingBehindAndLaterBatchesAreStored() throws {
        let faulty = FaultySpillFiles()
        let spill = try open(files: faulty)
        #expect(spill.append(request(1), recordCount: 1) == .stored)
        for operation in ["write", "rename"] {
            faulty.fail(operation, with: ENOSPC)
            guard case .failed(let error) = spill.append(request(2), recordCount: 1) else {
                Issue.record("\(operation) did not fail")
                return
            }
            #expect(error.isFull && error.operation == operation)
            #expect(try directory.names.count == 2, "lock and the first file")
        }
        faulty.fail(nil)
        #expect(spill.counts.files == 1)
        #expect(spill.append(request(3), recordCount: 1) == .stored)
        #expect(drain(spill).map(\.request) == [request(1), request(3)])
    }

    @Test func fileThatCannotBeReadIsPassedOverAndLeftForTheNextProcess() throws {
        let faulty = FaultySpillFiles()
        do {
            let spill = try open(files: faulty)
            for number in 1...3 { _ = spill.append(request(UInt8(number)), recordCount: number) }
            faulty.fail("read", with: EIO, times: 1)
            #expect(drain(spill).map(\.recordCount) == [2, 3])
            #expect(spill.counts.unreadableFiles == 1 && spill.counts.unreadableSpans == 1)
            #expect(spill.counts.files == 0 && spill.counts.spans == 0)
            #expect(spill.counts.bytes == 100 + Self.headerBytes, "it still takes space")
        }
        #expect(drain(try open()).map(\.recordCount) == [1])
    }

    @Test(arguments: [EMFILE, ENFILE, ENOMEM])
    func shortageIsNoFaultOfTheFile(_ code: Int32) throws {
        let faulty = FaultySpillFiles()
        let spill = try open(files: faulty)
        for number in 1...2 { _ = spill.append(request(UInt8(number)), recordCount: number) }
        faulty.fail("read", with: code)
        #expect(spill.oldest() == nil && spill.counts.files == 2)
        faulty.fail(nil)
        #expect(drain(spill).map(\.recordCount) == [1, 2])
    }

    @Test func batchThatCannotBeRemovedIsToldAndNotGivenTwice() throws {
        let faulty = FaultySpillFiles()
        let spill = try open(files: faulty)
        for number in 1...2 { _ = spill.append(request(UInt8(number)), recordCount: number) }
        let first = try #require(spill.oldest())
        faulty.fail("remove", with: EROFS, times: 1)
        #expect(spill.remove(first.id)?.code == EROFS)
        #expect(drain(spill).map(\.recordCount) == [2])
        #expect(spill.counts.unreadableFiles == 1)
    }

    @Test(arguments: ["create directory", "lock", "list"])
    func directoryThatCannotBeUsedIsAnError(_ operation: String) throws {
        let faulty = FaultySpillFiles()
        faulty.fail(operation, with: EACCES)
        let error = #expect(throws: SpillError.self) { try open(files: faulty) }
        #expect(error?.operation == operation)
        faulty.fail(nil)
        _ = try open(files: faulty)
    }
}

/// The operating system's files with failures put in between.
private final class FaultySpillFiles: SpillFileSystem {
    private struct Plan {
        var operation: String?
        var code: Int32 = 0
        var times = 0
    }

    private let base = POSIXSpillFileSystem()
    private let plan = Mutex(Plan())

    /// Makes an operation fail from now on, so many times; nil ends it.
    func fail(_ operation: String?, with code: Int32 = 0, times: Int = .max) {
        plan.withLock { $0 = Plan(operation: operation, code: code, times: times) }
    }

    private func check(_ operation: String, _ path: String) throws(SpillError) {
        let code: Int32? = plan.withLock { plan in
            guard plan.operation == operation, plan.times > 0 else { return nil }
            plan.times -= 1
            return plan.code
        }
        if let code { throw SpillError(operation: operation, path: path, code: code) }
    }

    func createDirectory(_ path: String) throws(SpillError) {
        try check("create directory", path)
        try base.createDirectory(path)
    }

    func list(_ directory: String) throws(SpillError) -> [String] {
        try check("list", directory)
        return try base.list(directory)
    }

    func size(_ path: String) throws(SpillError) -> Int { try base.size(path) }

    func write(_ header: [UInt8], _ content: [UInt8], to path: String) throws(SpillError) {
        do {
            try check("write", path)
        } catch {
            // As a full disk does: a part is there.
            try base.write(header, [], to: path)
            throw error
        }
        try base.write(header, content, to: path)
    }

    func read(_ path: String) throws(SpillError) -> [UInt8] {
        try check("read", path)
        return try base.read(path)
    }

    func rename(_ path: String, to newPath: String) throws(SpillError) {
        try check("rename", path)
        try base.rename(path, to: newPath)
    }

    func remove(_ path: String) throws(SpillError) {
        try check("remove", path)
        try base.remove(path)
    }

    func lock(_ path: String) throws(SpillError) -> Int32 {
        try check("lock", path)
        return try base.lock(path)
    }

    func unlock(_ descriptor: Int32, releases: Bool) { base.unlock(descriptor, releases: releases) }
}

/// Tells how locks are left.
private struct RecordingUnlock: SpillFileSystem {
    private let base = POSIXSpillFileSystem()
    let unlocked: @Sendable (Bool) -> Void

    init(_ unlocked: @escaping @Sendable (Bool) -> Void) { self.unlocked = unlocked }

    func createDirectory(_ path: String) throws(SpillError) { try base.createDirectory(path) }
    func list(_ directory: String) throws(SpillError) -> [String] { try base.list(directory) }
    func size(_ path: String) throws(SpillError) -> Int { try base.size(path) }
    func write(_ header: [UInt8], _ content: [UInt8], to path: String) throws(SpillError) {
        try base.write(header, content, to: path)
    }
    func read(_ path: String) throws(SpillError) -> [UInt8] { try base.read(path) }
    func rename(_ path: String, to newPath: String) throws(SpillError) { try base.rename(path, to: newPath) }
    func remove(_ path: String) throws(SpillError) { try base.remove(path) }
    func lock(_ path: String) throws(SpillError) -> Int32 { try base.lock(path) }
    func unlock(_ descriptor: Int32, releases: Bool) {
        unlocked(releases)
        base.unlock(descriptor, releases: releases)
    }
}
