import CurlTransport
import Dispatch
import Glibc
import Skein
import Synchronization
import Tracing

/// One way to make many spans and send them, in a process of its own so that its CPU and memory are its own.
struct ExportCase {
    enum Kind: String {
        case noop, native, dictionary
    }

    var name: String
    var kind = Kind.native
    var threads = 1
    var spans = 1_000_000
    /// Nil is the default settings.
    var overflow: BatchOptions.Overflow?
    /// Spans a second, in bursts of 100; nil is as fast as it goes.
    var rate: Int?
    /// How long the sink refuses connections, and then leaves them without an answer.
    var downMilliseconds: UInt32 = 0
    var stalledMilliseconds: UInt32 = 0
    /// What a flush sent counts, not what the shutdown after it sends.
    var flushes = false
    /// Whether the process goes on until the sink has everything, with a span each 10 ms that is made meanwhile; the
    /// shutdown then finds the queue empty.
    var settles = false
    /// Whether more is made than the queue holds.
    var mayDrop = false

    /// CPU-seconds that a million spans may cost the process; nil where so few are made that its start weighs more.
    var secondsPerMillionMax: Double? {
        switch (kind, spans) {
        case (.native, 1_000_000...): 1.2
        case (.dictionary, 1_000_000...): 2.8
        default: nil
        }
    }

    static let all: [ExportCase] = [
        ExportCase(name: "no-op tracer, 5 dictionary", kind: .noop),
        ExportCase(name: "5 native, block", overflow: .block),
        ExportCase(name: "5 native, block, 2 threads", threads: 2, overflow: .block),
        ExportCase(name: "5 dictionary, block", kind: .dictionary, overflow: .block),
        ExportCase(name: "5 dictionary, block, 2 threads", kind: .dictionary, threads: 2, overflow: .block),
        ExportCase(name: "5 native, drop", overflow: .dropNewest, mayDrop: true),
        ExportCase(name: "5 native, drop oldest", overflow: .dropOldest, mayDrop: true),
        ExportCase(name: "2,000/s in bursts", spans: 4_000, rate: 2_000),
        ExportCase(name: "5,000/s in bursts", spans: 10_000, rate: 5_000),
        ExportCase(name: "10,000/s in bursts", spans: 20_000, rate: 10_000),
        ExportCase(name: "20,000/s in bursts", spans: 40_000, rate: 20_000),
        ExportCase(name: "1,000 and shutdown", spans: 1_000),
        ExportCase(name: "5,000 and shutdown", spans: 5_000),
        ExportCase(name: "20,000 and shutdown", spans: 20_000),
        ExportCase(name: "100,000 and shutdown", spans: 100_000),
        ExportCase(name: "flush of 10", spans: 10, flushes: true),
        ExportCase(name: "60 s down, 100,000", spans: 100_000, downMilliseconds: 60_000, settles: true),
        ExportCase(name: "60 s down, 400,000", spans: 400_000, downMilliseconds: 60_000, settles: true, mayDrop: true),
        ExportCase(name: "3 s stalled, 100,000", spans: 100_000, stalledMilliseconds: 3_000),
    ]

    /// What the process that ran a case says: CPU nanoseconds, peak kibibytes, spans made, ended, exported and dropped.
    struct Outcome {
        var cpuNanoseconds = 0
        var peakKibibytes = 0
        var made = 0
        var ended = 0
        var exported = 0
        var dropped = 0

        var line: String { "\(cpuNanoseconds) \(peakKibibytes) \(made) \(ended) \(exported) \(dropped)" }

        init() {}

        init?(_ line: String) {
            let numbers = line.split(separator: " ").compactMap { Int($0) }
            guard numbers.count == 6 else { return nil }
            (cpuNanoseconds, peakKibibytes, made, ended, exported, dropped) = (
                numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
            )
        }
    }

    /// Runs in this process and prints the outcome.
    func run(endpoint: String) throws {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.otlp.endpoint = endpoint
        configuration.shutdownTimeout = .seconds(120)
        if let overflow { configuration.batch.overflow = overflow }
        let tracing = try SkeinTracing(configuration)
        let isDone = DispatchSemaphore(value: 0)
        let start = usage()
        for thread in 0..<threads {
            let share = spans / threads
            _ = DetachedThread.start { [self] in
                make(thread * share..<(thread + 1) * share, tracing.tracer)
                isDone.signal()
            }
        }
        for _ in 0..<threads { isDone.wait() }
        var count = spans
        if settles { count += settle(tracing) }
        if flushes { tracing.tracer.forceFlush() }
        let flushed = tracing.statistics
        Task {
            await tracing.shutdown()
            isDone.signal()
        }
        isDone.wait()
        let end = usage()
        let statistics = flushes ? flushed : tracing.statistics
        var outcome = Outcome()
        outcome.cpuNanoseconds = end.cpu - start.cpu
        outcome.peakKibibytes = end.peak
        outcome.made = count
        outcome.ended = kind == .noop ? spans : Int(statistics.ended)
        outcome.exported = Int(statistics.exported)
        outcome.dropped = Int(
            statistics.droppedQueueFull + statistics.droppedShutdown + statistics.droppedExportFailed)
        print(outcome.line)
    }

    /// Makes a span each 10 ms while the sink is away, and waits until everything is sent or counted as lost. Gives up
    /// after three minutes. Returns how many spans that were.
    private func settle(_ tracing: SkeinTracing) -> Int {
        let pauses = 18_000
        var made = 0
        for _ in 0..<pauses {
            let statistics = tracing.statistics
            if statistics.exported + statistics.droppedQueueFull == statistics.ended { break }
            // What comes in the last seconds of a pause would be waited for as long as a batch may fill.
            if statistics.exported == 0 {
                make(made..<made + 1, tracing.tracer)
                made += 1
            }
            pause(10_000)
        }
        return made
    }

    private func make(_ numbers: Range<Int>, _ tracer: SkeinTracer) {
        let noop = NoOpTracer()
        for number in numbers {
            if let rate, number % 100 == 0 { pause(100_000_000 / rate) }
            switch kind {
            case .noop: SDKBenchmarks.useDictionary(noop.startSpan("chat"), number)
            case .native: SDKBenchmarks.useNative(tracer.startSpan("chat"), number)
            case .dictionary: SDKBenchmarks.useDictionary(tracer.startSpan("chat"), number)
            }
        }
    }

    private func pause(_ microseconds: Int) {
        var time = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1_000)
        nanosleep(&time, nil)
    }

    private func usage() -> (cpu: Int, peak: Int) {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        func nanoseconds(_ time: timeval) -> Int { time.tv_sec * 1_000_000_000 + Int(time.tv_usec) * 1_000 }
        return (nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime), peakKibibytes())
    }

    /// The peak of the resident memory. `ru_maxrss` would include that of the process that started this one.
    private func peakKibibytes() -> Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("VmHWM:") { return text.split(separator: " ").compactMap { Int($0) }.first ?? 0 }
        }
        return 0
    }
}
