import OTLP

/// Traffic of a believable multi-agent system, as OTLP requests that a seed decides.
///
/// A request to a gateway goes to a coordinator, which lets planner, researcher and writer agents work; they call
/// models and tools, some of which fail and are tried again. A trace has 5 to 62 spans of about 500 bytes with about
/// 11 attributes. Spans of a trace come in the order in which they end, children first. They carry the id of
/// one conversation, which four traces share on average, and of the one of 65,536 users whose it is; an agent's id is
/// always the same, and an agent that calls models says what these calls used in all.
///
/// With `clientSpans` each service also has a client's span of every request to another one, as HTTP clients that are
/// instrumented make them, and a trace has 7 to 63 spans.
///
///     var traffic = AgentTraffic(seed: 1)
///     let body = traffic.request(spans: 512)
///
/// Costs about 300 ns a span: spans are templates whose ids, times and values are filled in.
package struct AgentTraffic: Sendable {
    package static let traceSpans = 5...62
    /// Spans of a trace where services have spans of their requests.
    package static let traceSpansWithClients = 7...63
    /// Hexadecimal digits of a conversation's id.
    static let conversationDigits = 20
    /// Hexadecimal digits of a user's id.
    static let userDigits = 4
    /// Conversations that go on side by side; which one the next trace belongs to is random.
    private static let openConversations = 64

    /// When the next trace begins, in unix nanoseconds. It moves on by itself, some milliseconds a trace; set it to
    /// follow a clock.
    package var time: UInt64

    /// A request from one service to another.
    package struct ServicePair: Hashable, Sendable {
        package let client: String
        package let server: String
    }

    /// How many requests there were.
    package struct RequestCount: Equatable, Sendable {
        package fileprivate(set) var requests = 0
        package fileprivate(set) var failed = 0
    }

    /// Of requests between services whose spans, the client's and the server's, were both handed out.
    package var requestsBetweenServices: [ServicePair: RequestCount] {
        var result: [ServicePair: RequestCount] = [:]
        for service in AgentScript.Service.allCases where requestCounts[service.rawValue].requests > 0 {
            let client: AgentScript.Service = service == .coordinator ? .gateway : .coordinator
            result[ServicePair(client: client.name, server: service.name)] = requestCounts[service.rawValue]
        }
        return result
    }

    private var random: SeededRandom
    private let clientSpans: Bool
    /// By the service that is asked.
    private var requestCounts = [RequestCount](repeating: RequestCount(), count: AgentScript.Service.allCases.count)
    private let script = AgentScript()
    private var plan = TracePlan()
    private var traceID = TraceID.invalid
    /// The conversations that go on, and the one that the trace belongs to.
    private var conversations: [Conversation]
    private var conversation = Conversation()
    /// Planned spans not handed out yet; they leave from the end of the plan.
    private var spansLeft = 0
    /// Framed spans of the request being made, by service.
    private var buffers: [[UInt8]]

    /// - Parameters:
    ///   - startTime: When the first trace begins; by default the first second of 2026.
    ///   - clientSpans: Whether a service that asks another one has a span of its request.
    package init(seed: UInt64, startTime: UInt64 = 1_767_225_600_000_000_000, clientSpans: Bool = false) {
        self.clientSpans = clientSpans
        random = SeededRandom(seed: seed)
        time = startTime
        buffers = Array(repeating: [], count: AgentScript.Service.allCases.count)
        conversations = []
        for _ in 0..<Self.openConversations { conversations.append(newConversation()) }
    }

    /// A serialized `ExportTraceServiceRequest` with exactly this many spans. A trace that does not end in it goes on
    /// in the next one.
    package mutating func request(spans: Int) -> [UInt8] {
        for _ in 0..<spans {
            if spansLeft == 0 { beginTrace() }
            spansLeft -= 1
            emit(plan.nodes[spansLeft])
            if clientSpans { count(plan.nodes[spansLeft]) }
        }
        return takeRequest()
    }

    /// A serialized `ExportTraceServiceRequest` with one whole trace, or with what is left of the one begun.
    package mutating func trace() -> [UInt8] {
        if spansLeft == 0 { beginTrace() }
        return request(spans: spansLeft)
    }

    private mutating func beginTrace() {
        traceID = TraceID(high: random.next(), low: random.next() | 1)
        let turn = random.below(conversations.count)
        conversation = conversations[turn]
        if random.happens(perMille: 250) { conversations[turn] = newConversation() }
        plan.make(script, start: time, clientSpans: clientSpans, &random)
        spansLeft = plan.nodes.count
        time &+= 1_000_000 &+ UInt64(random.below(4_000_000))
    }

    /// The digits of ids.
    private struct Conversation: Sendable {
        var id: [UInt8] = []
        var user: [UInt8] = []
    }

    private mutating func newConversation() -> Conversation {
        Conversation(id: digits(Self.conversationDigits), user: digits(Self.userDigits))
    }

    private mutating func digits(_ count: Int) -> [UInt8] {
        var digits = [UInt8](repeating: 0, count: count)
        digits.storeHex(&random, count: count, at: 0)
        return digits
    }

    /// A client's span leaves after the server's, which stands behind it in the plan.
    private mutating func count(_ node: TracePlan.Node) {
        if let service = script.requests.firstIndex(of: node.template) {
            requestCounts[service].requests += 1
        } else if let service = script.failedRequests.firstIndex(of: node.template) {
            requestCounts[service].requests += 1
            requestCounts[service].failed += 1
        }
    }

    private mutating func takeRequest() -> [UInt8] {
        var writer = WireWriter(reservingCapacity: buffers.reduce(0) { $0 + $1.count } + 2_048)
        for service in AgentScript.Service.allCases.map(\.rawValue) where !buffers[service].isEmpty {
            let scopeBytes = script.scopes[service].count + buffers[service].count
            let scopeHead = WireWriter.headBytes(2, count: scopeBytes)
            writer.head(1, count: script.resources[service].count + scopeHead + scopeBytes)
            writer.raw(script.resources[service])
            writer.head(2, count: scopeBytes)
            writer.raw(script.scopes[service])
            writer.raw(buffers[service])
            buffers[service].removeAll(keepingCapacity: true)
        }
        return writer.takeBytes()
    }

    private mutating func emit(_ node: TracePlan.Node) {
        let template = script.templates[node.template]
        // Taken out of the array of buffers while it is filled: each store through both arrays would check both.
        var buffer: [UInt8] = []
        swap(&buffer, &buffers[node.service])
        let start = buffer.count
        buffer.append(contentsOf: template.bytes)
        let parent = node.parent < 0 ? 0 : plan.nodes[node.parent].id
        for slot in template.slots {
            let offset = start + slot.offset
            switch slot.content {
            case .traceID:
                buffer.storeBigEndian(traceID.high, at: offset)
                buffer.storeBigEndian(traceID.low, at: offset + 8)
            case .spanID: buffer.storeBigEndian(node.id, at: offset)
            case .parentSpanID: buffer.storeBigEndian(parent, at: offset)
            case .startTime: buffer.storeBigEndian(node.start.byteSwapped, at: offset)
            case .endTime: buffer.storeBigEndian(node.end.byteSwapped, at: offset)
            case .conversation: buffer.store(conversation.id, at: offset)
            case .user: buffer.store(conversation.user, at: offset)
            case .hex(let count): buffer.storeHex(&random, count: count, at: offset)
            case .number(let from, let count): buffer.storeVarint(from + random.below(count), at: offset)
            case .tokens(let tokens, let from, let count):
                let value = from + random.below(count)
                buffer.storeVarint(value, at: offset)
                plan.add(value, tokens, above: node)
            case .tokenSum(let tokens): buffer.storeVarint(node.tokens[tokens.rawValue], at: offset)
            case .double(let bound):
                let value = Double(random.below(bound * 1_000)) / 1_000_000
                buffer.storeBigEndian(value.bitPattern.byteSwapped, at: offset)
            }
        }
        swap(&buffer, &buffers[node.service])
    }
}

extension [UInt8] {
    @inline(__always)
    fileprivate mutating func storeBigEndian(_ value: UInt64, at offset: Int) {
        for index in 0..<8 { self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * index)) }
    }

    /// A number of 128..<16,384.
    @inline(__always)
    fileprivate mutating func storeVarint(_ value: Int, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: value) | 0x80
        self[offset + 1] = UInt8(truncatingIfNeeded: value >> 7)
    }

    @inline(__always)
    fileprivate mutating func store(_ digits: [UInt8], at offset: Int) {
        replaceSubrange(offset..<offset + digits.count, with: digits)
    }

    @inline(__always)
    fileprivate mutating func storeHex(_ random: inout SeededRandom, count: Int, at offset: Int) {
        var bits: UInt64 = 0
        for index in 0..<count {
            if index & 15 == 0 { bits = random.next() }
            self[offset + index] = hexDigit(UInt8(truncatingIfNeeded: bits & 0xF))
            bits >>= 4
        }
    }
}
