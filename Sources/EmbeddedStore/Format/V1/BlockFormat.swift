/// The constants of block format version 1; docs/formats/block-v1.md describes the whole.
enum BlockFormat {
    static let version: UInt32 = 1
    /// The first bytes of a block file, and the last.
    static let magic: [UInt8] = Array("SKEINBLK".utf8)
    /// Magic, version, CRC32C of both.
    static let headerBytes = 16
    /// Footer offset (8), stored bytes (4), raw bytes (4), CRC32C (4), version (4), CRC32C of these (4), magic (8).
    static let trailerBytes = 36

    /// Rows of a row group: the unit in which columns are paged. One trace then costs a few pages of some kilobytes
    /// a column; twice as many rows save 2 % of the bytes and cost a trace twice the time.
    static let groupRows = 4096
    /// Traces in a page of the trace index; one page is read to find a trace.
    static let tracesPerPage = 256
    /// Bytes of one trace in the index: id (16), first and last row group (2 each).
    static let traceEntryBytes = 20

    /// Attribute columns of one table. Beyond it a span with yet another key is kept raw, so that hostile keys cannot
    /// make a directory larger than the data.
    static let columnsMax = 2048
    /// Shapes of one table, and columns in all shapes of it together; beyond it a span is kept raw.
    static let shapesMax = 16_384
    static let shapeElementsMax = 262_144

    /// Columns of a table times its row groups: each takes some 50 bytes of memory once a footer is read. A block of
    /// two million spans with all columns that there may be has as many.
    static let columnPagesMax = 1 << 20

    /// Bytes of an attribute's key that may name a column, and of all service names that a footer lists. Longer keys
    /// are kept raw and longer lists left out, so that a footer stays far below what readers take.
    static let keyBytesMax = 4096
    static let serviceBytesMax = 1 << 20
    /// Services of a block for which a footer has the longest spans: with each row group of a usual block 5 KB at most.
    /// Queries of blocks with more services look at all row groups.
    static let longestServicesMax = 63
    /// Values of one column in one row group: more than a block's OTLP bytes can hold. A larger number in a directory
    /// is corrupt and is refused before memory is taken for it.
    static let pageValuesMax = 64 << 20

    /// Bytes of a page before compression: twice what a block may hold of OTLP. A larger number in a directory is
    /// corrupt and is refused before memory is taken for it.
    static let pageBytesMax = 256 << 20
    /// Bytes of a footer before compression; the limits above keep it far below.
    static let footerBytesMax = 64 << 20

    /// The zstd level of pages: higher ones cost more time than they save bytes.
    static let compressionLevel: Int32 = 1
    /// Pages below this many bytes are stored as they are.
    static let compressedBytesMin = 48

    /// Entries and bytes at which a page of a dictionary ends.
    static let dictionaryPageEntries = 4096
    static let dictionaryPageBytes = 64 << 10
    /// Above this share of distinct values a column's pages hold the values themselves.
    static let dictionaryDistinctPercent = 75
    /// Distinct values are not judged on fewer values than this.
    static let dictionaryValuesMin = 64
}

/// Whose rows a table holds.
enum TableKind: Int, CaseIterable, Sendable {
    case span = 0
    case event = 1
    case link = 2
}

/// What a column holds; raw values are part of the format.
enum ColumnRole: UInt8, Sendable, Hashable, CaseIterable {
    /// Values of attributes with one key and type.
    case attribute = 0
    /// An index into the table's shapes; in the span table 0 means that the row is kept raw.
    case shape = 1
    /// The `Span` message of a row that is kept raw.
    case raw = 2
    /// An index into the block's scopes.
    case scope = 3
    /// The place of the row's trace in the trace index.
    case trace = 4
    case spanID = 5
    /// 0: none; 1: the next value of ``parentID``; else 2 plus the distance to the parent's row, zigzag.
    case parent = 6
    case parentID = 7
    /// A span's end, in unix nanoseconds: SDKs send spans in the order in which they end. The directory has the
    /// smallest and largest start. An event's time relative to its span's start, zigzag.
    case time = 8
    /// End minus start, zigzag.
    case duration = 9
    case name = 10
    case kind = 11
    case statusCode = 12
    case statusMessage = 13
    case traceState = 14
    case flags = 15
    case hasStatus = 16
    case droppedAttributes = 17
    case droppedEvents = 18
    case droppedLinks = 19
    case eventCount = 20
    case linkCount = 21
    case traceID = 22

    /// How pages of the role are laid out; attributes go by their type.
    var layout: ColumnLayout {
        switch self {
        case .raw, .name, .statusMessage, .traceState: .bytes
        case .spanID, .parentID: .fixed(8)
        case .traceID: .fixed(16)
        default: .integers
        }
    }
}

/// How a column's pages are laid out.
enum ColumnLayout: Hashable, Sendable {
    /// No pages: the type alone says all.
    case none
    case integers
    case bytes
    /// Values of so many bytes, end to end.
    case fixed(Int)
}

/// Bytes of a block that do not check; the reader of the file adds its name.
struct FormatError: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// Where a page is in its file.
///
/// A footer has a thousand of these and footers are most of what stays in memory of a store, so the offset's halves are
/// apart: 20 bytes instead of 24.
struct PageReference: Sendable {
    private var offsetHigh: UInt32
    private var offsetLow: UInt32
    var storedBytes: UInt32
    /// Equal to `storedBytes` for a page that is not compressed.
    var rawBytes: UInt32
    var checksum: UInt32

    init(offset: UInt64 = 0, storedBytes: UInt32 = 0, rawBytes: UInt32 = 0, checksum: UInt32 = 0) {
        offsetHigh = UInt32(offset >> 32)
        offsetLow = UInt32(truncatingIfNeeded: offset)
        self.storedBytes = storedBytes
        self.rawBytes = rawBytes
        self.checksum = checksum
    }

    var offset: UInt64 { UInt64(offsetHigh) << 32 | UInt64(offsetLow) }
}

enum ZigZag {
    @inline(__always)
    static func encode(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }

    @inline(__always)
    static func decode(_ value: UInt64) -> Int64 { Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
}
