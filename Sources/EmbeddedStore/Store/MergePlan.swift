/// Which blocks are worth joining: those that were sealed by age with few spans, so that queries open one file where
/// they would open many. Blocks that are full stay as they were sealed.
struct MergePlan {
    let options: StoreOptions

    /// Fewer blocks are joined only when they make a block nearly full.
    private static let blocksMin = 4
    /// Bounds the open files and the time of one step.
    private static let blocksMax = 64

    /// The next blocks to join, oldest first: neighbours of one tenant and kind in the order in which they were sealed;
    /// nil when nothing is worth it.
    ///
    /// No block is larger than all others together, so each time a span is written anew its block is at least twice as
    /// large: a span is written log2(65,536 / spans of a sealed block) times more at most.
    func next(_ blocks: [Block], excluding left: Set<UInt64>) -> [Block]? {
        var runs: [BlockKey: [Block]] = [:]
        for block in blocks {
            let key = block.entry.key
            if isSmall(block), !left.contains(block.entry.number) {
                runs[key, default: []].append(block)
            } else if let run = runs.removeValue(forKey: key), let found = window(run) {
                return found
            }
        }
        return runs.values.compactMap(window).min { $0[0].entry.number < $1[0].entry.number }
    }

    /// Whether the first of the blocks to join, no more of which can be held at once, may be joined by themselves: there
    /// are some, and none is larger than the others together.
    func mayJoin(_ blocks: [Block]) -> Bool {
        let spans = blocks.map(\.entry.spans)
        return spans.count > 1 && (spans.max() ?? 0) * 2 <= spans.reduce(0, +)
    }

    private func isSmall(_ block: Block) -> Bool {
        block.entry.spans * 2 <= UInt64(clamping: options.sealSpans)
            && block.entry.fileBytes * 2 <= UInt64(clamping: options.mergeFileBytes)
            && block.damage.withLock { $0 == nil }
    }

    /// The first neighbours of a run that are worth joining.
    private func window(_ run: [Block]) -> [Block]? {
        for first in run.indices {
            var (spans, bytes, most) = (UInt64(0), UInt64(0), UInt64(0))
            var (oldest, newest) = (UInt64.max, UInt64(0))
            var end = first
            while end < run.count, end - first < Self.blocksMax {
                let entry = run[end].entry
                oldest = min(oldest, entry.receivedMin)
                newest = max(newest, entry.receivedMax)
                guard spans + entry.spans <= UInt64(clamping: options.sealSpans),
                    bytes + entry.fileBytes <= UInt64(clamping: options.mergeFileBytes),
                    newest - oldest <= options.mergeReceivedSpread
                else { break }
                spans += entry.spans
                bytes += entry.fileBytes
                most = max(most, entry.spans)
                end += 1
            }
            let isWorthIt =
                end - first >= Self.blocksMin
                || (end - first > 1 && spans * 4 >= UInt64(clamping: options.sealSpans) * 3)
            if isWorthIt, most * 2 <= spans { return Array(run[first..<end]) }
        }
        return nil
    }
}
