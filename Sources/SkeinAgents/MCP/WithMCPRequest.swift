import ContextBaggage
import ServiceContextModule
import Tracing

/// Sends an MCP request in a client span `{method} {tool or prompt}`.
///
/// ```swift
/// let request = MCPRequest(method: MCPAttributes.Method.callTool, toolName: "get-weather", requestID: "7")
/// let result = try await withMCPRequest(request) { mcp in
///     try await connection.send("tools/call", params: mcp.addingMetadata(toParams: params))
/// }
/// ```
/// What is in baggage goes to the server too.
/// - Parameter tracer: nil means the process's tracer, and its instrument for the metadata.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled request is marked
///   `skein.cancelled` and is no error.
public func withMCPRequest<Result>(
    _ request: MCPRequest, tracer: (any Tracer)? = nil, isolation: isolated (any Actor)? = #isolation,
    _ operation: (MCPSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        request.spanName, kind: .client, tracer: tracer, isolation: isolation, prepare: request.record
    ) { recorder in
        let instrument: any Instrument = tracer ?? InstrumentationSystem.instrument
        var metadata: [String: String] = [:]
        instrument.inject(recorder.span.context, into: &metadata, using: MCPMetadata.MetadataInjector())
        return try await operation(MCPSpan(recorder: recorder, metadata: metadata))
    }
}

/// Answers an MCP request in a server span `{method} {tool or prompt}`, a child of the client's span as the metadata
/// names it. The span that is current here, such as that of the HTTP request, is linked; without metadata it is the
/// parent.
///
/// - Parameters:
///   - metadata: the texts of `params._meta`; see ``MCPMetadata/read(params:)``.
///   - tracer: nil means the process's tracer, and its instrument for the metadata.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled request is marked
///   `skein.cancelled` and is no error.
public func withMCPServerRequest<Result>(
    _ request: MCPRequest, metadata: [String: String], tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ operation: (MCPSpan) async throws -> Result
) async rethrows -> Result {
    let instrument: any Instrument = tracer ?? InstrumentationSystem.instrument
    let ambient = ServiceContext.current
    var context = ambient ?? .topLevel
    instrument.extract(metadata, into: &context, using: MCPMetadata.MetadataExtractor())
    let link = ambient.flatMap { hasSpan(metadata, instrument) ? $0 : nil }
    return try await withRecordedSpan(
        request.spanName, kind: .server, tracer: tracer, parent: context, isolation: isolation
    ) { recorder in
        request.record(on: recorder)
        if let link { recorder.span.addLink(SpanLink(context: link, attributes: [:])) }
    } operation: { recorder in
        try await operation(MCPSpan(recorder: recorder, metadata: [:]))
    }
}

/// Whether the metadata has more than baggage. What an instrument makes of a trace's headers only it knows, but it is
/// something.
private func hasSpan(_ metadata: [String: String], _ instrument: any Instrument) -> Bool {
    var context = ServiceContext.topLevel
    instrument.extract(metadata, into: &context, using: MCPMetadata.MetadataExtractor())
    context.baggage = nil
    return !context.isEmpty
}
