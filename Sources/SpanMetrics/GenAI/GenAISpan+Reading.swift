import OTLP

extension GenAISpan {
    /// What a span says in the vocabularies; `attributes` has read its attributes.
    ///
    /// - Parameter isScopeInputExclusive: The scope's library leaves cached tokens out of the input.
    convenience init(
        _ span: SpanRow, of batch: SpanBatch, _ attributes: inout GenAIAttributes, isScopeInputExclusive: Bool
    ) {
        self.init()
        spanID = span.spanID
        parentSpanID = span.parentSpanID
        start = span.startTime
        end = max(span.startTime, span.endTime)
        isError = span.isError
        readWork(span, of: batch, &attributes)
        isInputExclusive = isScopeInputExclusive && provider.lowercased().contains("anthropic")
        readUsage(of: batch, &attributes)
        (role, operation) = Self.role(&attributes, of: batch, hasUsage: !usage.isEmpty)
        if role == .call { origin = Self.origin(span, of: batch) }
        readNames(span, of: batch, &attributes)
        readTimeToFirstToken(span, of: batch, &attributes)
    }

    private func readWork(_ span: SpanRow, of batch: SpanBatch, _ attributes: inout GenAIAttributes) {
        provider = Self.unquoted(attributes.text(.provider, of: batch))
        requestModel = Self.unquoted(attributes.text(.requestModel, of: batch))
        responseModel = attributes.text(.responseModel, of: batch)
        responseID = attributes.hash(.responseID, of: batch)
        conversation = attributes.text(.conversation, of: batch)
        errorType = attributes.text(.errorType, of: batch)
        if let row = attributes.row(.finishReasons, of: batch) {
            if case .array(let reasons) = batch.value(of: row) {
                finishReasons = reasons.map(AttributeText.text)
            } else {
                finishReasons = [attributes.text(.finishReasons, of: batch)]
            }
        } else if attributes.row(.singleFinishReason, of: batch) != nil {
            finishReasons = [attributes.text(.singleFinishReason, of: batch)]
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

    private static let calls: Set = ["chat", "text_completion", "generate_content", "embeddings"]
    private static let aggregates: Set = ["invoke_agent", "invoke_workflow"]

    private static func role(
        _ attributes: inout GenAIAttributes, of batch: SpanBatch, hasUsage: Bool
    ) -> (Role, operation: String) {
        let operation = attributes.text(.operation, of: batch)
        if calls.contains(operation) { return (.call, operation) }
        if aggregates.contains(operation) { return (.aggregate, operation) }
        if operation == "execute_tool" { return (.tool, operation) }
        if !operation.isEmpty { return (.step, operation) }
        for (fact, vocabulary) in vocabularies {
            let value = unquoted(attributes.text(fact, of: batch)).lowercased()
            if let known = vocabulary[value] { return known }
        }
        // Usage without a kind of work: only a call has any.
        return hasUsage ? (.call, "chat") : (.step, "")
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

    private func readNames(_ span: SpanRow, of batch: SpanBatch, _ attributes: inout GenAIAttributes) {
        agent = attributes.text(.agent, of: batch)
        tool = attributes.text(.tool, of: batch)
        let entity = attributes.text(.entity, of: batch)
        if agent.isEmpty, role == .aggregate, operation == "invoke_agent" {
            agent = entity.isEmpty ? Self.name(batch.string(span.name), after: "invoke_agent ") : entity
        }
        if tool.isEmpty, role == .tool {
            tool = entity.isEmpty ? Self.name(batch.string(span.name), after: "execute_tool ") : entity
        }
    }

    private static func name(_ text: String, after prefix: String) -> String {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    }

    /// MLflow sends texts as JSON.
    private static func unquoted(_ text: String) -> String {
        guard text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
        return String(text.dropFirst().dropLast())
    }

    // MARK: tokens and money

    private func readUsage(of batch: SpanBatch, _ attributes: inout GenAIAttributes) {
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
            usage.complete(with: ReportedUsage(json: Array(batch.slice(row.slice))))
        }
        reportedCost = attributes.number(.cost, of: batch)
        if reportedCost == nil, let row = attributes.row(.langfuseCost, of: batch), row.kind == .string {
            reportedCost = NumberTree(json: Array(batch.slice(row.slice))).cost
        }
        // A broken number, or 0 for a call that had tokens, says nothing.
        if let cost = reportedCost, !(cost > 0 && cost.isFinite) { reportedCost = nil }
    }

    // MARK: time to first token

    private func readTimeToFirstToken(_ span: SpanRow, of batch: SpanBatch, _ attributes: inout GenAIAttributes) {
        guard role == .call else { return }
        let seconds = Double(durationNanoseconds) / 1e9
        if let sent = attributes.number(.timeToFirstChunk, of: batch), sent >= 0 {
            timeToFirstToken = sent
        } else if let sent = attributes.number(.timeToFirstToken, of: batch), sent >= 0 {
            // Seconds from one library, milliseconds from another: no first token comes after the last.
            timeToFirstToken = sent > seconds ? sent / 1e3 : sent
        } else if let event = batch.events[span.events.indices].first(where: {
            batch.equals($0.name, "First Token Stream Event") && $0.time >= span.startTime
        }) {
            timeToFirstToken = Double(event.time - span.startTime) / 1e9
        }
    }
}
