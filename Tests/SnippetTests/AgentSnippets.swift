import SkeinAgents
import Tracing

private struct Research {
    func research(_ question: String) async throws -> String {
        try await withAgent("researcher", provider: GenAI.Provider.openAI, conversationID: "c-17") { agent in
            let papers = try await withTool("search_papers", callID: "call_1", type: "function") { tool in
                tool.span.attributes["index.shard"] = "eu-1"
                return try await search(question)
            }
            let request = ModelRequest(model: "gpt-5", provider: GenAI.Provider.openAI, maxTokens: 512)
            return try await withModelCall(request) { call in
                let answer = try await complete(question, papers)
                call.recordResponse(
                    id: answer.id, model: answer.model, finishReasons: ["stop"],
                    usage: TokenUsage(inputTokens: answer.inputTokens, outputTokens: answer.outputTokens))
                return answer.text
            }
        }
    }
}

private func handOff() async throws {
    let handOff = try await withAgent("planner") { planner in
        try await plan()
        return planner.handOff()
    }
    try await withAgent("writer", handedOffBy: handOff) { _ in
        try await write()
    }
}

private func settings() async throws {
    var request = ModelRequest(
        model: "claude-sonnet-4-5", provider: GenAI.Provider.anthropic, maxTokens: 1_024, temperature: 0.2)
    request.promptName = "summary"
    request.promptVersion = "7"
    request.serverAddress = "api.anthropic.com"
    _ = request
}

private func operations() async throws {
    try await withWorkflow("weekly-report", conversationID: "c-17") { _ in
        let embedding = EmbeddingRequest(model: "text-embedding-3-small", provider: GenAI.Provider.openAI)
        try await withEmbedding(embedding) { call in
            try await handle()
            call.recordResponse(inputTokens: 12, dimensionCount: 1_536)
        }
        try await withRetrieval(RetrievalRequest(dataSourceID: "papers", topK: 5)) { retrieval in
            retrieval.recordQuery(question)
            try await handle()
            retrieval.recordDocuments([RetrievedDocument(id: "p-81", score: 0.92)])
        }
        try await withMemory(.search, storeID: "preferences") { memory in
            try await handle()
            memory.recordRecords([MemoryRecord(id: "m-3", content: "prefers short answers")])
        }
    }
}

private func response() async throws {
    let body = try await withModelCall(request) { call in
        let body = try await client.post(prompt, to: "gpt-5")
        let response = try ModelResponse(body: body, format: .openAIChat)
        call.recordResponse(response)
        if let error = response.error { throw error }
        return body
    }
    _ = body
}

private func stream() async throws {
    let stream = try await withStreamedModelCall(request, reading: .anthropicMessages) { _ in
        try await client.stream(prompt)
    }
    for try await chunk in stream { show(chunk) }
}

private func streamInside() async throws {
    try await withModelCall(request) { call in
        for try await chunk in call.recordingChunks(of: try await client.stream(prompt), chunkEventsMax: 20) {
            show(chunk)
        }
    }
}

private func evaluate() async throws {
    try await withModelCall(request) { call in
        let answer = try await client.complete(prompt)
        call.recordResponse(id: answer.id)
        call.recordEvaluation(Evaluation("groundedness", score: 0.91, label: "pass"))
    }
}

private func content() async throws {
    ContentCapture.configure(
        ContentCapture(isEnabled: true, bytesMax: 8_192) { kind, text in
            kind == .toolResult ? nil : text.replacing(/[0-9]{16}/, with: "[card]")
        })

    try await withModelCall(request) { call in
        call.recordSystemInstructions("Answer in one sentence.")
        call.recordInput([ChatMessage(role: "user", question)])
        let answer = try await client.complete(question)
        call.recordOutput([ChatMessage(role: "assistant", answer.text, finishReason: "stop")])
    }

    try await withContentCapture(ContentCapture(isEnabled: true)) {
        try await handle()
    }
}

private func attribution() async throws {
    try await withAttribution(user: "u-17", department: "research", conversation: "c-17") {
        try await withAgent("planner") { _ in try await plan() }
    }
}

private func experiment() async throws {
    let tone = try Experiment("prompt-tone", variants: [("plain", 90), ("warm", 10)])
    let text = try await withExperiment(tone, unit: userID) { variant in
        try await answer(question, isWarm: variant == "warm")
    }
    _ = text
}

extension HTTPStatusError: ErrorClassifying, ErrorTypeProviding {
    var errorClass: ErrorClass { ErrorClass(httpStatus: status) }
    var errorType: String { "\(status)" }
}

private func retry() async throws {
    let answer = try await withModelCall(request) { call in
        try await withRetry(RetryPolicy(attemptsMax: 5), recordingOn: call.span) { _ in
            try await client.complete(prompt)
        }
    }
    _ = answer
}

private func fallback() async throws {
    let requests = [
        ModelRequest(model: "gpt-5", provider: GenAI.Provider.openAI),
        ModelRequest(model: "claude-sonnet-4-5", provider: GenAI.Provider.anthropic),
    ]
    let answer = try await withFallback(requests) { request in
        try await withModelCall(request) { _ in try await client.complete(prompt) }
    }
    _ = answer
}

private func callTool() async throws {
    let request = MCPRequest(method: MCPAttributes.Method.callTool, toolName: "get-weather", requestID: "7")
    let result = try await withMCPRequest(request) { mcp in
        try await connection.send("tools/call", params: mcp.addingMetadata(toParams: params))
    }
    _ = result
}

private func serveTool() async throws {
    let metadata = MCPMetadata.read(params: params)
    let request = MCPRequest(method: MCPAttributes.Method.callTool, toolName: "get-weather", requestID: requestID)
    let result = try await withMCPServerRequest(request, metadata: metadata) { mcp in
        mcp.recordArguments(params)
        return try await forecast(params)
    }
    _ = result
}
