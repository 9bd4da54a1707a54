// Programs that live in ways that are hard on a tracing library. ProcessTests starts them:
//
//     sdk-scenarios exit  ENDPOINT    ends without a shutdown
//     sdk-scenarios exit-several ENDPOINT    the same, with an exporter that has to wait before the others
//     sdk-scenarios exit-slow ENDPOINT    the same, with a span processor that looks at no time
//     sdk-scenarios log   ENDPOINT    the same, with lines of a log in place of spans; forks in between
//     sdk-scenarios fork  ENDPOINT    forks while spans are queued; parent and child both make spans
//     sdk-scenarios stop  ENDPOINT    is frozen in between

import Glibc
import Logging
import Skein
import Tracing

func makeSpans(_ name: String, _ count: Int) {
    for _ in 0..<count { withSpan(name) { _ in } }
}

/// `fork`, which Swift does not let through by its name.
func forkProcess() -> Int32 {
    typealias Fork = @convention(c) () -> Int32
    guard let symbol = dlsym(nil, "fork") else { return -1 }
    return unsafeBitCast(symbol, to: Fork.self)()
}

/// A receiver that is away.
struct AwayExporter: SpanExporter {
    func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult { .retryable("away") }
    func shutdown() {}
}

/// Takes longer than it may.
struct SlowProcessor: SpanProcessor {
    func forceFlush(timeout: Duration) -> Bool {
        sleep(10)
        return false
    }
}

let arguments = CommandLine.arguments
guard arguments.count == 3 else { exit(2) }
let telemetry = try SkeinTracing.bootstrap(serviceName: "scenario") { configuration in
    configuration.otlp.endpoint = arguments[2]
    configuration.logs.otlp.endpoint = arguments[2]
    if arguments[1] == "log" { configuration.logs.exporters = [.otlp] }
    if arguments[1].hasPrefix("exit-") {
        configuration.logs.exporters = [.otlp]
        configuration.logs.otlp.endpoint = arguments[2].replacing("traces", with: "logs")
    }
    if arguments[1] == "exit-several" { configuration.exporters = [.custom(AwayExporter()), .otlp] }
    if arguments[1] == "exit-slow" { configuration.processors = [SlowProcessor()] }
}

switch arguments[1] {
case "exit":
    makeSpans("last", 700)
    exit(0)
case "exit-several", "exit-slow":
    let log = Logger(label: "tool") { telemetry.logHandler(label: $0) }
    makeSpans("last", 300)
    for _ in 0..<100 { log.info("last") }
    exit(0)
case "log":
    let log = Logger(label: "tool") { telemetry.logHandler(label: $0) }
    for _ in 0..<600 { log.info("before") }
    let child = forkProcess()
    for _ in 0..<100 { log.info(child == 0 ? "child" : "parent") }
    if child == 0 {
        await telemetry.shutdown()
        _exit(telemetry.logStatistics.exported == 100 ? 0 : 3)
    }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    exit(child > 0 && status == 0 ? 0 : 1)
case "fork":
    // The first batch starts the thread and opens a connection, the rest waits.
    makeSpans("before", 600)
    let ended = telemetry.tracer.startSpan("before", context: .topLevel)
    ended.end()
    ended.end()
    let child = forkProcess()
    if child == 0 {
        makeSpans("child", 300)
        await telemetry.shutdown()
        let statistics = telemetry.statistics
        _exit(statistics.exported == 300 && statistics.started == 300 && statistics.writesAfterEnd == 0 ? 0 : 3)
    }
    makeSpans("parent", 300)
    var status: Int32 = 0
    waitpid(child, &status, 0)
    await telemetry.shutdown()
    exit(child > 0 && status == 0 && telemetry.statistics.exported == 901 ? 0 : 1)
case "stop":
    makeSpans("before", 600)
    await telemetry.flush()
    makeSpans("queued", 100)
    print("ready")
    fflush(nil)
    raise(SIGSTOP)
    makeSpans("after", 600)
    await telemetry.shutdown()
    exit(telemetry.statistics.exported == 1_300 ? 0 : 1)
default:
    exit(2)
}
