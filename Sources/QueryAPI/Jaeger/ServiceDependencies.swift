import OTLP
import TraceStorage

/// Which service calls which, found by joining spans with their parents.
enum ServiceDependencies {
    struct Link: Hashable, Sendable {
        let parent: String
        let child: String
        var callCount: Int
    }

    /// Spans that one question may look at, about 60 bytes each while it runs; more are 413.
    static let spansMax = 2_000_000

    private struct SpanKey: Hashable {
        let trace: TraceID
        let span: SpanID
    }

    private struct Child {
        let parent: SpanKey
        let service: Int
    }

    private struct Pair: Hashable {
        let parent: Int
        let child: Int
    }

    /// The calls between different services whose child span starts in the range, by name. A child whose parent does
    /// not start in the range as well is not counted.
    static func links(
        in range: TimeRange, of store: any TraceReader, context: QueryContext
    ) throws(StorageError) -> [Link] {
        var names: [String] = []
        var numbers: [String: Int] = [:]
        var serviceOfSpan: [SpanKey: Int] = [:]
        var children: [Child] = []
        let plan = ScanPlan(
            range: range, predicate: .exists(.serviceName), fields: [.traceID, .spanID, .parentSpanID, .serviceName])
        try store.scan(plan, context: context) { rows in
            for row in 0..<rows.count {
                guard case .traceID(let trace) = rows.columns[0][row], case .spanID(let span) = rows.columns[1][row],
                    case .string(let name) = rows.columns[3][row]
                else { continue }
                let service = numbers[name] ?? names.count
                if service == names.count {
                    names.append(name)
                    numbers[name] = service
                }
                serviceOfSpan[SpanKey(trace: trace, span: span)] = service
                if case .spanID(let parent) = rows.columns[2][row] {
                    children.append(Child(parent: SpanKey(trace: trace, span: parent), service: service))
                }
            }
            return serviceOfSpan.count <= spansMax
        }
        guard serviceOfSpan.count <= spansMax else {
            throw .limitExceeded(message: "more than \(spansMax) spans in the range, expected a shorter lookback")
        }
        var counts: [Pair: Int] = [:]
        for child in children {
            guard let parent = serviceOfSpan[child.parent], parent != child.service else { continue }
            counts[Pair(parent: parent, child: child.service), default: 0] += 1
        }
        return counts.map { Link(parent: names[$0.parent], child: names[$0.child], callCount: $1) }
            .sorted { ($0.parent, $0.child) < ($1.parent, $1.child) }
    }
}
