import Insight
import OTLP
import Testing
import TraceFixtures

@Suite struct TraceTreeTests {
    @Test func childrenComeByStartTimeAndNodesInTreeOrder() throws {
        let tree = TraceTree(
            try .of([
                span(4, 2, 30...35), span(3, 1, 60...90), span(2, 1, 10...50), span(1, 0, 0...100), span(5, 2, 20...25),
            ]))
        #expect(tree.ids == [1, 2, 5, 4, 3])
        #expect(tree.nodes.map(\.depth) == [0, 1, 2, 2, 1])
        #expect(tree.nodes.map(\.parent) == [nil, 0, 1, 1, 0])
        #expect(tree.roots == [0] && tree.mainRoot == 0)
        #expect(tree.nodes.allSatisfy { $0.anomaly == nil })
    }

    @Test func spansWithoutTheirParentAreRoots() throws {
        let tree = TraceTree(try .of([span(2, 9, 10...500), span(1, 0, 20...30), span(3, 2, 15...16)]))
        #expect(tree.ids == [2, 3, 1])
        #expect(tree.roots == [0, 2])
        #expect(tree.nodes[0].anomaly == .orphan)
        // A real root stands for the trace, however short.
        #expect(tree.mainRoot == 2)
    }

    @Test func circlesAreBrokenAtTheirEarliestSpan() throws {
        let tree = TraceTree(
            try .of([span(1, 3, 5...9), span(2, 1, 3...8), span(3, 2, 4...7), span(4, 4, 0...1), span(5, 1, 6...7)]))
        #expect(Set(tree.ids) == [1, 2, 3, 4, 5])
        #expect(tree.roots.map { tree.ids[$0] } == [4, 2])
        #expect(tree.ids == [4, 2, 3, 1, 5])
        #expect(tree.nodes.map(\.anomaly) == [.cycle, .cycle, nil, nil, nil])
    }

    @Test func aServerThatSharesItsClientsIDIsItsChild() throws {
        let client = span(2, 1, 10...40).with { $0.kind = 3 }
        let server = span(2, 1, 12...38).with { ($0.kind, $0.name) = (2, Array("server".utf8)) }
        for pair in [[client, server], [server, client]] {
            let tree = TraceTree(try .of([span(1, 0, 0...50)] + pair + [span(3, 2, 20...30)]))
            #expect(tree.nodes.map(\.depth) == [0, 1, 2, 3])
            #expect(tree.nodes.map { tree.batch.spans[$0.span].kind } == [1, 3, 2, 1])
        }
    }

    @Test func otherSpansWithOneIDStaySideBySide() throws {
        let tree = TraceTree(
            try .of([span(1, 0, 0...50), span(2, 1, 10...20), span(2, 1, 15...30), span(3, 2, 16...18)]))
        #expect(tree.ids == [1, 2, 3, 2])
        #expect(tree.nodes.map(\.anomaly) == [nil, nil, nil, .duplicateID])
        #expect(tree.nodes[1].children == [2])
    }

    @Test func selfTimeLeavesOutWhatAnyChildCovers() throws {
        // Overlapping, outside the parent, after a gap, and one that ends after the parent.
        let tree = TraceTree(
            try .of([
                span(1, 0, 10...100), span(2, 1, 20...40), span(3, 1, 30...50), span(4, 1, 0...15),
                span(5, 1, 90...130),
                span(6, 1, 200...300), span(7, 1, 35...38),
            ]))
        #expect(tree.nodes[0].selfTimeNanoseconds == 90 - 30 - 5 - 10)
        #expect(tree.nodes.dropFirst().allSatisfy { $0.selfTimeNanoseconds == $0.durationNanoseconds })
    }

    @Test func endBeforeStartIsNoDuration() throws {
        let tree = TraceTree(try .of([span(1, 0, 0...0).with { ($0.start, $0.end) = (500, 3) }]))
        #expect(tree.nodes[0].durationNanoseconds == 0 && tree.criticalPath.isEmpty)
        #expect(TraceTree(.empty).mainRoot == nil)
    }

    @Test func aChainOfAHundredThousandSpansIsWalked() throws {
        let count: UInt64 = 100_000
        let tree = TraceTree(try .of((1...count).map { span($0, $0 - 1, 0...count - $0 + 1) }))
        #expect(tree.nodes.last?.depth == Int(count) - 1)
        #expect(tree.criticalPath.reduce(0) { $0 + $1.durationNanoseconds } == count)
    }
}

/// A span of the fixtures' trace; times are nanoseconds after 1 s.
func span(_ id: UInt64, _ parent: UInt64, _ time: ClosedRange<UInt64>) -> SpanFixture {
    SpanFixture("span \(id)", id: id, parent: parent).with {
        $0.kind = 1
        $0.start = 1_000_000_000 + time.lowerBound
        $0.end = 1_000_000_000 + time.upperBound
    }
}

extension TraceTree {
    /// Span ids in tree order.
    var ids: [UInt64] { nodes.indices.map { span($0).spanID.rawValue } }
}
