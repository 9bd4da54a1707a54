import OTLP

/// The cast: the services of the traffic and the spans that each of them makes.
struct AgentScript: Sendable {
    enum Service: Int, CaseIterable, Sendable {
        case gateway, coordinator, planner, researcher, writer

        var name: String {
            switch self {
            case .gateway: "assist-gateway"
            case .coordinator: "agent-coordinator"
            case .planner: "agent-planner"
            case .researcher: "agent-researcher"
            case .writer: "agent-writer"
            }
        }
    }

    static let models = ["gpt-5-mini", "claude-sonnet-4-5", "gemini-2.5-flash"]
    static let providers = ["openai", "anthropic", "gcp.gemini"]
    static let hosts = ["api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com"]
    static let tools = ["web_search", "read_document", "query_database", "calculator", "summarize_table"]
    /// Tools whose work is an HTTP request of their own.
    static let remoteTools = 2

    private(set) var templates: [SpanTemplate] = []
    let root: Int
    let authorize: Int
    /// By service, of agents that call models themselves; the gateway has none.
    let invocations: [Int]
    /// Of agents that call none.
    let idleInvocations: [Int]
    /// By model.
    let calls: [Int]
    let throttledCalls: [Int]
    let failedCalls: [Int]
    /// By tool.
    let toolRuns: [Int]
    let failedToolRuns: [Int]
    let fetch: Int
    /// By service: the request that asks it, a client's span of whoever asks, and the run that serves this request. The
    /// gateway is asked from outside.
    let requests: [Int]
    let failedRequests: [Int]
    let servedInvocations: [Int]
    let idleServedInvocations: [Int]
    /// By service: the `resource` field of `ResourceSpans`, and the `scope` field of `ScopeSpans`.
    let resources: [[UInt8]]
    let scopes: [[UInt8]]

    init() {
        var all: [SpanTemplate] = []
        func add(_ build: (inout SpanTemplateBuilder) -> Void) -> Int {
            all.append(SpanTemplate(build))
            return all.count - 1
        }
        root = add(Self.root)
        authorize = add(Self.authorize)
        func addInvocations(hasCalls: Bool, isServed: Bool) -> [Int] {
            Service.allCases.map { service in
                let kind: UInt64 = isServed || service == .coordinator ? 2 : 1
                return add { Self.invocation(&$0, service, kind: kind, hasCalls: hasCalls) }
            }
        }
        invocations = addInvocations(hasCalls: true, isServed: false)
        idleInvocations = addInvocations(hasCalls: false, isServed: false)
        calls = Self.models.indices.map { model in add { Self.call(&$0, model) } }
        throttledCalls = Self.models.indices.map { model in
            add { Self.failedCall(&$0, model, "429", "rate limit reached for requests, try again in 2 s") }
        }
        failedCalls = Self.models.indices.map { model in
            add { Self.failedCall(&$0, model, "500", "the server had an error while processing the request") }
        }
        toolRuns = Self.tools.map { tool in add { Self.toolRun(&$0, tool) } }
        failedToolRuns = Self.tools.map { tool in
            add {
                Self.toolRun(&$0, tool)
                $0.error("ToolTimeout", "\(tool) gave no answer within 10 s")
            }
        }
        fetch = add(Self.fetch)
        requests = Service.allCases.map { service in add { Self.request(&$0, to: service, status: 200) } }
        failedRequests = Service.allCases.map { service in
            add {
                Self.request(&$0, to: service, status: 504)
                $0.error("504", "the answer of \(service.name) came too late")
            }
        }
        servedInvocations = addInvocations(hasCalls: true, isServed: true)
        idleServedInvocations = addInvocations(hasCalls: false, isServed: true)
        resources = Service.allCases.map(Self.resource)
        scopes = Service.allCases.map(Self.scope)
        templates = all
    }

    // MARK: spans

    private static func root(_ span: inout SpanTemplateBuilder) {
        span.head("POST /v1/assist", kind: 2, isRoot: true)
        span.attribute("http.request.method", .string("POST"))
        span.attribute("url.scheme", .string("https"))
        span.attribute("url.path", .string("/v1/assist"))
        span.attribute("http.route", .string("/v1/assist"))
        span.attribute("http.response.status_code", .int(200))
        span.attribute("http.request.body.size", number: 200..<9_000)
        span.attribute("server.address", .string("assist.example.com"))
        span.attribute("server.port", .int(443))
        span.attribute("user_agent.original", .string("assist-ios/4.12 (iOS 26.1)"))
        span.attribute("network.protocol.version", .string("2"))
        span.user("user.id", prefix: "user-")
        span.conversation("gen_ai.conversation.id", prefix: "conv_")
    }

    private static func authorize(_ span: inout SpanTemplateBuilder) {
        span.head("authorize", kind: 1)
        span.attribute("code.function.name", .string("Gateway.authorize"))
        span.user("user.id", prefix: "user-")
        span.attribute("session.id", prefix: "session-", hex: 16)
        span.attribute("app.plan", .string("team"))
        span.attribute("app.tokens_left", number: 500..<16_000)
        span.attribute("app.cached", .bool(true))
    }

    /// - Parameter hasCalls: The agent calls models itself, and says what they used.
    private static func invocation(
        _ span: inout SpanTemplateBuilder, _ service: Service, kind: UInt64, hasCalls: Bool
    ) {
        span.head("invoke_agent \(service)", kind: kind)
        span.attribute("gen_ai.operation.name", .string("invoke_agent"))
        span.attribute("gen_ai.provider.name", .string("openai"))
        span.attribute("gen_ai.agent.name", .string("\(service)"))
        span.attribute("gen_ai.agent.id", .string(agentID(service)))
        span.attribute("gen_ai.agent.version", .string("2.3.1"))
        span.conversation("gen_ai.conversation.id", prefix: "conv_")
        span.attribute("gen_ai.request.model", .string(models[0]))
        if hasCalls {
            span.tokenSum("gen_ai.usage.input_tokens", .input)
            span.tokenSum("gen_ai.usage.output_tokens", .output)
        }
        span.attribute("app.department", .string("customer-care"))
        span.user("user.id", prefix: "user-")
        span.attribute("app.budget_used", doubleBelow: 1_000)
    }

    /// Twelve hexadecimal digits behind a prefix, the same for every seed: an agent is set up once.
    private static func agentID(_ service: Service) -> String {
        var random = SeededRandom(seed: UInt64(service.rawValue))
        let digits = (0..<12).map { _ in hexDigit(UInt8(random.below(16))) }
        return "agent_" + String(decoding: digits, as: UTF8.self)
    }

    private static func callHead(_ span: inout SpanTemplateBuilder, _ model: Int) {
        span.head("chat \(models[model])", kind: 3)
        span.attribute("gen_ai.operation.name", .string("chat"))
        span.attribute("gen_ai.provider.name", .string(providers[model]))
        span.attribute("gen_ai.request.model", .string(models[model]))
        span.attribute("gen_ai.request.max_tokens", .int(4_096))
        span.attribute("gen_ai.request.temperature", .double(0.2))
        span.attribute("server.address", .string(hosts[model]))
        span.conversation("gen_ai.conversation.id", prefix: "conv_")
    }

    private static func call(_ span: inout SpanTemplateBuilder, _ model: Int) {
        callHead(&span, model)
        span.attribute("gen_ai.response.model", .string(models[model] + "-2025-11-20"))
        span.attribute("gen_ai.response.id", prefix: "resp_", hex: 24)
        span.attribute("gen_ai.response.finish_reasons", .array([.string("stop")]))
        span.attribute("gen_ai.response.time_to_first_chunk", doubleBelow: 900)
        span.tokens("gen_ai.usage.input_tokens", .input, 400..<5_400)
        span.tokens("gen_ai.usage.output_tokens", .output, 130..<2_500)
    }

    private static func failedCall(
        _ span: inout SpanTemplateBuilder, _ model: Int, _ type: String, _ message: String
    ) {
        callHead(&span, model)
        span.error(type, message)
    }

    private static func request(_ span: inout SpanTemplateBuilder, to service: Service, status: Int64) {
        span.head("POST", kind: 3)
        span.attribute("http.request.method", .string("POST"))
        span.attribute("url.full", .string("http://\(service.name):8080/v1/runs"))
        span.attribute("http.response.status_code", .int(status))
        span.attribute("http.request.body.size", number: 300..<9_000)
        span.attribute("http.response.body.size", number: 300..<16_000)
        span.attribute("server.address", .string(service.name))
        span.attribute("server.port", .int(8_080))
        span.attribute("network.protocol.version", .string("1.1"))
        span.attribute("network.peer.address", .string("10.2.0.\(20 + service.rawValue)"))
    }

    private static func toolRun(_ span: inout SpanTemplateBuilder, _ tool: String) {
        span.head("execute_tool \(tool)", kind: 1)
        span.attribute("gen_ai.operation.name", .string("execute_tool"))
        span.attribute("gen_ai.tool.name", .string(tool))
        span.attribute("gen_ai.tool.type", .string("function"))
        span.attribute("gen_ai.tool.call.id", prefix: "call_", hex: 24)
        span.attribute("gen_ai.tool.description", .string("Runs \(tool) for an agent and returns text."))
        span.attribute("gen_ai.agent.name", .string("researcher"))
        span.conversation("gen_ai.conversation.id", prefix: "conv_")
        span.attribute("app.result_bytes", number: 150..<16_000)
        span.attribute("app.attempt", .int(1))
        span.attribute("app.cached", .bool(false))
    }

    private static func fetch(_ span: inout SpanTemplateBuilder) {
        span.head("GET", kind: 3)
        span.attribute("http.request.method", .string("GET"))
        span.attribute("url.full", prefix: "https://search.example.com/v2/documents/", hex: 16)
        span.attribute("http.response.status_code", .int(200))
        span.attribute("http.response.body.size", number: 300..<16_000)
        span.attribute("server.address", .string("search.example.com"))
        span.attribute("server.port", .int(443))
        span.attribute("network.protocol.version", .string("1.1"))
        span.attribute("network.peer.address", .string("203.0.113.17"))
        span.attribute("http.request.resend_count", .int(0))
        span.attribute("user_agent.original", .string("agent-researcher/2.3.1"))
    }

    // MARK: envelopes

    private static func resource(_ service: Service) -> [UInt8] {
        var writer = WireWriter()
        writer.message(1) { resource in
            let pairs: [(String, AnyValue)] = [
                ("service.name", .string(service.name)), ("service.version", .string("2.3.1")),
                ("service.instance.id", .string("\(service.name)-7d9f6c5b4-x2x\(service.rawValue)")),
                ("deployment.environment.name", .string("production")), ("telemetry.sdk.language", .string("swift")),
                ("telemetry.sdk.name", .string("skein")), ("host.name", .string("node-\(service.rawValue)")),
                ("process.pid", .int(4_100 + Int64(service.rawValue))),
            ]
            for (key, value) in pairs { resource.keyValue(1, KeyValue(key, value)) }
        }
        return writer.takeBytes()
    }

    private static func scope(_ service: Service) -> [UInt8] {
        var writer = WireWriter()
        writer.message(1) { scope in
            scope.string(1, service == .gateway ? "assist.gateway" : "skein.agents")
            scope.string(2, "2.3.1")
        }
        return writer.takeBytes()
    }
}
