import Glibc
import Journal
import OTLP
import TraceStorage

// Appends records until it is killed, and says on its standard output which were acknowledged.
//
// Arguments: directory, durability, number of the first request, number of tasks. A line of output is a request's
// number and its position.

guard CommandLine.arguments.count == 5, let durability = JournalDurability(rawValue: CommandLine.arguments[2]),
    let first = Int(CommandLine.arguments[3]), let tasks = Int(CommandLine.arguments[4])
else {
    print("usage: journal-crash-writer DIRECTORY DURABILITY FIRST TASKS")
    exit(2)
}

/// The same body for the same number in every process.
@Sendable func request(_ number: Int) throws -> JournalRequest {
    var writer = WireWriter()
    writer.message(1) { resource in
        resource.message(2) { scope in
            scope.message(2) { span in
                span.traceID(1, TraceID(high: 1, low: UInt64(number) + 1))
                span.spanID(2, SpanID(1))
                span.string(5, String(repeating: "x", count: number * 37 % 3000))
            }
        }
    }
    let body = writer.takeBytes()
    return JournalRequest(
        batch: try SpanBatch(decoding: body), receivedAt: 1_735_689_600_000_000_000 + UInt64(number),
        receiver: "crash_writer", digest: RequestDigest(body: body, tenant: .default))
}

var configuration = JournalConfiguration(directory: CommandLine.arguments[1])
configuration.durability = durability
configuration.segmentBytesMax = 32 << 10
configuration.cursorInterval = .milliseconds(1)
let journal = try Journal.open(configuration)
_ = try journal.reader("holder", policy: .mustNotSkip, cursor: .external(.beginning))
try journal.start()
try await withThrowingTaskGroup(of: Void.self) { group in
    for task in 0..<tasks {
        group.addTask {
            var number = first + task
            while true {
                let result = try await journal.append(request(number))
                // One call a line: the pipe takes it whole or, when the process dies, not at all.
                let line = Array("\(number) \(result.position.rawValue)\n".utf8)
                guard Glibc.write(1, line, line.count) == line.count else { exit(1) }
                number += tasks
            }
        }
    }
    try await group.waitForAll()
}
