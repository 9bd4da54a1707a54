import Logging
import Skein
import SkeinTesting
import Testing
import Tracing

/// All suites, one test at a time: a process has one tracer, so all tests share what it exports.
@Suite(.serialized) enum InteropTests {
    /// Where the spans of the process's tracer go.
    static let exporter = InMemorySpanExporter()

    private static let bootstrapped = Result {
        try SkeinTracing.bootstrap { configuration in
            // Nothing of the environment that the tests run in.
            configuration = TracingConfiguration(environment: { _ in nil })
            configuration.exporters = [.custom(exporter)]
            configuration.propagators = [.traceContext, .baggage, .b3]
        }
    }

    /// Tracing of the process; the first call sets it up.
    static func tracing() throws -> SkeinTracing { try bootstrapped.get() }

    /// Runs `body` and returns the spans that ended meanwhile. `body` must wait for the servers that it starts.
    static func spans(of body: () async throws -> Void) async throws -> [RecordedSpan] {
        let tracing = try tracing()
        await tracing.flush()
        exporter.removeAll()
        try await body()
        await tracing.flush()
        return exporter.spans
    }
}

/// A logger for servers that are made to fail.
let quietLogger = Logger(label: "interop") { _ in SwiftLogNoOpLogHandler() }
