import Insight
import OTLP
import Testing
import TraceFixtures

@Suite struct CriticalPathTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var spans: [SpanFixture]
        /// Span id and the time after 1 s.
        var path: [(UInt64, ClosedRange<UInt64>)]
    }

    static let cases: [Case] = [
        Case(testDescription: "a span alone", spans: [span(1, 0, 0...100)], path: [(1, 0...100)]),
        Case(
            testDescription: "one after the other, with gaps",
            spans: [span(1, 0, 0...100), span(2, 1, 10...40), span(3, 1, 50...90)],
            path: [(1, 0...10), (2, 10...40), (1, 40...50), (3, 50...90), (1, 90...100)]),
        Case(
            testDescription: "parallel: the last to finish counts",
            spans: [span(1, 0, 0...100), span(2, 1, 10...60), span(3, 1, 10...90), span(4, 1, 10...30)],
            path: [(1, 0...10), (3, 10...90), (1, 90...100)]),
        Case(
            testDescription: "parallel in two rounds",
            spans: [
                span(1, 0, 0...100), span(2, 1, 0...30), span(3, 1, 0...50), span(4, 1, 50...70), span(5, 1, 50...100),
            ],
            path: [(3, 0...50), (5, 50...100)]),
        Case(
            testDescription: "what overlaps the path is passed over",
            spans: [span(1, 0, 0...100), span(2, 1, 0...60), span(3, 1, 50...100)],
            path: [(1, 0...50), (3, 50...100)]),
        Case(
            testDescription: "grandchildren",
            spans: [span(1, 0, 0...100), span(2, 1, 20...80), span(3, 2, 30...70), span(4, 3, 40...50)],
            path: [(1, 0...20), (2, 20...30), (3, 30...40), (4, 40...50), (3, 50...70), (2, 70...80), (1, 80...100)]),
        Case(
            testDescription: "a child that outlives its parent is cut",
            spans: [span(1, 0, 0...100), span(2, 1, 80...500), span(3, 2, 90...400)],
            path: [(1, 0...80), (2, 80...90), (3, 90...100)]),
        Case(
            testDescription: "async work that starts after the parent's end does not count",
            spans: [span(1, 0, 0...100), span(2, 1, 150...300), span(3, 1, 20...40)],
            path: [(1, 0...20), (3, 20...40), (1, 40...100)]),
        Case(
            testDescription: "a skewed clock: the child starts before its parent",
            spans: [span(1, 0, 100...200), span(2, 1, 50...150), span(3, 2, 60...110)],
            path: [(3, 100...110), (2, 110...150), (1, 150...200)]),
        Case(
            testDescription: "a skewed clock: the child lies outside",
            spans: [span(1, 0, 100...200), span(2, 1, 0...50)], path: [(1, 100...200)]),
        Case(
            testDescription: "spans without duration are not on it",
            spans: [span(1, 0, 0...100), span(2, 1, 50...50)], path: [(1, 0...100)]),
        Case(
            testDescription: "of two that finish at once the longer",
            spans: [span(1, 0, 0...100), span(2, 1, 40...90), span(3, 1, 10...90)],
            path: [(1, 0...10), (3, 10...90), (1, 90...100)]),
    ]

    @Test(arguments: cases)
    func handMade(_ test: Case) throws {
        let tree = TraceTree(try .of(test.spans))
        let second: UInt64 = 1_000_000_000
        let found = tree.criticalPath.map { "\(tree.ids[$0.node]): \($0.start - second)...\($0.end - second)" }
        #expect(found == test.path.map { "\($0.0): \($0.1)" })
        let on = Set(tree.nodes.indices.filter { tree.nodes[$0].isOnCriticalPath }.map { tree.ids[$0] })
        #expect(on == Set(test.path.map(\.0)))
    }

    @Test func segmentsOfRandomTreesAddUpToTheRoot() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("CriticalPathTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let count = UInt64.random(in: 1...40, using: &random)
            let spans = (1...count).map { id in
                let start = UInt64.random(in: 0...200, using: &random)
                // Parents may be missing, later, or the span itself.
                let parent = id == 1 ? 0 : UInt64.random(in: 1...(count + 2), using: &random)
                return span(id, parent, start...start + .random(in: 0...100, using: &random))
            }
            let tree = TraceTree(try .of(spans.shuffled(using: &random)))
            #expect(tree.nodes.count == Int(count))
            let root = tree.nodes[try #require(tree.mainRoot)]
            let path = tree.criticalPath
            #expect(path.reduce(0) { $0 + $1.durationNanoseconds } == root.durationNanoseconds)
            #expect(zip(path, path.dropFirst()).allSatisfy { $0.end == $1.start })
            #expect(path.allSatisfy { $0.start >= tree.nodes[$0.node].start && $0.end <= tree.nodes[$0.node].end })
            for node in tree.nodes { #expect(node.selfTimeNanoseconds <= node.durationNanoseconds) }
        }
    }
}
