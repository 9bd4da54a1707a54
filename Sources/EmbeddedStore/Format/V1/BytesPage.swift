/// Byte strings: their lengths as an ``IntegerPage``, then their bytes end to end.
struct BytesPage: Sendable {
    /// The bytes of all values, behind what came before them in the page.
    let bytes: [UInt8]
    /// Where each value starts in `bytes`, and where the last one ends.
    let starts: [UInt32]

    static let empty = BytesPage(bytes: [], starts: [0])

    private init(bytes: [UInt8], starts: [UInt32]) {
        self.bytes = bytes
        self.starts = starts
    }

    var count: Int { starts.count - 1 }

    /// Bytes of memory that it takes.
    var memoryBytes: Int { bytes.count + starts.count * 4 }

    @inline(__always)
    func range(_ index: Int) -> Range<Int> { Int(starts[index])..<Int(starts[index + 1]) }

    subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

    /// `ends[i]` is where value i ends in `content`.
    static func encode(_ content: some Sequence<UInt8>, ends: some Collection<UInt32>, to page: inout [UInt8]) {
        var lengths: [UInt64] = []
        lengths.reserveCapacity(ends.count)
        var start: UInt32 = 0
        for end in ends {
            lengths.append(UInt64(end &- start))
            start = end
        }
        IntegerPage.encode(lengths, isDelta: false, to: &page)
        page.append(contentsOf: content)
    }

    static func decode(_ page: [UInt8], at offset: Int, count: Int) throws(FormatError) -> BytesPage {
        var offset = offset
        let lengths = try IntegerPage.decode(page, at: &offset, count: count)
        var starts: [UInt32] = []
        starts.reserveCapacity(count + 1)
        var position = UInt64(offset)
        for length in lengths {
            starts.append(UInt32(truncatingIfNeeded: position))
            guard length <= UInt64(page.count) - position else {
                throw FormatError("byte strings longer than their page")
            }
            position += length
        }
        starts.append(UInt32(truncatingIfNeeded: position))
        guard position == UInt64(page.count) else { throw FormatError("byte strings shorter than their page") }
        return BytesPage(bytes: page, starts: starts)
    }
}
