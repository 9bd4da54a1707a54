import Glibc
import Journal
import OTLP
import Testing
import TraceStorage

/// Processes that append are killed at random points; what they said is acknowledged must be there once.
@Suite(.serialized) struct JournalCrashTests {
    private static let rounds = 24
    private static let tasks = 8

    @Test(arguments: [JournalDurability.interval, .fsync])
    func everyAcknowledgedRecordSurvivesKillsExactlyOnce(_ durability: JournalDurability) async throws {
        var random = SplitMix(seed: UInt64(getpid()) &* 0x9E37_79B9 &+ UInt64(time(nil)))
        print("journal kill loop, \(durability): seed \(random.state)")
        let directory = TestDirectory()
        var acknowledged: [Int: UInt64] = [:]
        var truncations = 0
        var rooms = 0
        for _ in 0..<Self.rounds {
            // Some requests are sent again, as by clients that lost the answer.
            let first = max(0, (acknowledged.keys.max() ?? 0) - 20)
            let killAfter = Int(random.next() % 400) + 1
            for (number, position) in try runWriter(directory, durability, first: first, killAfter: killAfter) {
                // A second acknowledgement must name the same record.
                #expect(acknowledged[number, default: position] == position, "request \(number)")
                acknowledged[number] = position
            }
            let sizes = directory.segments.map { directory.read($0).count }
            let journal = try Journal.open(directory.configuration())
            // What is cut beyond torn records is room that was taken ahead.
            let cut = sizes.reduce(0, +) - directory.segments.reduce(0) { $0 + directory.read($1).count }
            if cut > journal.recovery.truncatedBytes { rooms += 1 }
            truncations += journal.recovery.truncations.count
            #expect(journal.recovery.damages.isEmpty)
            await journal.shutdown()
        }
        #expect(acknowledged.count > Self.rounds)
        #expect(rooms > 0)
        let entries = try await contents(of: directory.configuration())
        #expect(Set(entries.map(\.digest)).count == entries.count, "a record is there twice")
        let positions = Dictionary(uniqueKeysWithValues: entries.map { (Int($0.batch.spans[0].traceID.low) - 1, $0) })
        for (number, position) in acknowledged {
            #expect(positions[number]?.position.rawValue == position, "request \(number)")
        }
        print(
            "journal kill loop, \(durability): \(acknowledged.count) acknowledged, \(entries.count) records, "
                + "\(truncations) torn ends, \(rooms) with room")
    }

    /// Starts a writer, kills it when it has said so many lines, and gives all it said.
    private func runWriter(
        _ directory: TestDirectory, _ durability: JournalDurability, first: Int, killAfter: Int
    ) throws -> [(number: Int, position: UInt64)] {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let arguments = [
            try writerPath(), directory.path, durability.rawValue, String(first), String(Self.tasks),
        ]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process = pid_t()
        let code = posix_spawn(&process, arguments[0], &actions, nil, &pointers, environ)
        posix_spawn_file_actions_destroy(&actions)
        close(ends[1])
        try #require(code == 0, "cannot start \(arguments[0])")
        defer {
            close(ends[0])
            var status: Int32 = 0
            waitpid(process, &status, 0)
        }
        var output: [UInt8] = []
        var lines = 0
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends[0], &buffer, buffer.count), count > 0 {
            output += buffer[..<count]
            lines += buffer[..<count].count { $0 == 0x0A }
            if lines >= killAfter { kill(process, SIGKILL) }
        }
        // A last line without its end was never said.
        let whole = output.prefix((output.lastIndex(of: 0x0A) ?? -1) + 1)
        return try whole.split(separator: 0x0A).map { line in
            let parts = String(decoding: line, as: UTF8.self).split(separator: " ")
            return (try #require(Int(parts[0])), try #require(UInt64(parts[1])))
        }
    }

    /// The writer lies beside the test runner.
    private func writerPath() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        try #require(count > 0)
        let runner = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let besideRunner = runner.prefix(through: try #require(runner.lastIndex(of: "/"))) + "journal-crash-writer"
        if access(String(besideRunner), X_OK) == 0 { return String(besideRunner) }
        return try #require(
            CommandLine.arguments.lazy.compactMap { argument -> String? in
                guard let slash = argument.lastIndex(of: "/") else { return nil }
                let path = argument.prefix(through: slash) + "journal-crash-writer"
                return access(String(path), X_OK) == 0 ? String(path) : nil
            }.first)
    }
}

/// A random sequence that its seed repeats.
struct SplitMix: RandomNumberGenerator {
    private(set) var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
