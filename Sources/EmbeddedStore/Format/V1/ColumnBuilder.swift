import OTLP

/// Collects the values of one column and writes a page at the end of each row group.
///
/// Byte strings go through the column's dictionary as they come, so that what repeats is neither copied nor kept.
struct ColumnBuilder: ~Copyable {
    private(set) var directory: ColumnDirectory
    private let layout: ColumnLayout
    /// The name column keeps its dictionary, because the block's operations are made of its codes.
    private let keepsDictionary: Bool
    /// Numbers, or codes into the dictionary.
    private(set) var numbers = Room<UInt64>()
    /// Values that have no dictionary, end to end.
    private var bytes = Room<UInt8>()
    private var ends = Room<UInt32>()
    /// Values that take no bytes.
    private var count: UInt32 = 0
    private var rangeMin = UInt64.max
    private var rangeMax: UInt64 = 0
    private var dictionary = ByteDictionary()
    private var hasDictionary: Bool
    /// The value of the dictionary that came last; most values equal the one before.
    private var last = (start: 0, count: -1, code: UInt64(0))
    private var valuesSeen = 0
    /// Entries of the dictionary when the row group began.
    private var mark = 0

    init(_ role: ColumnRole, kind: ValueKind = .absent, key: [UInt8] = [], groupsBefore: Int = 0) {
        directory = ColumnDirectory(
            role: role, kind: kind, key: key, pages: Array(repeating: ColumnPage(), count: groupsBefore))
        if directory.hasRanges { directory.ranges = Array(repeating: PageRange(), count: groupsBefore) }
        layout = directory.layout
        hasDictionary = layout == .bytes
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

    /// Eight bytes of an id, as they stand in memory.
    @inline(__always)
    mutating func append(id: UInt64) { bytes.append(fixed: id) }

    @inline(__always)
    mutating func append(_ content: UnsafePointer<UInt8>, count: Int) {
        guard hasDictionary else {
            bytes.append(content, count: count)
            return ends.append(UInt32(truncatingIfNeeded: bytes.count))
        }
        if count != last.count || !ByteHash.equal(dictionary.bytes.base + last.start, content, count: count) {
            let code = dictionary.index(of: content, count: count)
            last = (dictionary.start(code), count, UInt64(code))
        }
        numbers.append(last.code)
    }

    @inline(__always)
    mutating func append(_ row: AttributeRow, base: UnsafePointer<UInt8>) {
        switch row.kind {
        case .absent, .empty: count += 1
        case .int: append(signed: row.int)
        case .bool, .double: append(row.payload)
        case .string, .array, .keyValueList, .bytes:
            append(base + Int(row.slice.offset), count: Int(row.slice.count))
        }
    }

    /// Ends the row group: writes its values, if any, and notes the page.
    mutating func endGroup(_ writer: inout PageWriter) throws(FormatError) {
        var page = ColumnPage()
        var range = PageRange()
        switch layout {
        case .none: page.count = count
        case .fixed(let width):
            page.count = UInt32(bytes.count / width)
            if page.count > 0 { page.page = try writer.write(raw: bytes.rawBuffer) }
        case .integers:
            page.count = UInt32(numbers.count)
            if page.count > 0 {
                page.page = try endNumbers(&writer)
                range = numbersRange()
            }
        case .bytes:
            page.count = UInt32(hasDictionary ? numbers.count : ends.count)
            if page.count > 0 { page.page = try endBytes(&writer) }
        }
        directory.pages.append(page)
        if directory.hasRanges { directory.ranges.append(range) }
        count = 0
        numbers.removeAll()
        bytes.removeAll()
        ends.removeAll()
    }

    private mutating func endNumbers(_ writer: inout PageWriter) throws(FormatError) -> PageReference {
        writer.page.removeAll()
        if directory.role == .attribute, directory.kind == .double {
            IntegerPage.encode(doubles: numbers.buffer, to: &writer.page)
        } else {
            IntegerPage.encode(numbers.buffer, isDelta: directory.role == .time, to: &writer.page)
        }
        return try writer.writePage(planes: Int(writer.page[1]), values: numbers.count)
    }

    /// Of the row group that ends, for times and durations.
    private mutating func numbersRange() -> PageRange {
        var range = PageRange()
        if directory.role == .time {
            range.min = min(rangeMin, rangeMax)
            range.max = rangeMax
            rangeMin = .max
            rangeMax = 0
        } else if directory.role == .duration {
            range.min = .max
            for number in numbers.buffer {
                let duration = ZigZag.decode(number)
                // A negative one is 0 for a span that ends before it starts, and huge for one that spans an age.
                range.min = min(range.min, UInt64(max(0, duration)))
                range.max = max(range.max, duration < 0 ? .max : UInt64(duration))
            }
        }
        return range
    }

    /// Mode 1 and codes into the dictionary, mode 2 and hex digits, or mode 0 and the values themselves.
    private mutating func endBytes(_ writer: inout PageWriter) throws(FormatError) -> PageReference {
        if hasDictionary { judgeDictionary() }
        writer.page.removeAll()
        guard !hasDictionary else {
            mark = dictionary.count
            writer.page.append(1)
            IntegerPage.encode(numbers.buffer, isDelta: false, to: &writer.page)
            return try writer.writePage(planes: Int(writer.page[2]), values: numbers.count)
        }
        writer.page.append(2)
        if !HexPage.encode(bytes.base, ends: ends.buffer, to: &writer.page) {
            writer.page.removeAll()
            writer.page.append(0)
            BytesPage.encode(bytes.base, ends: ends.buffer, to: &writer.page)
        }
        return try writer.writePage()
    }

    /// Closes the dictionary for good once too many values are distinct.
    private mutating func judgeDictionary() {
        valuesSeen += numbers.count
        let limit = max(BlockFormat.dictionaryValuesMin, valuesSeen) * BlockFormat.dictionaryDistinctPercent / 100
        guard !keepsDictionary, dictionary.count > limit else { return }
        for code in numbers.buffer {
            let range = dictionary.range(Int(code))
            bytes.append(dictionary.bytes.base + range.lowerBound, count: range.count)
            ends.append(UInt32(truncatingIfNeeded: bytes.count))
        }
        dictionary.truncate(to: mark)
        hasDictionary = false
    }

    /// Writes the dictionary, and gives the column's directory back.
    mutating func finish(_ writer: inout PageWriter) throws(FormatError) -> ColumnDirectory {
        var first = 0
        while first < dictionary.count {
            let start = dictionary.start(first)
            var end = first + 1
            while end < dictionary.count, end - first < BlockFormat.dictionaryPageEntries,
                dictionary.range(end).upperBound - start <= BlockFormat.dictionaryPageBytes
            { end += 1 }
            ends.removeAll()
            for index in first..<end { ends.append(dictionary.ends[index] - UInt32(start)) }
            writer.page.removeAll()
            BytesPage.encode(dictionary.bytes.base + start, ends: ends.buffer, to: &writer.page)
            directory.dictionary.append(
                DictionaryPage(page: try writer.writePage(), first: UInt32(first), count: UInt32(end - first)))
            first = end
        }
        return directory
    }
}
