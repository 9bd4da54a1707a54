import OTLP
import TraceStorage

/// What was counted of a trace that is forgotten: the spans above its calls had not arrived, and may repeat their sum.
struct SettledUsage: Hashable, Sendable {
    var input: UInt64 = 0
    var output: UInt64 = 0
    /// The spans that were missed right above calls whose tokens are known: where one of them is a call, it is the same.
    var parents: [SpanID] = []

    /// Parents of one trace that are kept.
    static let parentsMax = 16

    var isEmpty: Bool { input == 0 && output == 0 }

    mutating func add(_ usage: TokenUsage) {
        input.addClamped(usage.input)
        output.addClamped(usage.output)
    }

    mutating func add(_ parent: SpanID) {
        guard parent != .invalid, parents.count < Self.parentsMax, !parents.contains(parent) else { return }
        parents.append(parent)
    }

    mutating func add(_ other: SettledUsage) {
        input.addClamped(other.input)
        output.addClamped(other.output)
        for parent in other.parents { add(parent) }
    }
}

/// What was counted of traces that are forgotten, by trace.
struct SettledTraces: Sendable {
    /// Of some hundred bytes each. Past it the oldest go: a sum that comes later is then taken for usage of its own.
    private static let tracesMax = 8_192

    private(set) var traces: [TraceKey: SettledUsage] = [:]
    /// In the order in which they were put in; those that are gone are passed over.
    private var order: [TraceKey] = []
    private var first = 0

    mutating func take(_ key: TraceKey) -> SettledUsage? {
        traces.isEmpty ? nil : traces.removeValue(forKey: key)
    }

    mutating func put(_ key: TraceKey, _ usage: SettledUsage) {
        guard !usage.isEmpty else { return }
        if traces.updateValue(usage, forKey: key) == nil { order.append(key) }
        while traces.count > Self.tracesMax, first < order.count {
            traces[order[first]] = nil
            first += 1
        }
        // Traces that were taken again leave their names behind.
        if order.count - first > Self.tracesMax * 4 {
            var seen: Set<TraceKey> = []
            order = order[first...].filter { traces[$0] != nil && seen.insert($0).inserted }
            first = 0
        } else if first > Self.tracesMax {
            order.removeFirst(first)
            first = 0
        }
    }

    /// All of them, the oldest first.
    var all: [(key: TraceKey, usage: SettledUsage)] {
        var seen: Set<TraceKey> = []
        return order[first...].compactMap { key in
            guard let usage = traces[key], seen.insert(key).inserted else { return nil }
            return (key, usage)
        }
    }
}
