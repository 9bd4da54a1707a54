import TraceStorage

/// What look-ups of several traces share: buffers, filters of blocks, and the row groups that were read last with the
/// columns they have decoded. Traces of one time lie in the same few groups, and decoding those is much of what a trace
/// costs. Used by one thread, for one query.
final class TraceLookups {
    /// Groups that are kept, one to two megabytes each: a trace has spans in a few.
    static let groupsMax = 8

    /// Blocks whose filter is kept, 32 KB each at most.
    static let filtersMax = 1_024

    let pages: PageReader
    /// By block; the cache of all queries has them too, behind a lock.
    private var filters: [UInt64: TraceFilter] = [:]
    private let groupsMax: Int
    /// The one used last is the last.
    private var groups: [(block: UInt64, group: RowGroup)] = []

    /// - Parameter groupsMax: row groups that are kept; 0 for the look-up of one trace.
    init(groupsMax: Int, pages: PageReader = PageReader()) {
        self.groupsMax = groupsMax
        self.pages = pages
    }

    var keepsGroups: Bool { !groups.isEmpty }

    func filter(of block: UInt64) -> TraceFilter? { filters[block] }

    func keep(_ filter: TraceFilter, of block: UInt64) {
        if groupsMax > 0, filters.count < Self.filtersMax { filters[block] = filter }
    }

    /// A row group of a block, through the reader given where it is not known yet.
    func group(_ index: Int, of block: UInt64, _ reader: BlockReader) -> RowGroup {
        if let place = groups.firstIndex(where: { $0.block == block && $0.group.index == index }) {
            let known = groups.remove(at: place)
            groups.append(known)
            return known.group
        }
        let group = RowGroup(reader, index: index)
        guard groupsMax > 0 else { return group }
        if groups.count >= groupsMax { groups.removeFirst() }
        groups.append((block, group))
        return group
    }

    /// Gives back the memory of the row groups.
    func removeGroups() { groups = [] }
}
