import FileFaults
import Glibc
import Journal
import OTLP
import Synchronization
import Testing
import TraceStorage

/// Random appends, faults, crashes, losses of power and restarts, against what clients and a store remember.
///
/// `SKEIN_JOURNAL_SEED` repeats a run.
@Suite struct JournalSimulationTests {
    private static let restarts = 60

    /// What the outside world knows.
    private struct Memory {
        var acknowledged: [RequestDigest: JournalPosition] = [:]
        /// What the store was given, up to the position that it has made durable.
        var stored: [JournalPosition: RequestDigest] = [:]
        var storedPosition = JournalPosition.beginning
        var nextRequest = 0
    }

    @Test(arguments: [JournalDurability.interval, .fsync])
    func acknowledgedRecordsAreThereOnceWhateverHappens(_ durability: JournalDurability) async throws {
        let fixed = getenv("SKEIN_JOURNAL_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = fixed ?? UInt64(getpid()) &* 0x9E37_79B9 &+ UInt64(time(nil))
        print("journal simulation, \(durability): seed \(seed)")
        var random = SplitMix(seed: seed)
        let directory = TestDirectory()
        var memory = Memory()
        for restart in 0..<Self.restarts {
            // The last one is without faults, and takes everything.
            try await live(directory, durability, &memory, &random, isLast: restart == Self.restarts - 1)
        }
        #expect(Set(memory.stored.values).count == memory.stored.count, "doubled, seed \(seed)")
        for (digest, position) in memory.acknowledged {
            #expect(memory.stored[position] == digest, "position \(position.rawValue), seed \(seed)")
        }
        #expect(memory.acknowledged.count > Self.restarts)
    }

    private func live(
        _ directory: TestDirectory, _ durability: JournalDurability, _ memory: inout Memory,
        _ random: inout SplitMix, isLast: Bool
    ) async throws {
        var configuration = directory.configuration(durability)
        configuration.segmentBytesMax = 4096 + Int.random(in: 0..<12_000, using: &random)
        configuration.allocationBytes = [0, 1000, 4096, 1 << 20].randomElement(using: &random) ?? 0
        // Segments go, but none that holds one of the requests that are sent again.
        configuration.historyBytes = 128 << 10
        configuration.cursorInterval = .zero
        let files = Self.files(isLast ? nil : random.next())
        guard let journal = try? Journal.open(configuration, files: files) else {
            // A crash in the middle of recovery; only what nobody was told of may go.
            if durability == .fsync { files.losePower(.random(seed: random.next())) }
            return
        }
        let store = try journal.reader(
            "store", policy: .mustNotSkip, cursor: .external(memory.storedPosition))
        try journal.start()
        for _ in 0..<Int.random(in: 1...30, using: &random) {
            // Now and then one that was sent before, as by a client that lost the answer.
            let isNew = memory.nextRequest == 0 || Int.random(in: 0..<8, using: &random) > 0
            let number =
                isNew
                ? memory.nextRequest
                : Int.random(in: max(0, memory.nextRequest - 6)..<memory.nextRequest, using: &random)
            if isNew { memory.nextRequest += 1 }
            let request = try TestRequest.make(number, padding: number * 131 % 2500)
            if let result = try? await journal.append(request) {
                let known = memory.acknowledged.updateValue(result.position, forKey: request.digest)
                #expect(known == nil || known == result.position, "request \(number)")
            }
            if Int.random(in: 0..<6, using: &random) == 0 { Self.take(store, &memory) }
        }
        await journal.drain()
        if isLast {
            while !store.isFinished { Self.take(store, &memory) }
        }
        let isClean = Bool.random(using: &random)
        await journal.shutdown()
        if durability == .fsync, !isClean { files.losePower(.random(seed: random.next())) }
    }

    /// Faults at about one operation in 40, and a crash at one in 200.
    private static func files(_ seed: UInt64?) -> FaultyFileSystem {
        guard let seed else { return FaultyFileSystem { _ in nil } }
        return FaultyFileSystem { operation in
            var random = SplitMix(seed: seed &+ UInt64(operation.index))
            switch Int.random(in: 0..<200, using: &random) {
            case 0: return [Fault.crashBefore, .crashWithin, .crashAfter].randomElement(using: &random)
            case 1...5: return Fault.allCases.filter { !$0.isCrash }.randomElement(using: &random)
            default: return nil
            }
        }
    }

    private static func take(_ store: JournalReader, _ memory: inout Memory) {
        guard let entries = try? store.next(wait: .zero), let last = entries.last else { return }
        for entry in entries {
            #expect(memory.stored[entry.position] == nil, "position \(entry.position.rawValue) came twice")
            memory.stored[entry.position] = entry.digest
        }
        memory.storedPosition = last.position
        store.commit(last.position)
    }
}
