/// What a row may not exceed. Time is not among it: it depends on the machine.
struct Threshold {
    let name: String
    /// Calls of malloc and its kin a unit; nil where they are no concern.
    var allocations: Double?
    /// Bytes a unit; nil where nothing comes out.
    var bytes: Double?

    /// By row. Set some percent above what is measured, so that a change that adds an allocation to a span, or a few
    /// bytes to a block, fails the check.
    static let all: [Threshold] = []

    /// What the rows exceed, one line each. A threshold without a row is a mistake and said as well.
    static func violations(_ rows: [Measurement]) -> [String] {
        var result: [String] = []
        for threshold in all {
            guard let row = rows.first(where: { $0.name == threshold.name }) else {
                result.append("\(threshold.name): has a threshold, but was not measured")
                continue
            }
            if let limit = threshold.allocations, row.allocations > limit {
                result.append("\(row.name): \(row.allocations) allocations/\(row.unit), at most \(limit)")
            }
            if let limit = threshold.bytes, let bytes = row.bytes, bytes > limit {
                result.append("\(row.name): \(bytes) bytes/\(row.unit), at most \(limit)")
            }
        }
        return result
    }
}
