/// When the chunks of a stream came: a summary of fixed size.
struct ChunkTiming {
    private(set) var count = 0
    private(set) var first: Duration?
    private(set) var gapMax: Duration = .zero
    private var last: Duration = .zero

    mutating func add(at time: Duration) {
        count += 1
        if first == nil {
            first = time
        } else {
            gapMax = max(gapMax, time - last)
        }
        last = time
    }

    /// Nil with fewer than two chunks.
    var gapMean: Duration? {
        guard let first, count > 1 else { return nil }
        return (last - first) / (count - 1)
    }
}
