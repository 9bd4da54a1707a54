import SpanMetrics
import Testing
import TraceFixtures

@Suite struct SnappyBlockTests {
    /// A decoder of the format's literals and copies with two-byte offsets; nil for anything else.
    private static func decompressed(_ bytes: [UInt8]) -> [UInt8]? {
        var rest = bytes[...]
        var length = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            length |= Int(byte & 0x7F) << shift
            if byte < 0x80 { break }
        }
        var output: [UInt8] = []
        while let tag = rest.popFirst() {
            if tag & 3 == 0 {
                var count = Int(tag >> 2)
                if count >= 60 {
                    let extra = count - 59
                    guard rest.count >= extra else { return nil }
                    count = rest.prefix(extra).reversed().reduce(0) { $0 << 8 | Int($1) }
                    rest = rest.dropFirst(extra)
                }
                guard rest.count > count else { return nil }
                output += rest.prefix(count + 1)
                rest = rest.dropFirst(count + 1)
            } else if tag & 3 == 2, rest.count >= 2 {
                let offset = Int(rest.removeFirst()) | Int(rest.removeFirst()) << 8
                guard offset > 0, offset <= output.count else { return nil }
                for _ in 0...(tag >> 2) { output.append(output[output.count - offset]) }
            } else {
                return nil
            }
        }
        return output.count == length ? output : nil
    }

    @Test func whatIsCompressedComesBack() {
        let seed = UInt64.random(in: 0...(.max))
        print("SnappyBlockTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for round in 0..<300 {
            let count = Int.random(in: 0...(round < 280 ? 2_000 : 300_000), using: &random)
            let letters = UInt8.random(in: 1...255, using: &random)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...letters, using: &random) }
            if round % 3 == 0, count > 100 {
                // What lies far away, near and within itself.
                for _ in 0..<20 {
                    let length = Int.random(in: 0...(count / 3), using: &random)
                    let from = Int.random(in: 0...(count - length), using: &random)
                    let to = Int.random(in: 0...(count - length), using: &random)
                    for index in 0..<length { bytes[to + index] = bytes[from + index] }
                }
            }
            #expect(Self.decompressed(SnappyBlock.compress(bytes)) == bytes)
        }
    }

    @Test(arguments: [0, 1, 3, 4, 5, 60, 61, 64, 65, 256, 257, 65_535, 65_536, 65_537, 70_000])
    func lengthsAtTheirLimitsComeBack(count: Int) {
        let distinct = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        for bytes in [distinct, Array(repeating: 7, count: count)] {
            #expect(Self.decompressed(SnappyBlock.compress(bytes)) == bytes)
        }
    }

    @Test func seriesThatAreAlikeBecomeSmall() {
        let text = (0..<2000).map { "service_name=\"shop\",span_name=\"operation \($0)\",le=\"\($0 % 17)\"" }.joined()
        #expect(SnappyBlock.compress(Array(text.utf8)).count * 3 < text.utf8.count)
    }
}
