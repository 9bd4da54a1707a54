import CSnappy
import SpanMetrics
import Testing

@Suite struct SnappyBlockTests {
    @Test(arguments: [0, 1, 60, 65_536, 70_000])
    func whatIsCompressedComesBack(count: Int) {
        let distinct = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        for bytes in [distinct, Array(repeating: 7, count: count)] {
            let block = SnappyBlock.compress(bytes)
            let output = [UInt8](unsafeUninitializedCapacity: count + 1) { output, filled in
                filled = count + 1
                let status = block.withUnsafeBytes {
                    snappy_uncompress(
                        $0.baseAddress, $0.count, UnsafeMutableRawPointer(output.baseAddress), &filled)
                }
                #expect(status == SNAPPY_OK)
            }
            #expect(output == bytes)
        }
    }
}
