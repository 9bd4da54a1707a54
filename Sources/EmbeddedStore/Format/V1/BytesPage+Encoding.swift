extension BytesPage {
    /// Appends *byte strings* to a page. `ends[i]` is where value i ends in `content`.
    static func encode(
        _ content: UnsafePointer<UInt8>, ends: UnsafeBufferPointer<UInt32>, to page: inout Room<UInt8>
    ) {
        let prefix = commonPrefix(content, ends)
        var lengths = Room<UInt64>(capacity: ends.count)
        var start: UInt32 = 0
        for end in ends {
            lengths.append(UInt64(end - start) - UInt64(prefix))
            start = end
        }
        IntegerPage.encode(lengths.buffer, isDelta: false, to: &page)
        page.append(UInt8(prefix))
        guard prefix > 0 else { return page.append(content, count: Int(ends.last ?? 0)) }
        page.append(content, count: prefix)
        start = 0
        for end in ends {
            page.append(content + Int(start) + prefix, count: Int(end - start) - prefix)
            start = end
        }
    }

    /// How many bytes all values begin with, if two or more; at most 255.
    private static func commonPrefix(_ content: UnsafePointer<UInt8>, _ ends: UnsafeBufferPointer<UInt32>) -> Int {
        guard ends.count > 1, var common = ends.first.map({ min(Int($0), 255) }) else { return 0 }
        var start = Int(ends[0])
        for end in ends.dropFirst() {
            common = min(common, Int(end) - start)
            var equal = 0
            while equal < common, content[start + equal] == content[equal] { equal += 1 }
            common = equal
            guard common > 1 else { return 0 }
            start = Int(end)
        }
        return common > 1 ? common : 0
    }
}
