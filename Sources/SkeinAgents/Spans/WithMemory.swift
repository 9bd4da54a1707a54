import OTLP
import SemanticConventions
import Tracing

/// What is done to an agent's memory.
public enum MemoryOperation: Sendable, CaseIterable {
    /// Adds records.
    case create
    /// Changes records that are there.
    case update
    /// Adds or changes, as the memory sees fit.
    case upsert
    /// Looks for records.
    case search
    /// Removes one record, or all of a store when none is named.
    case delete

    /// The value of `gen_ai.operation.name`.
    public var name: String {
        switch self {
        case .create: GenAI.Operation.createMemory
        case .update: GenAI.Operation.updateMemory
        case .upsert: GenAI.Operation.upsertMemory
        case .search: GenAI.Operation.searchMemory
        case .delete: GenAI.Operation.deleteMemory
        }
    }
}

/// A record of a memory.
public struct MemoryRecord: Sendable, Equatable {
    /// Its id.
    public var id: String?
    /// What it says: JSON text; other text is recorded as a string.
    public var content: String
    /// How well it fits what was searched for.
    public var score: Double?

    /// A record.
    public init(id: String? = nil, content: String, score: Double? = nil) {
        self.id = id
        self.content = content
        self.score = score
    }

    static func json(_ records: [MemoryRecord]) -> String {
        var json = JSONWriter()
        json.array { json in
            for record in records {
                json.object { json in
                    json.key("content")
                    json.json(record.content)
                    if let id = record.id { json.string("id", id) }
                    if let score = record.score { json.double("score", score) }
                }
            }
        }
        return json.takeText()
    }
}

/// The span of a memory operation.
public struct MemorySpan: OperationSpan {
    let recorder: AttributeRecorder

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }

    /// Records what is searched for where ``ContentCapture`` is on; else it is not evaluated.
    public func recordQuery(_ text: @autoclosure () -> String) {
        recorder.record(.memoryQuery, text)
    }

    /// Records how many records were stored, found or deleted.
    public func recordCount(_ count: Int) {
        recorder.set(GenAI.memoryRecordCount, count)
    }

    /// Records how many records were stored or found, and the records where ``ContentCapture`` is on.
    public func recordRecords(_ records: [MemoryRecord]) {
        recordCount(records.count)
        recorder.record(.memoryRecords) { MemoryRecord.json(records) }
    }
}

/// Runs a memory operation in a client span named after it, such as `search_memory`.
///
/// - Parameters:
///   - storeID: the memory store.
///   - recordID: the one record that the operation is about.
///   - provider: who serves the memory.
///   - kind: `.internal` for a memory in this process.
///   - tracer: nil means the process's tracer.
/// - Throws: what `body` throws, recorded as `error.type`, an event and the status; a cancelled operation is marked
///   `skein.cancelled` and is no error.
public func withMemory<Result>(
    _ operation: MemoryOperation, storeID: String? = nil, recordID: String? = nil, provider: String? = nil,
    kind: SpanKind = .client, tracer: (any Tracer)? = nil, isolation: isolated (any Actor)? = #isolation,
    _ body: (MemorySpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(operation.name, kind: kind, tracer: tracer, isolation: isolation) { recorder in
        recorder.set(GenAI.operationName, operation.name)
        recorder.set(GenAI.memoryStoreID, storeID)
        recorder.set(GenAI.memoryRecordID, recordID)
        recorder.set(GenAI.providerName, provider)
    } operation: { recorder in
        try await body(MemorySpan(recorder: recorder))
    }
}
