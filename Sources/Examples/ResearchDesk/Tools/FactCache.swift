import SkeinAgents
import Synchronization

/// Facts that were looked up before. Whether it knew is on its span, as `cache.hit`.
final class FactCache: Sendable {
    /// Topics; further ones are looked up each time.
    private static let topicsMax = 64

    private let table: FactTable
    private let topics: Mutex<[String: [String]]>

    /// - Parameter known: the topics that it knows from the start.
    init(_ table: FactTable, known: [String] = []) {
        self.table = table
        topics = Mutex(Dictionary(uniqueKeysWithValues: known.map { ($0, FactTable.facts(on: $0)) }))
    }

    /// - Throws: ``DatabaseFailure``.
    func facts(on query: String, seed: Int) async throws -> [String] {
        let topic = FactTable.topic(of: query)
        if let known = await search(topic) { return known }
        let facts = try await table.select(topic: topic, seed: seed)
        topics.withLock { if $0.count < Self.topicsMax { $0[topic] = facts } }
        return facts
    }

    private func search(_ topic: String) async -> [String]? {
        await withMemory(.search, storeID: "facts", kind: .internal) { memory in
            memory.recordQuery(topic)
            let known = topics.withLock { $0[topic] }
            memory.span.attributes["cache.hit"] = known != nil
            memory.recordRecords((known ?? []).map { MemoryRecord(content: $0) })
            return known
        }
    }
}
