import OTLP

extension GenAISpan {
    /// What a span says in the vocabularies; `attributes` has read its attributes.
    ///
    /// - Parameter isScopeInputExclusive: The scope's library leaves cached tokens out of the input.
    init(
        _ span: SpanRow, of batch: SpanBatch, _ attributes: inout GenAIAttributes, _ texts: inout TextTable,
        isScopeInputExclusive: Bool
    ) {
        spanID = span.spanID
        parentSpanID = span.parentSpanID
        start = span.startTime
        end = max(span.startTime, span.endTime)
        isError = span.isError
        readWork(span, of: batch, attributes, &texts)
        isInputExclusive = isScopeInputExclusive && texts.text(provider).lowercased().contains("anthropic")
        readUsage(of: batch, attributes)
        (role, operation) = Self.role(attributes, of: batch, &texts, hasUsage: !usage.isEmpty)
        if role == .call { origin = Self.origin(span, of: batch) }
        readNames(span, of: batch, attributes, &texts)
        readTimeToFirstToken(span, of: batch, attributes)
        identify(&texts)
    }

    private mutating func readWork(
        _ span: SpanRow, of batch: SpanBatch, _ attributes: GenAIAttributes, _ texts: inout TextTable
    ) {
        provider = Self.unquoted(attributes.text(.provider, of: batch, &texts), &texts)
        requestModel = Self.unquoted(attributes.text(.requestModel, of: batch, &texts), &texts)
        responseModel = attributes.text(.responseModel, of: batch, &texts)
        responseID = attributes.hash(.responseID, of: batch)
        conversation = attributes.text(.conversation, of: batch, &texts)
        errorType = attributes.text(.errorType, of: batch, &texts)
        if let row = attributes.row(.finishReasons, of: batch) {
            finishReasons = texts.list(of: row, in: batch)
        } else if let row = attributes.row(.singleFinishReason, of: batch) {
            finishReasons = texts.list(of: [AttributeText.text(batch.value(of: row))])
        }
    }

    /// FNV-1a: checkpoints hold it, so it is the same in every process.
    private static func origin(_ span: SpanRow, of batch: SpanBatch) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in batch.slice(batch.scope(of: span).name) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ 0xFF) &* 0x100_0000_01B3
        for byte in batch.slice(span.name) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }

    // MARK: kind of work

    private static func role(
        _ attributes: GenAIAttributes, of batch: SpanBatch, _ texts: inout TextTable, hasUsage: Bool
    ) -> (Role, operation: TextNumber) {
        let operation = attributes.text(.operation, of: batch, &texts)
        if TextTable.calls.contains(operation.index) { return (.call, operation) }
        if TextTable.aggregates.contains(operation.index) { return (.aggregate, operation) }
        if operation == TextTable.executeTool { return (.tool, operation) }
        if steps.contains(texts.text(operation)) { return (.step, operation) }
        for (fact, vocabulary) in vocabularies where attributes.has(fact) {
            let value = unquoted(attributes.text(fact, of: batch, &texts), &texts)
            guard let known = vocabulary[texts.text(value).lowercased()] else { continue }
            return (known.0, operation.isEmpty ? texts.number(of: known.operation) : operation)
        }
        // Usage without a known kind of work: only a call has any.
        guard hasUsage else { return (.step, operation) }
        return (.call, operation.isEmpty ? TextTable.chat : operation)
    }

    /// Operations that ask no model, though they may say what others used.
    private static let steps: Set = [
        "create_agent", "retrieval", "plan", "fetch_response", "create_memory", "update_memory", "upsert_memory",
        "search_memory", "delete_memory",
    ]

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

    private mutating func readNames(
        _ span: SpanRow, of batch: SpanBatch, _ attributes: GenAIAttributes, _ texts: inout TextTable
    ) {
        agent = attributes.text(.agent, of: batch, &texts)
        tool = attributes.text(.tool, of: batch, &texts)
        func entity(orNameAfter prefix: String) -> TextNumber {
            let entity = attributes.text(.entity, of: batch, &texts)
            return entity.isEmpty ? texts.number(of: Self.name(batch.string(span.name), after: prefix)) : entity
        }
        if agent.isEmpty, role == .aggregate, operation == TextTable.invokeAgent {
            agent = entity(orNameAfter: "invoke_agent ")
        }
        if tool.isEmpty, role == .tool { tool = entity(orNameAfter: "execute_tool ") }
    }

    private static func name(_ text: String, after prefix: String) -> String {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    }

    /// MLflow sends texts as JSON.
    private static func unquoted(_ number: TextNumber, _ texts: inout TextTable) -> TextNumber {
        guard !number.isEmpty else { return number }
        let text = texts.text(number)
        let quote = UInt8(ascii: "\"")
        guard text.utf8.count >= 2, text.utf8.first == quote, text.utf8.last == quote else { return number }
        return texts.number(of: String(text.dropFirst().dropLast()))
    }

    // MARK: tokens and money

    private mutating func readUsage(of batch: SpanBatch, _ attributes: GenAIAttributes) {
        usage.input = attributes.count(.input, of: batch)
        usage.output = attributes.count(.output, of: batch)
        usage.total = attributes.count(.total, of: batch)
        usage.cacheRead = attributes.count(.cacheRead, of: batch)
        usage.cacheWrite = attributes.count(.cacheWrite, of: batch)
        usage.cacheWriteHour = attributes.count(.cacheWriteHour, of: batch)
        usage.reasoning = attributes.count(.reasoning, of: batch)
        usage.audioInput = attributes.count(.audioInput, of: batch)
        usage.audioOutput = attributes.count(.audioOutput, of: batch)
        for fact in [GenAIFact.langfuseUsage, .mlflowUsage] {
            guard let row = attributes.row(fact, of: batch), row.kind == .string else { continue }
            let (sent, isExclusive) = ReportedUsage.reading(json: Array(batch.slice(row.slice)))
            if usage.isEmpty, isExclusive { isInputExclusive = true }
            usage.complete(with: sent)
        }
        reportedCost = attributes.number(.cost, of: batch)
        if reportedCost == nil, let row = attributes.row(.langfuseCost, of: batch), row.kind == .string {
            reportedCost = NumberTree(json: Array(batch.slice(row.slice))).cost
        }
        // A broken number, or 0 for a call that had tokens, says nothing.
        if let cost = reportedCost, !(cost > 0 && cost <= Self.costMax) { reportedCost = nil }
    }

    // MARK: time to first token

    /// US dollars of one call, and seconds to its first token; more is a mistake, and would spoil sums for good.
    private static let costMax = 1e6
    private static let secondsMax = 1e6

    private mutating func readTimeToFirstToken(
        _ span: SpanRow, of batch: SpanBatch, _ attributes: GenAIAttributes
    ) {
        guard role == .call else { return }
        let seconds = Double(durationNanoseconds) / 1e9
        if let sent = attributes.number(.timeToFirstChunk, of: batch), sent >= 0, sent <= Self.secondsMax {
            timeToFirstToken = sent
        } else if let sent = attributes.number(.timeToFirstToken, of: batch), sent >= 0, sent <= Self.secondsMax {
            // Seconds from one library, milliseconds from another: no first token comes after the last.
            timeToFirstToken = sent > seconds ? sent / 1e3 : sent
        } else if let event = batch.events[span.events.indices].first(where: {
            batch.equals($0.name, "First Token Stream Event") && $0.time >= span.startTime
        }) {
            timeToFirstToken = Double(event.time - span.startTime) / 1e9
        }
    }
}
