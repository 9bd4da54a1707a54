import Logging
import Skein
import SkeinTesting
import Synchronization
import Testing
import Tracing

@Suite struct MetadataProviderTests {
    /// Keeps the metadata of every line as its provider gives it.
    private struct Capture: LogHandler {
        final class Lines: Sendable {
            let kept = Mutex<[String: Logger.Metadata]>([:])
        }

        let lines = Lines()
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]
        var metadataProvider: Logger.MetadataProvider?
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let provided = metadataProvider?.get() ?? [:]
            lines.kept.withLock { $0["\(event.message)"] = provided }
        }
    }

    private let capture = Capture(metadataProvider: .skein)
    private let log: Logger
    private let tracer: SkeinTracer

    init() throws {
        let capture = capture
        log = Logger(label: "test") { _ in capture }
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = []
        tracer = try SkeinTracing(configuration).tracer
    }

    private func expected(_ span: any Span, flags: String = "03") -> Logger.Metadata {
        guard let context = span.context.spanContext else { return [:] }
        return [
            "trace_id": .string(context.traceID.hex), "span_id": .string(context.spanID.hex),
            "trace_flags": .string(flags),
        ]
    }

    private var lines: [String: Logger.Metadata] { capture.lines.kept.withLock { $0 } }

    @Test func nothingIsAddedWithoutASpan() {
        log.info("x")
        #expect(lines == ["x": [:]])
    }

    @Test func idsAreThoseOfTheCurrentSpan() {
        tracer.withSpan("outer", context: .topLevel) { outer in
            log.info("outer")
            tracer.withSpan("inner") { inner in
                log.info("inner")
                #expect(lines["inner"] == expected(inner))
            }
            log.info("again")
            #expect(lines["outer"] == expected(outer) && lines["again"] == expected(outer))
        }
        #expect(lines["inner"] != lines["outer"] && lines["inner"]?.count == 3)
    }

    @Test func tasksAndTaskGroupsKeepTheirSpan() async {
        await tracer.withSpan("outer", context: .topLevel) { outer in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        tracer.withSpan("s\(number)") { span in
                            log.info("own \(number)")
                            #expect(lines["own \(number)"] == expected(span))
                        }
                        log.info("group \(number)")
                    }
                }
            }
            await Task { log.info("task") }.value
            await Task.detached { log.info("detached") }.value
            for number in 0..<8 { #expect(lines["group \(number)"] == expected(outer)) }
            #expect(lines["task"] == expected(outer) && lines["detached"] == [:])
        }
        #expect(lines.count == 18)
    }

    @Test func flagsOfASpanThatIsNotSampledSaySo() throws {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.sampler = AlwaysOffSampler()
        configuration.exporters = []
        try SkeinTracing(configuration).tracer.withSpan("x", context: .topLevel) { span in
            log.info("x")
            #expect(lines["x"] == expected(span, flags: "02") && lines["x"]?.count == 3)
        }
    }

    @Test func remoteSpanCountsToo() throws {
        var context = ServiceContext.topLevel
        let traceID = try #require(TraceID(hex: "000000000000000000000000000000ab"))
        context.spanContext = SpanContext(traceID: traceID, spanID: SpanID(0xCD), flags: [], isRemote: true)
        ServiceContext.withValue(context) { log.info("x") }
        #expect(
            lines["x"] == [
                "trace_id": "000000000000000000000000000000ab", "span_id": "00000000000000cd", "trace_flags": "00",
            ])
    }
}
