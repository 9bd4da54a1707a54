import OTLP
import TraceStorage

extension GenAISpan {
    /// Takes what a span says in the vocabularies; `attributes` has read its attributes.
    ///
    /// No initializer, which would own the batch: that is counted in memory that other threads use.
    mutating func read(
        _ row: UnsafePointer<SpanRow>, of batch: SpanBatch, _ attributes: inout GenAIAttributes,
        _ texts: inout TextTable, service: TextNumber, scope: ScopeFacts
    ) {
        spanID = row.pointee.spanID
        parentSpanID = row.pointee.parentSpanID
        start = row.pointee.startTime
        end = max(row.pointee.startTime, row.pointee.endTime)
        isError = row.pointee.isError
        isOK = row.pointee.statusCode == 1
        let hash = attributes.nameHash(row, scope: scope.nameHash, service: service, in: batch)
        var known = texts.recentKind(hash)
        if known == nil, let (role, operation) = Self.kind(&attributes, of: batch, &texts) {
            let found = Self.names(role, operation, row.pointee, of: batch, &attributes, &texts, service, scope)
            known = texts.kind(of: found, hash: hash)
        }
        if let known {
            names = known.names
            role = known.role
            isInputExclusive = known.isInputExclusive
            readUsage(of: batch, &attributes)
        } else {
            readUsage(of: batch, &attributes)
            // Usage without a known kind of work: only a call has any.
            role = usage.isEmpty ? .step : .call
            isOfUnknownKind = role == .call
            var operation = attributes.text(.operation, of: batch, &texts)
            if role == .call, operation.isEmpty { operation = TextTable.chat }
            let found = Self.names(role, operation, row.pointee, of: batch, &attributes, &texts, service, scope)
            names = texts.number(of: found)
            isInputExclusive = isInputExclusive || found.isInputExclusive
        }
        conversation = attributes.text(.conversation, of: batch, &texts)
        if role == .aggregate, usage.isEmpty {
            usage.input = attributes.count(.aggregatedInput, of: batch)
            usage.output = attributes.count(.aggregatedOutput, of: batch)
        }
        if role == .call {
            responseID = attributes.hash(.responseID, of: batch)
            attempts = UInt8(min(Self.attemptsMax, attributes.count(.attempts, of: batch) ?? 0))
            readTimeToFirstToken(row, of: batch, &attributes)
        }
    }

    /// How many spans a span stands for. Sampled to less than one of 65,536, calls of models cannot be added up anyway,
    /// and tokens times more would not fit sums.
    @inline(__always)
    static func weight(of row: UnsafePointer<SpanRow>, in batch: SpanBatch) -> UInt32 {
        guard !row.pointee.traceState.isEmpty else { return 1 }
        let weight = TraceStateWeight.adjustedCount(batch.slice(row.pointee.traceState))
        let count = AdjustedCount.count(weight: weight, traceID: row.pointee.traceID, spanID: row.pointee.spanID)
        return UInt32(min(65_536, count))
    }

    // MARK: names

    private static func names(
        _ role: Role, _ operation: TextNumber, _ span: borrowing SpanRow, of batch: SpanBatch,
        _ attributes: inout GenAIAttributes, _ texts: inout TextTable, _ service: TextNumber, _ scope: ScopeFacts
    ) -> SpanNames {
        var names = SpanNames()
        (names.role, names.operation, names.service) = (role, operation, service)
        let provider = attributes.bareText(.provider, of: batch, &texts)
        names.isInputExclusive =
            scope.isInputExclusive && texts.text(provider).lowercased().contains("anthropic")
        if role == .call {
            names.origin = origin(span, of: batch, scope, &attributes)
            names.provider = provider
            readCall(&names, of: batch, &attributes, &texts)
        }
        readEntities(&names, span, of: batch, &attributes, &texts)
        return names
    }

    private static func readCall(
        _ names: inout SpanNames, of batch: SpanBatch, _ attributes: inout GenAIAttributes, _ texts: inout TextTable
    ) {
        names.requestModel = attributes.bareText(.requestModel, of: batch, &texts)
        names.responseModel = attributes.text(.responseModel, of: batch, &texts)
        names.errorType = attributes.text(.errorType, of: batch, &texts)
        // The one that answered says more than the one that was asked for.
        for fact in [GenAIFact.responseTier, .requestTier] where names.tier == .unsaid && attributes.has(fact) {
            let text = attributes.bareText(fact, of: batch, &texts)
            names.tier = PricedTier(texts.text(text))
        }
        if let row = attributes.row(.finishReasons, of: batch) {
            names.finishReasons = texts.list(of: row, in: batch)
        } else if let row = attributes.row(.singleFinishReason, of: batch) {
            names.finishReasons = texts.list(of: [AttributeText.text(batch.value(of: row))])
        }
        names.identify(&texts)
    }

    /// The same in every process, as checkpoints hold it. Without a scope's name the span's has to do.
    private static func origin(
        _ span: borrowing SpanRow, of batch: SpanBatch, _ scope: ScopeFacts, _ attributes: inout GenAIAttributes
    ) -> UInt64 {
        var vocabulary = 0 as UInt64
        if !attributes.has(.operation) {
            for (index, known) in vocabularies.enumerated() where attributes.has(known.0) {
                vocabulary = UInt64(index + 1)
                break
            }
        }
        let content = batch.bytes
        let name = scope.nameHash == 0 ? TextHash.hash(content.span.bytes, span.name) : scope.nameHash
        return name &* 0x9E37_79B9_7F4A_7C15 ^ vocabulary
    }

    // MARK: kind of work

    /// Nil where nothing names it.
    private static func kind(
        _ attributes: inout GenAIAttributes, of batch: SpanBatch, _ texts: inout TextTable
    ) -> (Role, operation: TextNumber)? {
        let operation = attributes.text(.operation, of: batch, &texts)
        if TextTable.calls.contains(operation.index) { return (.call, operation) }
        if TextTable.aggregates.contains(operation.index) { return (.aggregate, operation) }
        if operation == TextTable.executeTool { return (.tool, operation) }
        if TextTable.steps.contains(operation.index) { return (.step, operation) }
        for (index, (fact, vocabulary)) in vocabularies.enumerated() where attributes.has(fact) {
            let value = attributes.bareText(fact, of: batch, &texts)
            let kind = texts.kind(of: value, vocabulary: index) { vocabulary[$0] }
            guard let role = kind.role else { continue }
            return (role, operation.isEmpty ? kind.operation : operation)
        }
        return nil
    }

    private static let vocabularies: [(GenAIFact, [String: (Role, operation: String)])] = [
        (
            .openInferenceKind,
            [
                "llm": (.call, "chat"), "embedding": (.call, "embeddings"), "agent": (.aggregate, "invoke_agent"),
                "chain": (.aggregate, "invoke_workflow"), "tool": (.tool, "execute_tool"),
                "retriever": (.step, "retrieval"), "reranker": (.step, "rerank"), "guardrail": (.step, "guardrail"),
                "evaluator": (.step, "evaluate"),
            ]
        ),
        (
            .traceloopKind,
            [
                "workflow": (.aggregate, "invoke_workflow"), "task": (.aggregate, "invoke_workflow"),
                "agent": (.aggregate, "invoke_agent"), "tool": (.tool, "execute_tool"),
            ]
        ),
        (
            .traceloopRequest,
            [
                "chat": (.call, "chat"), "completion": (.call, "text_completion"),
                "embedding": (.call, "embeddings"), "rerank": (.step, "rerank"),
            ]
        ),
        (
            .langfuseType,
            [
                "generation": (.call, "chat"), "embedding": (.call, "embeddings"),
                "agent": (.aggregate, "invoke_agent"), "chain": (.aggregate, "invoke_workflow"),
                "tool": (.tool, "execute_tool"), "retriever": (.step, "retrieval"), "span": (.step, ""),
                "guardrail": (.step, "guardrail"), "evaluator": (.step, "evaluate"),
            ]
        ),
        (
            .mlflowType,
            [
                "llm": (.call, "text_completion"), "chat_model": (.call, "chat"), "embedding": (.call, "embeddings"),
                "agent": (.aggregate, "invoke_agent"), "chain": (.aggregate, "invoke_workflow"),
                "tool": (.tool, "execute_tool"), "retriever": (.step, "retrieval"),
            ]
        ),
    ]

    private static func readEntities(
        _ names: inout SpanNames, _ span: borrowing SpanRow, of batch: SpanBatch, _ attributes: inout GenAIAttributes,
        _ texts: inout TextTable
    ) {
        names.agent = attributes.text(.agent, of: batch, &texts)
        names.agentID = attributes.text(.agentID, of: batch, &texts)
        names.tool = attributes.text(.tool, of: batch, &texts)
        if names.agent.isEmpty, names.role == .aggregate, names.operation == TextTable.invokeAgent {
            names.agent = entity(span.name, after: "invoke_agent ", of: batch, &attributes, &texts)
            // The operation alone names no agent.
            if names.agent == TextTable.invokeAgent, !names.agentID.isEmpty { names.agent = names.agentID }
        }
        if names.tool.isEmpty, names.role == .tool {
            names.tool = entity(span.name, after: "execute_tool ", of: batch, &attributes, &texts)
        }
    }

    /// What the attribute for it says, or else the span's name without what stands before it.
    private static func entity(
        _ name: ByteRange, after prefix: String, of batch: SpanBatch, _ attributes: inout GenAIAttributes,
        _ texts: inout TextTable
    ) -> TextNumber {
        let entity = attributes.text(.entity, of: batch, &texts)
        return entity.isEmpty ? texts.number(of: Self.name(batch.string(name), after: prefix)) : entity
    }

    private static func name(_ text: String, after prefix: String) -> String {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    }

    // MARK: tokens and money

    /// What ``readUsage(of:_:)`` reads.
    private static let usageFacts = GenAIAttributes.bits(of: [
        .input, .output, .total, .cacheRead, .cacheWrite, .cacheWriteHour, .reasoning, .audioInput, .audioOutput,
        .langfuseUsage, .mlflowUsage, .cost, .promptCost, .completionCost, .langfuseCost,
    ])

    private mutating func readUsage(of batch: SpanBatch, _ attributes: inout GenAIAttributes) {
        guard attributes.hasAny(Self.usageFacts) else { return }
        usage.input = attributes.count(.input, of: batch)
        usage.output = attributes.count(.output, of: batch)
        usage.total = attributes.count(.total, of: batch)
        usage.cacheRead = attributes.count(.cacheRead, of: batch)
        usage.cacheWrite = attributes.count(.cacheWrite, of: batch)
        usage.cacheWriteHour = attributes.count(.cacheWriteHour, of: batch)
        usage.reasoning = attributes.count(.reasoning, of: batch)
        usage.audioInput = attributes.count(.audioInput, of: batch)
        usage.audioOutput = attributes.count(.audioOutput, of: batch)
        if attributes.has(.langfuseUsage) { readJSON(.langfuseUsage, of: batch, &attributes) }
        if attributes.has(.mlflowUsage) { readJSON(.mlflowUsage, of: batch, &attributes) }
        reportedCost = attributes.number(.cost, of: batch)
        if reportedCost == nil, attributes.has(.promptCost) || attributes.has(.completionCost) {
            reportedCost =
                (attributes.number(.promptCost, of: batch) ?? 0) + (attributes.number(.completionCost, of: batch) ?? 0)
        }
        if reportedCost == nil, let row = attributes.row(.langfuseCost, of: batch), row.kind == .string {
            reportedCost = NumberTree(json: Array(batch.slice(row.slice))).cost
        }
        // A broken number, or 0 for a call that had tokens, says nothing.
        if let cost = reportedCost, !(cost > 0 && cost <= Self.costMax) { reportedCost = nil }
    }

    private mutating func readJSON(_ fact: GenAIFact, of batch: SpanBatch, _ attributes: inout GenAIAttributes) {
        guard let row = attributes.row(fact, of: batch), row.kind == .string else { return }
        let (sent, isExclusive) = ReportedUsage.reading(json: Array(batch.slice(row.slice)))
        if usage.isEmpty, isExclusive { isInputExclusive = true }
        usage.complete(with: sent)
    }

    // MARK: time to first token

    /// US dollars of one call, and seconds to its first token; more is a mistake, and would spoil sums for good.
    private static let costMax = 1e6
    private static let secondsMax = 1e6

    private mutating func readTimeToFirstToken(
        _ row: UnsafePointer<SpanRow>, of batch: SpanBatch, _ attributes: inout GenAIAttributes
    ) {
        let seconds = Double(durationNanoseconds) / 1e9
        if let sent = attributes.number(.timeToFirstChunk, of: batch), sent >= 0, sent <= Self.secondsMax {
            timeToFirstToken = sent
        } else if let sent = attributes.number(.timeToFirstToken, of: batch), sent >= 0, sent <= Self.secondsMax {
            // Seconds from one library, milliseconds from another: no first token comes after the last.
            timeToFirstToken = sent > seconds ? sent / 1e3 : sent
        } else if let sent = Self.completionStart(of: batch, &attributes), sent >= row.pointee.startTime,
            sent <= max(row.pointee.startTime, row.pointee.endTime)
        {
            timeToFirstToken = Double(sent - row.pointee.startTime) / 1e9
        } else if row.pointee.events.count > 0 {
            readFirstToken(row.pointee.events, from: row.pointee.startTime, of: batch)
        }
    }

    /// When Langfuse saw the first token, unix nanoseconds: RFC 3339, in quotes where its libraries wrote it as JSON.
    private static func completionStart(of batch: SpanBatch, _ attributes: inout GenAIAttributes) -> UInt64? {
        guard let row = attributes.row(.completionStart, of: batch), row.kind == .string else { return nil }
        let text = AttributeText.text(batch.value(of: row))
        let isQuoted = text.utf8.count > 1 && text.hasPrefix("\"") && text.hasSuffix("\"")
        return TimeText.parseRFC3339(isQuoted ? String(text.dropFirst().dropLast()) : text)
    }

    private mutating func readFirstToken(_ events: RowRange, from start: UInt64, of batch: SpanBatch) {
        for index in events.indices {
            let event = batch.events[index]
            guard event.time >= start, batch.equals(event.name, "First Token Stream Event") else { continue }
            timeToFirstToken = Double(event.time - start) / 1e9
            return
        }
    }
}

/// What all spans of a scope have in common.
struct ScopeFacts {
    /// A hash of its name; 0 where it has none.
    var nameHash: UInt64 = 0
    /// Its library leaves cached tokens out of the input.
    var isInputExclusive = false

    init(_ scope: borrowing ScopeRow, of batch: SpanBatch) {
        let content = batch.bytes
        nameHash = scope.name.isEmpty ? 0 : max(1, TextHash.hash(content.span.bytes, scope.name))
        // OpenLIT passes on what Anthropic's API says, and that leaves cached tokens out.
        isInputExclusive = batch.slice(scope.name).starts(with: "openlit".utf8)
    }
}
