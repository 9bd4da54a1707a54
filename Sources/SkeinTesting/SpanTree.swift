import OTLP
import Skein

/// Spans as the trees that their parents make of them.
///
/// ```swift
/// #expect(
///     SpanTree(exporter.spans).outline == """
///         invoke_agent researcher
///           chat gpt-5
///           execute_tool search
///         """)
/// ```
///
/// Printed, as in the message of a test that fails, it shows every span with its kind, status and attributes.
public struct SpanTree: Sendable, Equatable, CustomStringConvertible {
    /// A span and those below it.
    public struct Node: Sendable, Equatable {
        /// The span.
        public var span: RecordedSpan
        /// Those that have it as their parent, in the order in which they began.
        public var children: [Node]

        /// A span with those below it.
        public init(_ span: RecordedSpan, children: [Node] = []) {
            self.span = span
            self.children = children
        }

        /// This span and all below it, each before its children.
        public var spans: [RecordedSpan] { [span] + children.flatMap(\.spans) }
    }

    /// Levels of a tree; spans below them stand as roots of their own.
    static let depthMax = 512

    /// Spans without a parent, and those whose parent is not among the spans, in the order in which they began.
    public var roots: [Node]

    /// Trees of the given roots.
    public init(roots: [Node]) {
        self.roots = roots
    }

    /// The trees that `spans` make, each span standing once. Spans that began at the same time keep their order.
    public init(_ spans: [RecordedSpan]) {
        var builder = SpanTreeBuilder(spans)
        roots = builder.roots()
    }

    /// All spans, each before its children.
    public var spans: [RecordedSpan] { roots.flatMap(\.spans) }

    /// The names alone, one a line, two spaces for each level.
    public var outline: String {
        lines { [$0.name] }.joined(separator: "\n")
    }

    /// Every span with its kind, status and attributes.
    public var description: String {
        lines { span in
            let attributes = span.attributes.sorted { $0.key < $1.key }.map { "  \($0.key) = \($0.value)" }
            let events = span.events.map { "  event \($0.name)" }
            return ["\(span.name) [\(span.summary)]"] + attributes + events
        }.joined(separator: "\n")
    }

    private func lines(_ describe: (RecordedSpan) -> [String]) -> [String] {
        func lines(_ node: Node, _ level: Int) -> [String] {
            let indent = String(repeating: "  ", count: level)
            return describe(node.span).map { indent + $0 } + node.children.flatMap { lines($0, level + 1) }
        }
        return roots.flatMap { lines($0, 0) }
    }
}

extension SpanTree {
    /// One line for each difference from the expected trees, given by their roots; empty when all is as expected.
    ///
    /// Expectations and spans are compared in order. Where an expectation leaves `children` open, whatever is below its
    /// span is right.
    public func mismatches(_ expected: [SpanExpectation]) -> [String] {
        Self.mismatches(roots, expected, below: nil)
    }

    private static func mismatches(
        _ nodes: [Node], _ expected: [SpanExpectation], below parent: String?
    ) -> [String] {
        var lines: [String] = []
        if nodes.count != expected.count {
            let names = nodes.map { "'\($0.span.name)'" }.joined(separator: ", ")
            let what = nodes.count == 1 ? "1 span" : "\(nodes.count) spans"
            lines.append("\(parent ?? "roots"): \(what) (\(names)), expected \(expected.count)")
        }
        for (node, expectation) in zip(nodes, expected) {
            let place = (parent.map { "\($0) > " } ?? "") + node.span.name
            lines += expectation.mismatches(in: node.span).map { "\(place): \($0)" }
            if let children = expectation.children {
                lines += mismatches(node.children, children, below: place)
            }
        }
        return lines
    }
}

extension RecordedSpan {
    /// Kind and status in a few words.
    fileprivate var summary: String {
        let kind = kind.map { "\($0)" } ?? "no kind"
        return switch status {
        case .unset: kind
        case .ok: "\(kind), ok"
        case .error(let message): message.isEmpty ? "\(kind), error" : "\(kind), error: \(message)"
        }
    }
}

/// Puts spans below their parents. Spans that are their own ancestors, which only broken ids can make, end as roots.
private struct SpanTreeBuilder {
    private struct Key: Hashable {
        let traceID: TraceID
        let spanID: SpanID
    }

    private let spans: [RecordedSpan]
    private var children: [Key: [Int]] = [:]
    private var isPlaced: [Bool]

    init(_ spans: [RecordedSpan]) {
        // Sorting is stable by the second criterion.
        let order = spans.indices.sorted { a, b in
            let (first, second) = (spans[a].startNanoseconds, spans[b].startNanoseconds)
            return first != second ? first < second : a < b
        }
        self.spans = order.map { spans[$0] }
        isPlaced = Array(repeating: false, count: spans.count)
        for (index, span) in self.spans.enumerated() where span.parentSpanID.isValid {
            children[Key(traceID: span.traceID, spanID: span.parentSpanID), default: []].append(index)
        }
    }

    mutating func roots() -> [SpanTree.Node] {
        let known = Set(spans.map { Key(traceID: $0.traceID, spanID: $0.spanID) })
        var roots: [SpanTree.Node] = []
        for (index, span) in spans.enumerated()
        where !span.parentSpanID.isValid || !known.contains(Key(traceID: span.traceID, spanID: span.parentSpanID)) {
            roots.append(node(index, depth: 1))
        }
        // What is left hangs in a circle, or too deep.
        for index in spans.indices where !isPlaced[index] { roots.append(node(index, depth: 1)) }
        return roots
    }

    private mutating func node(_ index: Int, depth: Int) -> SpanTree.Node {
        isPlaced[index] = true
        let span = spans[index]
        var below: [SpanTree.Node] = []
        if depth < SpanTree.depthMax {
            for child in children[Key(traceID: span.traceID, spanID: span.spanID)] ?? [] where !isPlaced[child] {
                below.append(node(child, depth: depth + 1))
            }
        }
        return SpanTree.Node(span, children: below)
    }
}
