import OTLP
import TraceStorage

/// One page of a column: the values of one row group.
struct ColumnPage: Sendable {
    var page = PageReference()
    /// Values in the page; 0 where the group has none and there is no page.
    var count: UInt32 = 0
}

/// Smallest and largest start of a page of spans' times, or duration (clamped to 0).
struct PageRange: Sendable {
    var min: UInt64 = 0
    var max: UInt64 = 0
}

/// One page of a dictionary.
struct DictionaryPage: Sendable {
    var page: PageReference
    /// The code of its first entry.
    var first: UInt32
    var count: UInt32
}

/// What a footer says about one column.
struct ColumnDirectory: Sendable {
    var role: ColumnRole
    /// The type of an attribute's values.
    var kind: ValueKind
    /// The key of an attribute.
    var key: [UInt8]
    /// One for each row group.
    var pages: [ColumnPage]
    /// One for each row group where ``hasRanges``; else none.
    var ranges: [PageRange] = []
    var dictionary: [DictionaryPage] = []

    /// About how many bytes of memory it takes, its arrays' heads and the room they have to spare included.
    var memoryBytes: Int {
        MemoryLayout<ColumnDirectory>.stride + 4 * 40 + key.count + pages.count * MemoryLayout<ColumnPage>.stride
            + ranges.count * MemoryLayout<PageRange>.stride + dictionary.count * MemoryLayout<DictionaryPage>.stride
    }

    var layout: ColumnLayout { role == .attribute ? kind.layout : role.layout }

    /// Whether the directory has smallest and largest values.
    var hasRanges: Bool { role == .time || role == .duration }

    /// Entries of the dictionary.
    var dictionaryCount: Int { dictionary.last.map { Int($0.first) + Int($0.count) } ?? 0 }
}

extension ValueKind {
    /// How values of the type are laid out in pages.
    var layout: ColumnLayout {
        switch self {
        case .absent, .empty: .none
        case .bool, .int, .double: .integers
        case .string, .array, .keyValueList, .bytes: .bytes
        }
    }
}

/// What a footer says about the rows of one kind.
struct TableDirectory: Sendable {
    /// Rows in each row group; events and links are in the group of their span.
    var groupRows: [UInt32] = []
    var columns: [ColumnDirectory] = []
    /// For each shape its columns, in the order of the attributes.
    var shapes: [[UInt16]] = []

    /// The column of a role; there is at most one for each but ``ColumnRole/attribute``.
    func column(_ role: ColumnRole) -> Int? { columns.firstIndex { $0.role == role } }
}

/// The end of a block file: what is in it and where. Immutable once made.
struct BlockFooter: Sendable {
    var tenant = TenantID.default
    /// The spans' times are far from when they were received.
    var isOutOfRange = false
    var rows = 0
    var startMin: UInt64 = 0
    var startMax: UInt64 = 0
    var receivedMin: UInt64 = 0
    var receivedMax: UInt64 = 0
    var firstPosition = JournalPosition.beginning
    var lastPosition = JournalPosition.beginning
    /// Whether ``services`` and the operations are complete; else there were too many service names for a footer.
    var hasServices = true
    /// Distinct `service.name` texts, in no order.
    var services: [[UInt8]] = []
    /// A request with every resource and scope of the block and no span.
    var scopes = PageReference()
    var scopeCount = 0
    /// Distinct (service, name, kind).
    var operations = PageReference()
    /// Distinct traces, the first id (its high half) of each index page, and the pages.
    var traceCount = 0
    var traceFences: [UInt64] = []
    var tracePages: [PageReference] = []
    /// The longest spans of each service in each row group.
    var longest = LongestSpans()
    /// By ``TableKind``.
    var tables = Array(repeating: TableDirectory(), count: TableKind.allCases.count)

    var groupCount: Int { tables[0].groupRows.count }

    /// About how many bytes of memory it takes.
    var memoryBytes: Int {
        tables.reduce(1024 + traceFences.count * 32 + services.count * 64 + longest.memoryBytes) { bytes, table in
            bytes + table.groupRows.count * 4 + table.shapes.reduce(0) { $0 + 32 + $1.count * 2 }
                + table.columns.reduce(0) { $0 + $1.memoryBytes }
        }
    }
}
