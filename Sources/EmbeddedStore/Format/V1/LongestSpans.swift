/// For each row group and service of a block the duration of its longest span: a search for long spans of one service
/// need not look at a row group whose long spans are those of others.
///
/// Services are numbered as in operations: 0 for spans without one, else the index among the footer's plus 1.
struct LongestSpans: Sendable {
    /// 0 for blocks that do not have these numbers: those of a service list that is not complete or is longer than
    /// ``BlockFormat/longestServicesMax``, and those written before there was such a part.
    private(set) var serviceCount = 0
    /// By row group, then service: 0 for no span, else the duration plus 1; the largest number stands for itself too.
    private var values: [UInt64] = []

    init() {}

    /// - Parameter groups: for each row group the numbers of the services that were known at its end.
    init(groups: [[UInt64]], serviceCount: Int) {
        self.serviceCount = serviceCount
        for group in groups { values += group + Array(repeating: 0, count: serviceCount - group.count) }
    }

    var memoryBytes: Int { values.count * 8 }

    /// The number that stands for a duration.
    static func number(_ duration: UInt64) -> UInt64 { duration == .max ? .max : duration + 1 }

    /// The longest duration, where the largest number stands for more too; nil for no span of the service.
    func duration(group: Int, service: Int) -> UInt64? {
        let number = values[group * serviceCount + service]
        return number == 0 ? nil : number == .max ? .max : number - 1
    }

    func encode(to writer: inout ByteWriter) {
        writer.varint(serviceCount)
        for value in values { writer.varint(value) }
    }

    /// - Parameter services: as many as the footer names.
    init(_ reader: inout ByteReader, groups: Int, services: Int) throws(FormatError) {
        // A block that was written before there was this part.
        guard reader.bytesLeft > 0 else { return }
        serviceCount = try reader.count(max: BlockFormat.longestServicesMax + 1)
        guard serviceCount == 0 || serviceCount == services + 1, serviceCount * groups <= reader.bytesLeft else {
            throw FormatError("longest spans of \(serviceCount) services, not \(services + 1)")
        }
        values.reserveCapacity(serviceCount * groups)
        for _ in 0..<serviceCount * groups { values.append(try reader.varint()) }
    }
}
