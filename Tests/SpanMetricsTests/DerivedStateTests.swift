import FileFaults
import Foundation
import OTLP
import SpanMetrics
import Synchronization
import Testing
import TraceFixtures
import TraceStorage

@Suite struct DerivedStateTests {
    private static func journal(seed: UInt64, count: UInt64) throws -> [StoredBatch] {
        var random = SeededGenerator(seed: seed)
        return try (1...count).map { position in
            let spans = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                SpanFixture("op\(Int.random(in: 0..<30, using: &random))", id: .random(in: 1...(.max), using: &random))
                    .with {
                        $0.end = $0.start + .random(in: 0..<20_000_000_000, using: &random)
                        $0.status = .random(in: 0...2, using: &random)
                        if Bool.random(using: &random) { $0.traceState = "ot=th:7" }
                    }
            }
            return try .of(spans, position: position)
        }
    }

    @Test func aRestartFromTheCheckpointGivesEqualNumbersAndNoCounterFalls() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("DerivedStateTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let journal = try Self.journal(seed: seed, count: 60)
        let whole = try REDMetrics()
        for batch in journal { whole.record(batch) }

        try withDirectory { directory in
            var shown: [String: Double] = [:]
            var next = 0
            while next < journal.count {
                // A process: loads, replays to where the journal ended when it started, serves, and is killed.
                let metrics = try REDMetrics()
                let state = DerivedState(directory: directory, derivations: [metrics])
                #expect(try state.load().isEmpty)
                for batch in journal[..<next] where batch.position > state.replayPosition { state.record(batch) }
                let end = min(journal.count, next + Int.random(in: 1...15, using: &random))
                for batch in journal[next..<end] {
                    state.record(batch)
                    if Int.random(in: 0..<4, using: &random) == 0 { try state.checkpoint() }
                    let samples = Samples(metrics.snapshot().exposition(.prometheusText)).values
                    for (key, value) in shown { #expect((samples[key] ?? -1) >= value, "\(key)") }
                    shown = samples
                }
                #expect(state.durablePosition <= metrics.position)
                next = end
            }
            #expect(shown == Samples(whole.snapshot().exposition(.prometheusText)).values)
        }
    }

    @Test func everyDamageIsReportedAndCountingBeginsAgain() throws {
        let journal = try Self.journal(seed: 4, count: 3)
        let metrics = try REDMetrics()
        for batch in journal { metrics.record(batch) }
        let good = DerivedCheckpoint(sections: [metrics.checkpointSection()]).encoded()
        #expect(try DerivedCheckpoint(decoding: good).sections == [metrics.checkpointSection()])
        for length in 0..<good.count {
            #expect(throws: CheckpointError.self) { try DerivedCheckpoint(decoding: Array(good[..<length])) }
        }
        for index in good.indices {
            var bytes = good
            bytes[index] ^= 0x10
            #expect(throws: CheckpointError.self) { try DerivedCheckpoint(decoding: bytes) }
        }
        try withDirectory { directory in
            var bytes = good
            bytes[bytes.count / 2] ^= 1
            try Data(bytes).write(to: URL(filePath: directory + "/derived.checkpoint"))
            let again = try REDMetrics()
            let state = DerivedState(directory: directory, derivations: [again])
            let notes = try state.load()
            #expect(notes.count == 1 && notes[0].contains("checksum"))
            #expect(state.replayPosition == .beginning && state.durablePosition == .beginning)
        }
    }

    @Test func aSectionThatHoldsSomethingElseLeavesTheStateAlone() throws {
        let source = try REDMetrics()
        source.record(try .of([SpanFixture("get"), SpanFixture("put")], position: 9))
        let section = source.checkpointSection()
        for length in 0..<section.payload.count {
            let metrics = try REDMetrics()
            var cut = section
            cut.payload.removeSubrange(length...)
            // A cut within the fingerprint reads as corrupt, too.
            #expect(throws: CheckpointError.self) { try metrics.restore(cut) }
            #expect(metrics.position == .beginning)
        }
    }

    @Test func aFutureVersionIsRefused() throws {
        let metrics = try REDMetrics()
        try withDirectory { directory in
            var file = DerivedCheckpoint(sections: []).encoded()
            file[8] = 2
            try Data(file).write(to: URL(filePath: directory + "/derived.checkpoint"))
            let state = DerivedState(directory: directory, derivations: [metrics])
            let error = #expect(throws: CheckpointError.self) { try state.load() }
            #expect("\(try #require(error))".hasSuffix("has format version 2, expected at most 1"))

            try DerivedCheckpoint(sections: [
                CheckpointSection(name: "red", version: 9, position: JournalPosition(4), payload: [])
            ]).write(to: directory, files: POSIXFileSystem())
            #expect(throws: CheckpointError.self) { try state.load() }
            try DerivedCheckpoint(sections: [
                CheckpointSection(name: "graph", version: 1, position: JournalPosition(4), payload: [])
            ]).write(to: directory, files: POSIXFileSystem())
            #expect(throws: CheckpointError.self) { try state.load() }
        }
        #expect(metrics.position == .beginning)
    }

    @Test func anotherConfigurationBeginsAtZeroAfterThePosition() throws {
        let source = try REDMetrics()
        source.record(try .of([SpanFixture("get")], position: 5))
        try withDirectory { directory in
            try DerivedState(directory: directory, derivations: [source]).checkpoint()
            var configuration = SpanMetricsConfiguration()
            configuration.dimensions = [.init(name: "http.method")]
            let metrics = try REDMetrics(configuration)
            let state = DerivedState(directory: directory, derivations: [metrics])
            #expect(try state.load().count == 1)
            #expect(state.replayPosition == JournalPosition(5))
            #expect(metrics.statistics.series == 0)
        }
    }

    @Test func aDerivationThatIsNewReadsTheJournalFromItsBeginning() throws {
        let journal = try Self.journal(seed: 9, count: 6)
        try withDirectory { directory in
            let old = try REDMetrics()
            for batch in journal[..<4] { old.record(batch) }
            try DerivedState(directory: directory, derivations: [old]).checkpoint()

            let (red, spans) = (try REDMetrics(), SpanCount())
            let state = DerivedState(directory: directory, derivations: [red, spans])
            #expect(try state.load().count == 1)
            #expect(state.replayPosition == .beginning && red.position == JournalPosition(4))
            for batch in journal where batch.position > state.replayPosition { state.record(batch) }
            #expect(red.statistics.batchesReplayed == 4)
            let total = journal.reduce(0) { $0 + $1.batch.spans.count }
            #expect(spans.count == total)
            try state.checkpoint()
            #expect(state.durablePosition == JournalPosition(6))

            let again = SpanCount()
            #expect(try DerivedState(directory: directory, derivations: [try REDMetrics(), again]).load().isEmpty)
            #expect(again.count == total)
        }
    }

    @Test func aDirectoryThatIsNotThereIsAnErrorWithItsPath() throws {
        let state = DerivedState(directory: "/nowhere/at/all", derivations: [try REDMetrics()])
        #expect(try state.load().isEmpty)
        let error = #expect(throws: CheckpointError.self) { try state.checkpoint() }
        #expect("\(try #require(error))".contains("/nowhere/at/all"))
    }

    /// Every fault at every operation of two checkpoints; then a process that starts again and loses power at once.
    @Test(arguments: Fault.allCases) func whatAStartCountsAsDurableSurvivesALossOfPower(fault: Fault) throws {
        let journal = try Self.journal(seed: 11, count: 4)
        for target in 0..<20 {
            let disk = MemoryFileSystem()
            try disk.createDirectory("derived")
            let files = FaultyFileSystem(on: disk) { $0.index == target ? fault : nil }
            let first = DerivedState(directory: "derived", derivations: [try REDMetrics()], files: files)
            for (index, batch) in journal.enumerated() {
                first.record(batch)
                if index % 2 == 1 { try? first.checkpoint() }
            }
            let second = DerivedState(directory: "derived", derivations: [try REDMetrics()], files: disk)
            #expect(try second.load().isEmpty)
            #expect(second.durablePosition >= first.durablePosition)

            disk.losePower { false }
            let third = DerivedState(directory: "derived", derivations: [try REDMetrics()], files: disk)
            #expect(try third.load().isEmpty)
            #expect(third.replayPosition >= second.durablePosition, "operation \(target)")
        }
    }

    private func withDirectory(_ body: (String) throws -> Void) throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "skein-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        try body(url.path)
    }
}

/// Counts spans; a derivation as small as one can be.
private final class SpanCount: Derivation {
    private let state = Mutex((position: JournalPosition.beginning, count: 0))

    let checkpointName = "spans"
    var position: JournalPosition { state.withLock { $0.position } }
    var count: Int { state.withLock { $0.count } }

    func record(_ batch: StoredBatch) {
        state.withLock { state in
            guard batch.position > state.position else { return }
            state = (batch.position, state.count + batch.batch.spans.count)
        }
    }

    func checkpointSection() -> CheckpointSection {
        let (position, count) = state.withLock { $0 }
        return CheckpointSection(
            name: checkpointName, version: 1, position: position, payload: Array(String(count).utf8))
    }

    func restore(_ section: CheckpointSection) throws(CheckpointError) -> RestoreOutcome {
        guard let count = Int(String(decoding: section.payload, as: UTF8.self)) else {
            throw .corrupt(path: "", reason: "no number")
        }
        state.withLock { $0 = (section.position, count) }
        return .restored
    }
}
