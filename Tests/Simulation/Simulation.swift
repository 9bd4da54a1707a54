import Journal
import OTLP
import TraceStorage
import TraceStorageConformance

/// One life of a machine: random requests, faults, crashes, restarts and queries, held against a model.
struct Simulation {
    let seed: UInt64
    private var random: SeededRandom
    private var requests: OddSpans
    private let machine: Machine
    private var model: Model
    /// Unix nanoseconds; goes on at random.
    private var now: UInt64 = 1_760_003_600_000_000_000
    private var oneFaultIn = 0
    /// What was done, for whoever has to understand a violation.
    private var log: [String] = []
    private(set) var counts = Counts()

    /// How much a simulation did.
    struct Counts {
        var lives = 0
        var steps = 0
        var requests = 0
        var acknowledged = 0
        var refused = 0
        var spans = 0
        var restarts = 0
        var powerLosses = 0
        var faults = 0
        var merges = 0
        var queries = 0

        static func += (a: inout Counts, b: Counts) {
            a.lives += b.lives
            a.steps += b.steps
            a.requests += b.requests
            a.acknowledged += b.acknowledged
            a.refused += b.refused
            a.spans += b.spans
            a.restarts += b.restarts
            a.powerLosses += b.powerLosses
            a.faults += b.faults
            a.merges += b.merges
            a.queries += b.queries
        }
    }

    /// Steps of one life: long enough for several seals and restarts, short enough for its model to stay small.
    private static let steps = 120
    private static let second: UInt64 = 1_000_000_000

    init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        requests = OddSpans(seed: random.next())
        let retentionAge: UInt64 = 3600 * Self.second
        machine = Machine(durability: random.pick([.fsync, .interval, .os]), retentionAge: retentionAge)
        model = Model(retentionAge: retentionAge)
    }

    /// Lives one life.
    ///
    /// - Throws: A ``Violation`` that names the seed and what was done before.
    mutating func run() async throws {
        do {
            counts.lives = 1
            oneFaultIn = random.pick([0, 20, 60, 200])
            try await restart()
            for _ in 0..<Self.steps {
                counts.steps += 1
                try await step()
                if machine.hasCrashed {
                    note("died by a fault")
                    await machine.end()
                    try await restart()
                }
            }
            try await endInGoodOrder()
            counts.faults = machine.faults
            counts.spans = model.requests.reduce(0) { $0 + $1.spans.count }
        } catch {
            await machine.kill()
            throw Violation("seed \(seed): \(error)\nlast steps: \(log.suffix(25).joined(separator: "; "))")
        }
    }

    private mutating func note(_ text: String) { log.append(text) }

    private mutating func step() async throws {
        now += UInt64(random.number(0..<3)) * Self.second
        switch random.number(0..<100) {
        case 0..<45: await send(count: random.number(1..<5))
        case 45..<70: feed()
        case 70..<75: maintain()
        case 75..<78: merge()
        case 78..<81: flush()
        case 81..<92: try query()
        case 92..<94: now += UInt64(random.number(0..<1500)) * Self.second
        case 94..<97: try await crash()
        case 97..<98: try await losePower()
        case 98..<99: try await stopAndStart()
        default:
            machine.disk.bytesMax = random.oneIn(2) ? .max : random.number(20_000..<400_000)
            note("disk of \(machine.disk.bytesMax) bytes")
        }
    }

    // MARK: what a collector's clients and clock do

    /// Sends some requests at once: new ones, or ones that were sent before.
    private mutating func send(count: Int) async {
        guard let journal = machine.journal else { return }
        var numbers: [Int] = []
        for _ in 0..<count {
            if !model.requests.isEmpty, random.oneIn(6) {
                let again = random.number(max(0, model.requests.count - 10)..<model.requests.count)
                // A client sends a request again only while it has no answer, or lost it, and not for ever.
                if !numbers.contains(again), model.requests[again].receivedAt + 500 * Self.second > now {
                    numbers.append(again)
                }
            } else if let batch = try? SpanBatch(decoding: requests.request(spans: random.number(1..<40))),
                !batch.spans.isEmpty
            {
                numbers.append(model.send(batch, at: now))
            }
        }
        counts.requests += numbers.count
        let sent = numbers.map { number in
            let batch = model.requests[number].batch
            return JournalRequest(
                batch: batch, receivedAt: now, receiver: "simulation",
                digest: RequestDigest(body: batch.bytes, tenant: .default))
        }
        let answers = await Self.append(sent, to: journal)
        for (index, number) in numbers.enumerated() {
            switch answers[index] {
            case .success(let result):
                model.acknowledge(number)
                counts.acknowledged += 1
                note("request \(number) at \(result.position.rawValue)")
            case .failure(let error):
                counts.refused += 1
                note("request \(number) refused: \(error)")
            case nil: continue
            }
        }
    }

    /// Appends requests at once; gives the answers by the requests' places.
    private static func append(
        _ requests: [JournalRequest], to journal: Journal
    ) async -> [Int: Result<AppendResult, JournalError>] {
        await withTaskGroup(of: (index: Int, answer: Result<AppendResult, JournalError>).self) { group in
            for (index, request) in requests.enumerated() {
                group.addTask { (index, await append(request, to: journal)) }
            }
            var answers: [Int: Result<AppendResult, JournalError>] = [:]
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
    }

    private static func append(
        _ request: JournalRequest, to journal: Journal
    ) async -> Result<AppendResult, JournalError> {
        do { return .success(try await journal.append(request)) } catch { return .failure(error) }
    }

    private mutating func feed() {
        do { note("fed \(try machine.feed(max: random.number(1..<20)))") } catch { note("feeding failed: \(error)") }
    }

    private mutating func maintain() {
        model.maintain(now: now)
        do {
            try machine.store?.maintain(now: now)
            note("maintained")
        } catch { note("maintaining failed: \(error)") }
    }

    private mutating func merge() {
        do {
            guard try machine.store?.merge() == true else { return }
            counts.merges += 1
            note("merged")
        } catch { note("merging failed: \(error)") }
    }

    private mutating func flush() {
        do {
            try machine.store?.flush()
            note("flushed")
        } catch { note("flushing failed: \(error)") }
    }

    // MARK: what happens to a machine

    private mutating func crash() async throws {
        note("killed")
        await machine.kill()
        try await restart()
    }

    private mutating func losePower() async throws {
        // Only `fsync` promises anything then.
        guard machine.durability == .fsync else { return }
        counts.powerLosses += 1
        note("lost power")
        await machine.kill()
        machine.disk.losePower { random.oneIn(2) }
        try await restart()
    }

    private mutating func stopAndStart() async throws {
        note("stopped")
        do { try await machine.stop() } catch {
            note("stopping failed: \(error)")
            await machine.kill()
        }
        try await restart()
    }

    /// Starts, at last without faults, and compares everything once the store has what the journal holds.
    private mutating func restart() async throws {
        counts.restarts += 1
        for attempt in 0... {
            do {
                try machine.start(seed: random.next(), oneFaultIn: attempt < 3 ? oneFaultIn : 0)
                break
            } catch let violation as Violation {
                throw violation
            } catch {
                note("start failed: \(error)")
                guard attempt < 5 else { throw error }
                if attempt == 3 { machine.disk.bytesMax = .max }
                await machine.kill()
            }
        }
        guard !machine.hasCrashed else { return }
        note("started at \(machine.store?.durablePosition.rawValue ?? 0), recovered \(machine.recovered)")
    }

    private mutating func endInGoodOrder() async throws {
        await machine.kill()
        machine.disk.bytesMax = .max
        oneFaultIn = 0
        try await restart()
        try catchUp()
        try check()
        try await machine.stop()
        try await restart()
        try check()
        await machine.kill()
    }

    // MARK: what is compared

    /// Feeds the store until it has all that the journal has.
    private func catchUp() throws {
        while try machine.feed(max: 64) > 0 {}
    }

    private mutating func query() throws {
        do { try catchUp() } catch {
            note("catching up failed: \(error)")
            return
        }
        guard !machine.hasCrashed else { return }
        counts.queries += 1
        try check()
    }

    private mutating func check() throws {
        guard let store = machine.store else { return }
        let (must, may) = model.spans()
        for trace in model.traces.sorted() where random.oneIn(3) {
            let batch = try store.trace(trace, tenant: .default, context: QueryContext())
            let found = batch.map { batch in batch.spans.indices.map { SpanDescription(batch, row: $0) } } ?? []
            let set = Set(found)
            guard set.count == found.count else { throw Violation("trace \(trace) has a span twice") }
            if let lost = (must[trace] ?? []).subtracting(set).first { throw Violation("lost \(lost)") }
            if let strange = set.subtracting(may[trace] ?? []).first { throw Violation("never sent: \(strange)") }
        }
        try checkScan(store)
    }

    private mutating func checkScan(_ store: any TraceReader) throws {
        let plan = ScanPlan(
            predicate: random.pick(ScanCases.predicates), fields: [.traceID, .spanID, .startTime, .name])
        let models = try model.stores()
        let found = try Self.rows(store, plan)
        let must = try Self.rows(models.must, plan)
        let may = try Self.rows(models.may, plan)
        for (row, count) in found where count > may[row] ?? 0 {
            throw Violation("a scan for \(plan.predicate) gives \(row) \(count) times, not \(may[row] ?? 0)")
        }
        for (row, count) in must where found[row] ?? 0 < count {
            throw Violation("a scan for \(plan.predicate) gives \(row) \(found[row] ?? 0) times, not \(count)")
        }
    }

    private static func rows(_ store: any TraceReader, _ plan: ScanPlan) throws -> [[FieldValue]: Int] {
        var rows: [[FieldValue]: Int] = [:]
        try store.scan(plan, context: QueryContext()) { answer in
            for row in 0..<answer.count { rows[answer.columns.map { $0[row] }, default: 0] += 1 }
            return true
        }
        return rows
    }
}
