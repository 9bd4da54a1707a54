/// Byte strings: their lengths as an ``IntegerPage``, the length (1 byte) and bytes of a prefix that all of them share,
/// then their bytes end to end. Lengths and bytes are those behind the prefix.
struct BytesPage: Sendable {
    /// The bytes of all values, perhaps behind what came before them in the page.
    let bytes: [UInt8]
    /// Where each value starts in `bytes`, and where the last one ends.
    let starts: [UInt32]

    static let empty = BytesPage(bytes: [], starts: [0])

    init(bytes: [UInt8], starts: [UInt32]) {
        self.bytes = bytes
        self.starts = starts
    }

    var count: Int { starts.count - 1 }

    /// Bytes of memory that it takes.
    var memoryBytes: Int { bytes.count + starts.count * 4 }

    @inline(__always)
    func range(_ index: Int) -> Range<Int> { Int(starts[index])..<Int(starts[index + 1]) }

    subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

    static func decode(_ page: [UInt8], at offset: Int, count: Int) throws(FormatError) -> BytesPage {
        var offset = offset
        let lengths = try IntegerPage.decode(page, at: &offset, count: count)
        guard offset < page.count else { throw FormatError("truncated page of byte strings") }
        let prefix = offset + 1..<offset + 1 + Int(page[offset])
        guard prefix.upperBound <= page.count else { throw FormatError("truncated page of byte strings") }
        var starts: [UInt32] = []
        starts.reserveCapacity(count + 1)
        var position = UInt64(prefix.upperBound)
        for length in lengths {
            starts.append(UInt32(truncatingIfNeeded: position))
            guard length <= UInt64(page.count) - position else {
                throw FormatError("byte strings longer than their page")
            }
            position += length
        }
        starts.append(UInt32(truncatingIfNeeded: position))
        guard position == UInt64(page.count) else { throw FormatError("byte strings shorter than their page") }
        if prefix.isEmpty { return BytesPage(bytes: page, starts: starts) }
        return try restored(page, prefix, starts)
    }

    /// Puts the prefix that all values share before each of them again.
    private static func restored(
        _ page: [UInt8], _ prefix: Range<Int>, _ starts: [UInt32]
    ) throws(FormatError) -> BytesPage {
        let count = starts.count - 1
        guard count <= (BlockFormat.pageBytesMax - page.count) / prefix.count else {
            throw FormatError("\(count) byte strings with a prefix of \(prefix.count) bytes")
        }
        let content = Int(starts[count]) - Int(starts[0])
        var restoredStarts = [UInt32](repeating: 0, count: count + 1)
        let bytes = [UInt8](unsafeUninitializedCapacity: content + count * prefix.count) { target, initialized in
            guard let start = target.baseAddress else { return }
            var end = UnsafeMutableRawPointer(start)
            page.withUnsafeBytes { page in
                guard let source = page.baseAddress else { return }
                for index in 0..<count {
                    restoredStarts[index] = UInt32(end - UnsafeMutableRawPointer(start))
                    end.copyMemory(from: source + prefix.lowerBound, byteCount: prefix.count)
                    end += prefix.count
                    let rest = Int(starts[index + 1] - starts[index])
                    end.copyMemory(from: source + Int(starts[index]), byteCount: rest)
                    end += rest
                }
            }
            initialized = end - UnsafeMutableRawPointer(start)
        }
        restoredStarts[count] = UInt32(bytes.count)
        return BytesPage(bytes: bytes, starts: restoredStarts)
    }
}
