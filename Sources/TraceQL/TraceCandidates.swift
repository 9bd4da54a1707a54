import OTLP

/// Traces that may belong to an answer.
struct TraceCandidates {
    struct Candidate {
        var id: TraceID
        /// The earliest start of a matched span.
        var start: UInt64
        /// Some of the matched spans, where they are kept.
        var spans: [SpanID] = []
        /// All matched spans.
        var matched = 0
    }

    private let countMax: Int
    private var candidates: [TraceID: Candidate] = [:]
    private(set) var hasForgotten = false

    init(countMax: Int) {
        self.countMax = countMax
    }

    var isEmpty: Bool { candidates.isEmpty }

    /// Takes note of a matched span; its id is kept while its trace has fewer than `spansMax` of them.
    mutating func add(_ id: TraceID, start: UInt64, span: SpanID, spansMax: Int) {
        candidates[id, default: Candidate(id: id, start: start)].add(start, span, spansMax)
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
    fileprivate mutating func add(_ spanStart: UInt64, _ span: SpanID, _ spansMax: Int) {
        start = min(start, spanStart)
        matched += 1
        if spans.count < spansMax { spans.append(span) }
    }

    fileprivate func merged(_ other: Self) -> Self {
        .init(id: id, start: min(start, other.start), spans: spans, matched: matched + other.matched)
    }
}
