import EmbeddedStore
import FileFaults
import Journal
import OTLP
import Synchronization
import TraceStorage
import TraceStorageConformance

/// A collector's journal and store on a disk that outlives them, with faults at random operations.
final class Machine {
    static let journalDirectory = "/data/journal"
    static let storeDirectory = "/data/store"

    let disk = MemoryFileSystem()
    let durability: JournalDurability
    let retentionAge: UInt64
    private(set) var journal: Journal?
    private(set) var reader: JournalReader?
    private(set) var store: EmbeddedStore?
    /// Handed out by the journal and not taken by the store yet.
    private var waiting: [JournalEntry] = []
    private var journalFiles: FaultyFileSystem?
    private var storeFiles: FaultyFileSystem?

    /// Faults injected since the first start.
    private(set) var faults = 0

    init(durability: JournalDurability, retentionAge: UInt64) {
        self.durability = durability
        self.retentionAge = retentionAge
    }

    var isRunning: Bool { journal != nil }

    /// What the journal's recovery says of the last start.
    var recovered: String { journal.map { "\($0.recovery)" } ?? "nothing" }

    /// The process died by an injected fault.
    var hasCrashed: Bool { journalFiles?.isCrashed == true || storeFiles?.isCrashed == true }

    /// Starts journal and store; they may fail to.
    ///
    /// - Parameter oneFaultIn: Of so many operations on the disk one goes wrong; 0 for none.
    func start(seed: UInt64, oneFaultIn: Int) throws {
        let journalFiles = Self.faulty(disk, seed: seed, oneFaultIn)
        let storeFiles = Self.faulty(disk, seed: seed ^ 0x5EED, oneFaultIn)
        self.journalFiles = journalFiles
        self.storeFiles = storeFiles
        var options = StoreOptions()
        options.sealSpans = 96
        options.retentionAge = retentionAge
        let store = try EmbeddedStore(directory: Self.storeDirectory, options: options, files: storeFiles)
        // A block is missing where retention on a full disk removed it and died before the manifest said so; whether any
        // span is lost by that is what the model knows.
        let damaged = store.report.quarantined.filter { !$0.hasSuffix(": missing") }
        guard damaged.isEmpty else { throw Violation("a fault damaged blocks: \(damaged)") }
        var configuration = JournalConfiguration(directory: Self.journalDirectory)
        configuration.durability = durability
        configuration.maxBytes = 256 << 10
        configuration.segmentBytesMax = 16 << 10
        configuration.historyBytes = 32 << 10
        configuration.recentBytesMax = 24 << 10
        configuration.syncInterval = .zero
        configuration.cursorInterval = .zero
        let journal = try Journal.open(configuration, files: journalFiles)
        reader = try journal.reader("store", policy: .mustNotSkip, cursor: .external(store.durablePosition))
        try journal.start()
        self.journal = journal
        self.store = store
        waiting = []
    }

    /// Ends in good order, as after SIGTERM.
    func stop() async throws {
        await journal?.drain()
        while try feed(max: 64) > 0 {}
        try store?.flush()
        if let store { reader?.commit(store.durablePosition) }
        await kill()
    }

    /// Ends as by `kill -9`: nothing is written any more.
    func kill() async {
        journalFiles?.crash()
        storeFiles?.crash()
        await end()
    }

    /// Takes the dead process's parts away, and what it had locked.
    func end() async {
        faults += (journalFiles?.faults ?? 0) + (storeFiles?.faults ?? 0)
        await journal?.shutdown()
        journal = nil
        reader = nil
        store = nil
        waiting = []
        journalFiles = nil
        storeFiles = nil
        disk.endProcess()
    }

    /// Moves requests from the journal to the store; gives how many.
    func feed(max: Int) throws -> Int {
        guard let reader, let store else { return 0 }
        if waiting.isEmpty { waiting = try reader.next(maxRecords: max, wait: .zero) }
        var fed = 0
        while let entry = waiting.first {
            try store.append(entry.stored)
            waiting.removeFirst()
            fed += 1
        }
        reader.commit(store.durablePosition)
        return fed
    }

    private static func faulty(_ disk: MemoryFileSystem, seed: UInt64, _ oneFaultIn: Int) -> FaultyFileSystem {
        let random = RandomFaults(seed: seed, oneIn: oneFaultIn)
        return FaultyFileSystem(on: disk) { _ in random.next() }
    }
}

/// Faults at random operations.
private final class RandomFaults: Sendable {
    private let random: Mutex<SeededRandom>
    private let oneIn: Int

    init(seed: UInt64, oneIn: Int) {
        random = Mutex(SeededRandom(seed: seed))
        self.oneIn = oneIn
    }

    func next() -> Fault? {
        guard oneIn > 0 else { return nil }
        return random.withLock { $0.oneIn(oneIn) ? $0.pick(Fault.allCases) : nil }
    }
}

/// A promise that was not kept.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
