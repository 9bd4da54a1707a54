import Synchronization

/// What the collector counts about itself, served on 8888 in the names of the OpenTelemetry Collector where it has them.
///
/// Counters are made once, kept by who counts and added to without a lock. Gauges are read when somebody asks.
package final class SelfMetrics: Sendable {
    /// A number that only grows.
    package final class Counter: Sendable {
        private let storage = Atomic<UInt64>(0)

        package func add(_ amount: Int) {
            storage.add(UInt64(max(0, amount)), ordering: .relaxed)
        }

        package var value: UInt64 { storage.load(ordering: .relaxed) }
    }

    package struct Labels: Hashable, Sendable, ExpressibleByDictionaryLiteral {
        package let pairs: [Pair]

        package struct Pair: Hashable, Sendable {
            package let name: String
            package let value: String
        }

        package init(_ pairs: [Pair]) {
            self.pairs = pairs
        }

        package init(dictionaryLiteral elements: (String, String)...) {
            pairs = elements.map { Pair(name: $0.0, value: $0.1) }
        }
    }

    package enum Kind: Sendable { case counter, gauge }

    /// One value of a family.
    package struct Sample: Sendable {
        package let labels: Labels
        package let value: Double

        package init(_ value: Double, _ labels: Labels = [:]) {
            self.labels = labels
            self.value = value
        }
    }

    /// A metric with all its label sets.
    package struct Family: Sendable {
        package let name: String
        package let help: String
        package let kind: Kind
        package var samples: [Sample]
    }

    private struct Source: Sendable {
        let name: String
        let help: String
        let kind: Kind
        var counters: [(labels: Labels, counter: Counter)] = []
        var readings: [(owner: Labels, read: @Sendable () -> [Sample])] = []
    }

    private let sources = Mutex<[Source]>([])

    package init() {}

    /// The counter of this name and these labels; the same one for the same arguments.
    package func counter(_ name: String, _ help: String, _ labels: Labels = [:]) -> Counter {
        sources.withLock { sources in
            let index = Self.index(of: name, help, .counter, in: &sources)
            if let present = sources[index].counters.first(where: { $0.labels == labels }) { return present.counter }
            let counter = Counter()
            sources[index].counters.append((labels, counter))
            return counter
        }
    }

    /// Values that `read` gives when the metrics are asked for; it must be quick and safe from any thread.
    ///
    /// - Parameter owner: Whose values they are; another reading of the same name and owner takes this one's place.
    package func observe(
        _ name: String, _ help: String, _ kind: Kind = .gauge, of owner: Labels = [:],
        _ read: @escaping @Sendable () -> [Sample]
    ) {
        sources.withLock { sources in
            let index = Self.index(of: name, help, kind, in: &sources)
            if !owner.pairs.isEmpty { sources[index].readings.removeAll { $0.owner == owner } }
            sources[index].readings.append((owner, read))
        }
    }

    /// Forgets what an owner read, and counters that have all of its labels.
    ///
    /// - Parameter names: Those that stay.
    package func remove(_ owner: Labels, keeping names: Set<String>) {
        sources.withLock { sources in
            for index in sources.indices where !names.contains(sources[index].name) {
                sources[index].readings.removeAll { $0.owner == owner }
                sources[index].counters.removeAll { Set(owner.pairs).isSubset(of: $0.labels.pairs) }
            }
        }
    }

    /// Whether something of this name is shown.
    package func has(_ name: String) -> Bool { sources.withLock { $0.contains { $0.name == name } } }

    /// All families in the order in which they were first named.
    package func families() -> [Family] {
        let sources = sources.withLock { $0 }
        return sources.map { source in
            var samples = source.counters.map { Sample(Double($0.counter.value), $0.labels) }
            for reading in source.readings { samples += reading.read() }
            return Family(name: source.name, help: source.help, kind: source.kind, samples: samples)
        }
    }

    private static func index(of name: String, _ help: String, _ kind: Kind, in sources: inout [Source]) -> Int {
        if let index = sources.firstIndex(where: { $0.name == name }) { return index }
        sources.append(Source(name: name, help: help, kind: kind))
        return sources.count - 1
    }
}
