import OTLP

/// Collects the values of one column and writes a page at the end of each row group.
struct ColumnBuilder {
    private(set) var directory: ColumnDirectory
    private let layout: ColumnLayout
    private let isDelta: Bool
    /// The name column keeps its dictionary, because the block's operations are made of its codes.
    private let keepsDictionary: Bool
    private var numbers: [UInt64] = []
    private var bytes: [UInt8] = []
    private var ends: [UInt32] = []
    private var count: UInt32 = 0
    private var rangeMin = UInt64.max
    private var rangeMax: UInt64 = 0
    private var dictionary = ByteDictionary()
    private var hasDictionary = true
    private var valuesSeen = 0
    /// Codes of the last page, for the operations of the block.
    private(set) var lastCodes: [UInt64] = []

    init(_ role: ColumnRole, kind: ValueKind = .absent, key: [UInt8] = [], groupsBefore: Int = 0) {
        directory = ColumnDirectory(
            role: role, kind: kind, key: key, pages: Array(repeating: ColumnPage(), count: groupsBefore))
        layout = directory.layout
        isDelta = role == .time
        keepsDictionary = role == .name
    }

    @inline(__always)
    mutating func append(_ number: UInt64) { numbers.append(number) }

    /// A number whose page's smallest and largest value are those of another one.
    @inline(__always)
    mutating func append(_ number: UInt64, ranged value: UInt64) {
        numbers.append(number)
        rangeMin = min(rangeMin, value)
        rangeMax = max(rangeMax, value)
    }

    @inline(__always)
    mutating func append(signed number: Int64) { numbers.append(ZigZag.encode(number)) }

    @inline(__always)
    mutating func append(_ content: UnsafeRawBufferPointer) {
        if !content.isEmpty { bytes.append(contentsOf: content) }
        ends.append(UInt32(truncatingIfNeeded: bytes.count))
    }

    @inline(__always)
    mutating func append(_ row: AttributeRow, base: UnsafeRawBufferPointer) {
        switch row.kind {
        case .absent, .empty: count += 1
        case .int: append(signed: row.int)
        case .bool, .double: append(row.payload)
        case .string, .array, .keyValueList, .bytes:
            append(UnsafeRawBufferPointer(rebasing: base[row.slice.indices]))
        }
    }

    /// Ends the row group: writes its values, if any, and notes the page.
    mutating func endGroup(_ writer: PageWriter) throws(FormatError) {
        var page = ColumnPage()
        switch layout {
        case .none: page.count = count
        case .fixed(let width):
            page.count = UInt32(bytes.count / width)
            if page.count > 0 { page.page = try writer.page(bytes, compress: false) }
        case .integers:
            page.count = UInt32(numbers.count)
            if page.count > 0 { try endNumbers(&page, writer) }
        case .bytes:
            page.count = UInt32(ends.count)
            if page.count > 0 { page.page = try writer.page(bytesPage()) }
        }
        directory.pages.append(page)
        count = 0
        numbers.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    private mutating func endNumbers(_ page: inout ColumnPage, _ writer: PageWriter) throws(FormatError) {
        var content: [UInt8] = []
        IntegerPage.encode(numbers, isDelta: isDelta, to: &content)
        page.page = try writer.page(content)
        if directory.role == .time {
            page.min = min(rangeMin, rangeMax)
            page.max = rangeMax
            rangeMin = .max
            rangeMax = 0
        } else if directory.role == .duration {
            page.min = .max
            for number in numbers {
                let duration = ZigZag.decode(number)
                // A negative one is 0 for a span that ends before it starts, and huge for one that spans an age.
                page.min = min(page.min, UInt64(max(0, duration)))
                page.max = max(page.max, duration < 0 ? .max : UInt64(duration))
            }
        }
    }

    /// Mode 1 and codes into the dictionary, or mode 0 and the values themselves.
    private mutating func bytesPage() -> [UInt8] {
        if hasDictionary, let codes = encodeWithDictionary() {
            var content: [UInt8] = [1]
            IntegerPage.encode(codes, isDelta: false, to: &content)
            lastCodes = codes
            return content
        }
        var content: [UInt8] = [0]
        content.reserveCapacity(bytes.count + ends.count * 3 + 16)
        bytes.withUnsafeBytes { BytesPage.encode($0, ends: ends, to: &content) }
        return content
    }

    /// Nil, with the dictionary closed for good, once too many values are distinct.
    private mutating func encodeWithDictionary() -> [UInt64]? {
        let mark = dictionary.count
        valuesSeen += ends.count
        let limit =
            keepsDictionary
            ? Int.max : max(BlockFormat.dictionaryValuesMin, valuesSeen) * BlockFormat.dictionaryDistinctPercent / 100
        var codes: [UInt64] = []
        codes.reserveCapacity(ends.count)
        let isOpen = bytes.withUnsafeBytes { base in
            var start = 0
            var last = UnsafeRawBufferPointer(start: nil, count: 0)
            var lastCode: UInt64?
            for end in ends {
                let value = UnsafeRawBufferPointer(rebasing: base[start..<Int(end)])
                start = Int(end)
                if let lastCode, ByteHash.equal(value, last) {
                    codes.append(lastCode)
                    continue
                }
                let code = UInt64(dictionary.index(of: value))
                guard dictionary.count <= limit else { return false }
                codes.append(code)
                last = value
                lastCode = code
            }
            return true
        }
        if isOpen { return codes }
        dictionary.truncate(to: mark)
        hasDictionary = false
        return nil
    }

    /// Writes the dictionary, and gives the column's directory back.
    mutating func finish(_ writer: PageWriter) throws(FormatError) -> ColumnDirectory {
        var first = 0
        while first < dictionary.count {
            let start = dictionary.range(first).lowerBound
            var end = first + 1
            while end < dictionary.count, end - first < BlockFormat.dictionaryPageEntries,
                dictionary.range(end).upperBound - start <= BlockFormat.dictionaryPageBytes
            { end += 1 }
            var content: [UInt8] = []
            let range = start..<dictionary.range(end - 1).upperBound
            let ends = dictionary.ends[first..<end].map { $0 - UInt32(start) }
            dictionary.bytes.withUnsafeBytes { bytes in
                BytesPage.encode(UnsafeRawBufferPointer(rebasing: bytes[range]), ends: ends, to: &content)
            }
            directory.dictionary.append(
                DictionaryPage(page: try writer.page(content), first: UInt32(first), count: UInt32(end - first)))
            first = end
        }
        return directory
    }

}
