import OTLP

/// Traces that may belong to an answer.
struct TraceCandidates {
    struct Candidate {
        var id: TraceID
        /// The earliest start of a matched span.
        var start: UInt64
    }

    private let countMax: Int
    private var candidates: [TraceID: Candidate] = [:]
    private(set) var hasForgotten = false

    init(countMax: Int) {
        self.countMax = countMax
    }

    var isEmpty: Bool { candidates.isEmpty }

    /// How many have no matched span that starts before this.
    func count(from start: UInt64) -> Int { candidates.values.count { $0.start >= start } }

    var count: Int { candidates.count }

    /// Takes note of a matched span.
    mutating func add(_ id: TraceID, start: UInt64) {
        let known = candidates[id]?.start ?? .max
        if start < known || candidates[id] == nil { candidates[id] = Candidate(id: id, start: min(start, known)) }
        // Half again as many before the oldest go, so that forgetting costs little a span.
        if candidates.count > countMax + countMax / 2 { forgetOldest() }
    }

    private mutating func forgetOldest() {
        hasForgotten = true
        let kept = newestFirst().prefix(countMax)
        candidates = Dictionary(uniqueKeysWithValues: kept.map { ($0.id, $0) })
    }

    func newestFirst() -> [Candidate] {
        candidates.values.sorted { ($1.start, $0.id) < ($0.start, $1.id) }
    }

    func intersection(_ other: TraceCandidates) -> TraceCandidates {
        var result = self
        result.candidates = candidates.compactMapValues { candidate in
            other.candidates[candidate.id].map { candidate.merged($0) }
        }
        return result
    }

    func union(_ other: TraceCandidates) -> TraceCandidates {
        var result = self
        result.candidates.merge(other.candidates) { $0.merged($1) }
        return result
    }
}

extension TraceCandidates.Candidate {
    fileprivate func merged(_ other: Self) -> Self { .init(id: id, start: min(start, other.start)) }
}
