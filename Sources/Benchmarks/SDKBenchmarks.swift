import Benchmarking
import Dispatch
import SemanticConventions
import Skein
import Synchronization
import Tracing

/// What a service pays for a span.
enum SDKBenchmarks {
    static let noop = "no-op tracer, span"
    private static let noopScope = "no-op tracer, withSpan"
    private static let spans = 50_000

    /// All of it runs in a task, as in a service: outside, the runtime allocates twice for each task-local value.
    static func measure(_ meter: Meter) throws -> [Measurement] {
        let result = Mutex<Result<[Measurement], any Error>?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        Task.detached {
            let measured = Result { try measureInTask(meter) }
            result.withLock { $0 = measured }
            isDone.signal()
        }
        isDone.wait()
        return try result.withLock { try $0?.get() ?? [] }
    }

    private static func measureInTask(_ meter: Meter) throws -> [Measurement] {
        let sampled = try tracing(AlwaysOnSampler())
        let unsampled = try tracing(AlwaysOffSampler())
        defer { for each in [sampled, unsampled] { each.tracer.forceFlush() } }
        // What the caller pays: batches are made and sent on a thread of the SDK, which the end-to-end rows count too.
        let rows = [
            try meter.measure(noop, units: spans) {
                let tracer = NoOpTracer()
                for number in 0..<spans { useDictionary(tracer.startSpan("chat"), number) }
            },
            try meter.measure(noopScope, units: spans) {
                let tracer = NoOpTracer()
                for _ in 0..<spans { tracer.withSpan("chat") { keep($0.isRecording) } }
            },
            try meter.measure("span, 5 native attributes", units: spans, baseline: noop) {
                for number in 0..<spans { useNative(sampled.tracer.startSpan("chat"), number) }
                sampled.tracer.forceFlush()
            },
            try meter.measure("any Span, 5 native attributes", units: spans, baseline: noop) {
                let tracer: any Tracer = sampled.tracer
                for number in 0..<spans {
                    let span: any Span = tracer.startSpan("chat")
                    span.record("gen_ai.operation.name", "chat")
                    span.record("gen_ai.request.model", "gpt-5-mini")
                    span.record("gen_ai.usage.input_tokens", number)
                    span.record("gen_ai.request.temperature", 0.2)
                    span.record("app.cached", false)
                    span.end()
                }
                sampled.tracer.forceFlush()
            },
            try meter.measure("span, 5 dictionary attributes", units: spans, baseline: noop) {
                for number in 0..<spans { useDictionary(sampled.tracer.startSpan("chat"), number) }
                sampled.tracer.forceFlush()
            },
            try meter.measure("withSpan", units: spans, baseline: noopScope) {
                for _ in 0..<spans { sampled.tracer.withSpan("chat") { keep($0.isRecording) } }
                sampled.tracer.forceFlush()
            },
            try meter.measure("withSpan, 5 native attributes", units: spans, baseline: noopScope) {
                for number in 0..<spans { sampled.tracer.withSpan("chat") { describe($0, number) } }
                sampled.tracer.forceFlush()
            },
            try meter.measure("withSpan, unsampled", units: spans, baseline: noopScope) {
                for _ in 0..<spans { unsampled.tracer.withSpan("chat") { keep($0.isRecording) } }
            },
            try meter.measure("span, unsampled, 5 native", units: spans, baseline: noop) {
                for number in 0..<spans { useNative(unsampled.tracer.startSpan("chat"), number) }
            },
        ]
        return rows.map { row in
            var row = row
            row.budget = budgets[row.name]
            return row
        }
    }

    /// What a span may cost its caller, by row.
    private static let budgets: [String: (nanoseconds: Double, allocations: Double?)] = [
        "span, 5 native attributes": (350, 2), "withSpan, 5 native attributes": (900, 4),
        "span, 5 dictionary attributes": (2_400, nil), "withSpan, unsampled": (400, nil),
    ]

    private static func tracing(_ sampler: any Sampler) throws -> SkeinTracing {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.sampler = sampler
        configuration.exporters = [.custom(DiscardingExporter())]
        // A full queue would drop spans, which costs less.
        configuration.batch.overflow = .block
        return try SkeinTracing(configuration)
    }

    @inline(__always)
    static func useNative(_ span: SkeinSpan, _ number: Int) {
        describe(span, number)
        span.end()
    }

    @inline(__always)
    private static func describe(_ span: SkeinSpan, _ number: Int) {
        span.record("gen_ai.operation.name", "chat")
        span.record("gen_ai.request.model", "gpt-5-mini")
        span.record("gen_ai.usage.input_tokens", number)
        span.record("gen_ai.request.temperature", 0.2)
        span.record("app.cached", false)
    }

    @inline(__always)
    static func useDictionary(_ span: some Span, _ number: Int) {
        span.attributes["gen_ai.operation.name"] = "chat"
        span.attributes["gen_ai.request.model"] = "gpt-5-mini"
        span.attributes["gen_ai.usage.input_tokens"] = number
        span.attributes["gen_ai.request.temperature"] = 0.2
        span.attributes["app.cached"] = false
        span.end()
    }
}

/// Takes batches and throws them away.
private struct DiscardingExporter: SpanExporter {
    func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult { .success() }

    func shutdown() {}
}
