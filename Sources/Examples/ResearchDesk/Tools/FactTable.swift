import SkeinAgents
import Tracing

/// A table of a database, in spans as those of a database client: `SELECT facts`.
struct FactTable: Sendable {
    private static let query = "SELECT text FROM facts WHERE topic = $1"
    private static let failureShare = 0.04
    private static let rows = [
        "known": ["Two reviews cover the subject."], "against": ["Critics point to small samples."],
        "changed": ["The rules changed last year.", "Prices fell since."], "cost": ["Half of the cost is labour."],
        "tried": ["Three towns have tried it."], "measured": ["It is measured once a year."],
    ]

    /// What a query is about; empty where the table has nothing on it.
    static func topic(of query: String) -> String {
        rows.keys.sorted().first(where: query.contains) ?? ""
    }

    /// What the rows say, without a query.
    static func facts(on topic: String) -> [String] { rows[topic] ?? [] }

    /// - Throws: ``DatabaseFailure``, on some seeds.
    func select(topic: String, seed: Int) async throws -> [String] {
        try await withSpan("SELECT facts", ofKind: .client) { span in
            span.updateAttributes { attributes in
                attributes[DatabaseAttributes.systemName.name] = "postgresql"
                attributes[DatabaseAttributes.namespace.name] = "desk|public"
                attributes[DatabaseAttributes.collectionName.name] = "facts"
                attributes[DatabaseAttributes.operationName.name] = "SELECT"
                attributes[DatabaseAttributes.querySummary.name] = "SELECT facts"
                attributes[DatabaseAttributes.queryText.name] = Self.query
            }
            var random = SeededRandom(seed, "facts", topic)
            try await Task.sleep(for: random.duration(medianMilliseconds: 24))
            guard !random.happens(Self.failureShare) else {
                let failure = DatabaseFailure.statementTimeout
                span.attributes[DatabaseAttributes.responseStatusCode.name] = failure.code
                span.attributes[ErrorAttributes.errorType.name] = failure.errorType
                span.setStatus(SpanStatus(code: .error, message: failure.description))
                throw failure
            }
            let facts = Self.facts(on: topic)
            span.attributes[DatabaseAttributes.responseReturnedRows.name] = facts.count
            return facts
        }
    }
}

/// Why a query has no result.
struct DatabaseFailure: ErrorTypeProviding, CustomStringConvertible {
    /// The code of PostgreSQL for a statement that took too long.
    static let statementTimeout = DatabaseFailure(code: "57014", description: "the statement took too long")

    let code: String
    let description: String

    var errorType: String { code }
}
