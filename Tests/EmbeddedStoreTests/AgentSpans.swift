import OTLP
import TraceStorageConformance

/// Requests as services of agents send them: traces of about 20 spans, 11 attributes a span of which several are ids
/// that never repeat, some 500 bytes of OTLP each; the spans of 16 traces come mixed, in the order of their ends.
struct AgentSpans {
    private var random: SeededRandom
    private var clock: UInt64 = 1_760_000_000_000_000_000
    private var traces: [(id: TraceID, conversation: String, user: String, parents: [SpanID], left: Int)] = []
    private static let models = ["gpt-4.1-mini", "gpt-4.1", "claude-sonnet-4-5", "claude-haiku-4-5", "gemini-2.5-pro"]
    private static let tools = ["web_search", "read_file", "run_query", "send_mail", "calculator", "lookup_order"]
    private static let agents = ["coordinator", "planner", "researcher", "writer", "critic"]
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func request(spans count: Int) -> [UInt8] {
        var writer = WireWriter(reservingCapacity: count * 560)
        let host = random.number(0..<6)
        writer.message(1) { writer in
            writer.message(1) { writer in
                for (key, value) in [
                    ("service.name", host < 2 ? "gateway" : "agent-worker"), ("service.version", "1.4.2"),
                    ("telemetry.sdk.language", "swift"), ("telemetry.sdk.name", "skein"), ("host.name", "node-\(host)"),
                    ("deployment.environment.name", "production"),
                ] { writer.keyValue(1, KeyValue(key, .string(value))) }
                writer.keyValue(1, KeyValue("process.pid", .int(Int64(1000 + host))))
            }
            writer.message(2) { writer in
                writer.message(1) { $0.string(1, "skein.agents") }
                for _ in 0..<count { writer.message(2) { span(&$0) } }
            }
        }
        return writer.takeBytes()
    }

    private mutating func id(_ prefix: String, _ count: Int) -> AnyValue {
        .string(prefix + String(decoding: (0..<count).map { _ in random.pick(Self.digits) }, as: UTF8.self))
    }

    private mutating func uuid() -> String {
        let hex = TraceID(high: random.next(), low: random.next()).hex
        return "\(hex.prefix(8))-\(hex.dropFirst(8).prefix(4))-\(hex.dropFirst(12).prefix(4))-\(hex.suffix(12))"
    }

    private mutating func span(_ writer: inout WireWriter) {
        while traces.count < 16 {
            traces.append(
                (
                    TraceID(high: random.next(), low: random.next()), uuid(), "user-\(random.number(0..<5000))", [],
                    random.number(8..<32)
                ))
        }
        let place = random.number(0..<traces.count)
        let spanID = SpanID(random.next())
        clock += UInt64(random.number(10_000..<3_000_000))
        let duration = UInt64(random.number(200_000..<4_000_000_000))
        writer.traceID(1, traces[place].id)
        writer.spanID(2, spanID)
        if !traces[place].parents.isEmpty { writer.spanID(4, random.pick(Array(traces[place].parents.suffix(4)))) }
        let isTool = random.oneIn(3)
        let model = random.pick(Self.models)
        let tool = random.pick(Self.tools)
        writer.string(5, isTool ? "execute_tool \(tool)" : "chat \(model)")
        writer.varint(6, isTool ? 1 : 3)
        writer.fixed64(7, clock - duration)
        writer.fixed64(8, clock)
        attributes(&writer, isTool: isTool, model: model, tool: tool, trace: place)
        if random.oneIn(40) {
            writer.message(11) { writer in
                writer.fixed64(1, clock)
                writer.string(2, "exception")
                writer.keyValue(3, KeyValue("exception.type", .string("RateLimited")))
                writer.keyValue(3, KeyValue("exception.message", .string("429 Too Many Requests, retry after 2 s")))
            }
            writer.message(15) { $0.varint(3, 2) }
        }
        writer.fixed32(16, 0x101)
        traces[place].parents.append(spanID)
        traces[place].left -= 1
        if traces[place].left == 0 { traces.remove(at: place) }
    }

    private mutating func attributes(
        _ writer: inout WireWriter, isTool: Bool, model: String, tool: String, trace: Int
    ) {
        var pairs: [(String, AnyValue)] = [
            ("gen_ai.operation.name", .string(isTool ? "execute_tool" : "chat")),
            ("gen_ai.agent.name", .string(random.pick(Self.agents))),
            ("gen_ai.conversation.id", .string(traces[trace].conversation)),
            ("enduser.id", .string(traces[trace].user)),
        ]
        if isTool {
            pairs += [
                ("gen_ai.tool.name", .string(tool)), ("gen_ai.tool.call.id", id("call_", 24)),
                ("gen_ai.tool.type", .string("function")),
                ("tool.arguments.bytes", .int(Int64(random.number(20..<9000)))),
                ("tool.result.bytes", .int(Int64(random.number(20..<60_000)))), ("retry.count", .int(0)),
                ("cache.hit", .bool(random.oneIn(5))),
            ]
        } else {
            pairs += [
                ("gen_ai.request.model", .string(model)), ("gen_ai.response.id", id("chatcmpl-", 24)),
                ("gen_ai.usage.input_tokens", .int(Int64(random.number(200..<20_000)))),
                ("gen_ai.usage.output_tokens", .int(Int64(random.number(5..<2_000)))),
                ("gen_ai.request.temperature", .double(random.pick([0, 0.2, 0.7, 1]))),
                ("gen_ai.response.finish_reasons", .array([.string(random.pick(["stop", "tool_calls"]))])),
                ("server.address", .string("api.models.example")),
            ]
        }
        for (key, value) in pairs { writer.keyValue(9, KeyValue(key, value)) }
    }
}
