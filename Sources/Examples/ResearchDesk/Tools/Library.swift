import SkeinAgents

/// The documents of the desk, searched by meaning.
struct Library: Sendable {
    private static let failureShare = 0.08
    private static let documentsMax = 3

    /// What the documents that fit best say.
    ///
    /// - Throws: ``ToolFailure``, on some seeds.
    func documents(on query: String, seed: Int) async throws -> String {
        let request = RetrievalRequest(dataSourceID: "papers", topK: Double(Self.documentsMax))
        return try await withRetrieval(request) { retrieval in
            retrieval.recordQuery(query)
            var random = SeededRandom(seed, "papers", query)
            try await Task.sleep(for: random.duration(medianMilliseconds: 220))
            guard !random.happens(Self.failureShare) else {
                throw ToolFailure(errorType: "timeout", reason: "the library did not answer in time")
            }
            let documents = (0..<Int.random(in: 1...Self.documentsMax, using: &random)).map { place in
                RetrievedDocument(
                    id: "paper-\(Int.random(in: 100...999, using: &random))", score: 0.9 - 0.1 * Double(place))
            }
            retrieval.recordDocuments(documents)
            return documents.map(\.id).joined(separator: ", ")
        }
    }
}
