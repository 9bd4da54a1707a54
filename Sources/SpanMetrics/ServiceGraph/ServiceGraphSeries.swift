/// A request between two sides, as it is counted.
struct GraphEdge: Hashable, Sendable {
    enum Connection: UInt8, Sendable, CaseIterable {
        case direct = 0
        case messaging = 1
        case database = 2
        case virtualNode = 3

        var label: String {
            switch self {
            case .direct: ""
            case .messaging: "messaging_system"
            case .database: "database"
            case .virtualNode: "virtual_node"
            }
        }
    }

    enum VirtualNode: UInt8, Sendable, CaseIterable {
        case none = 0
        case client = 1
        case server = 2

        var label: String {
            switch self {
            case .none: ""
            case .client: "client"
            case .server: "server"
            }
        }
    }

    /// Numbers of ``ServiceGraphTotals/sides``.
    var client: UInt32
    var server: UInt32
    var connection = Connection.direct
    var virtualNode = VirtualNode.none
    var isFailed = false

    /// All but the sides.
    var code: UInt8 { connection.rawValue | virtualNode.rawValue << 2 | (isFailed ? 16 : 0) }
}

/// The series of one tenant's service graph, as columns.
struct ServiceGraphSeries: Sendable {
    /// Keys, see ``ServiceGraphKey``; a key's number is its row in the columns.
    private(set) var table: KeyTable
    private(set) var labels: [PrometheusLabels] = []
    private(set) var isFailed: [Bool] = []
    /// Requests by bucket: of each row those of the server's histogram, then those of the client's.
    private(set) var buckets: [UInt64] = []
    /// In nanoseconds, likewise.
    private(set) var sums: [Double] = []
    /// When a row was last counted in, unix nanoseconds.
    private(set) var updatedAt: [UInt64] = []
    /// What is over the limit, and of it once more what failed, under the key ``ServiceGraphKey/failedOverflow``.
    private(set) var overflowRow: Int?
    private(set) var failedOverflowRow: Int?
    let bucketCount: Int
    private let seed: UInt64

    init(seed: UInt64, bucketCount: Int) {
        self.seed = seed
        self.bucketCount = bucketCount
        table = KeyTable(seed: seed)
    }

    var count: Int { table.count }

    /// Series that are shown.
    var shownCount: Int { count - (failedOverflowRow == nil ? 0 : 1) }

    /// The buckets of one histogram: 0 is the server's, 1 the client's.
    func buckets(_ row: Int, _ histogram: Int) -> ArraySlice<UInt64> {
        let start = (row * 2 + histogram) * bucketCount
        return buckets[start..<start + bucketCount]
    }

    func sum(_ row: Int, _ histogram: Int) -> Double { sums[row * 2 + histogram] }

    func requests(_ row: Int) -> UInt64 { buckets(row, 0).reduce(0) { $0.addingClamped($1) } }

    func isOverflow(_ row: Int) -> Bool { row == overflowRow }

    /// The row of a key; the overflow row when the key is new and the limit is reached.
    mutating func row(of key: [UInt8], _ configuration: ServiceGraphConfiguration) -> Int {
        if let row = table.index(of: key) { return row }
        let limit = configuration.aggregationCardinalityLimit
        let used = count - (overflowRow == nil ? 0 : 1) - (failedOverflowRow == nil ? 0 : 1)
        if limit == 0 || used < limit, let labels = ServiceGraphKey.labels(key[...], configuration) {
            return append(key, labels)
        }
        return overflowRow ?? append(SeriesKey.overflow, SeriesKey.overflowLabels)
    }

    private mutating func append(_ key: [UInt8], _ newLabels: PrometheusLabels) -> Int {
        let row = table.insert(key)
        if key == SeriesKey.overflow { overflowRow = row }
        if key == ServiceGraphKey.failedOverflow { failedOverflowRow = row }
        labels.append(newLabels)
        isFailed.append(ServiceGraphKey.isFailed(key))
        buckets.append(contentsOf: repeatElement(0, count: bucketCount * 2))
        sums.append(contentsOf: [0, 0])
        updatedAt.append(0)
        return row
    }

    mutating func add(
        _ count: UInt64, server: (bucket: Int, nanoseconds: UInt64), client: (bucket: Int, nanoseconds: UInt64),
        at now: UInt64, to row: Int
    ) {
        let first = row * 2 * bucketCount + server.bucket
        let second = (row * 2 + 1) * bucketCount + client.bucket
        buckets[first] = buckets[first].addingClamped(count)
        buckets[second] = buckets[second].addingClamped(count)
        sums[row * 2] += Double(server.nanoseconds) * Double(count)
        sums[row * 2 + 1] += Double(client.nanoseconds) * Double(count)
        updatedAt[row] = now
    }

    /// Counts requests that failed, which ``add(_:server:client:at:to:)`` has counted in the overflow row.
    mutating func addFailedOverflow(_ count: UInt64) {
        let row = failedOverflowRow ?? append(ServiceGraphKey.failedOverflow, SeriesKey.overflowLabels)
        let first = row * 2 * bucketCount
        buckets[first] = buckets[first].addingClamped(count)
    }

    private func isKept(_ row: Int, since time: UInt64) -> Bool {
        updatedAt[row] >= time || row == overflowRow || row == failedOverflowRow
    }

    /// Forgets the series that were last counted in before a time; false when there is none.
    mutating func removeStale(before time: UInt64) -> Bool {
        guard updatedAt.indices.contains(where: { !isKept($0, since: time) }) else { return false }
        var kept = ServiceGraphSeries(seed: seed, bucketCount: bucketCount)
        for row in 0..<count where isKept(row, since: time) {
            let new = kept.append(Array(table.key(row)), labels[row])
            kept.copy(row, of: self, to: new)
        }
        self = kept
        return true
    }

    private mutating func copy(_ row: Int, of other: ServiceGraphSeries, to new: Int) {
        for offset in 0..<bucketCount * 2 {
            buckets[new * bucketCount * 2 + offset] = other.buckets[row * bucketCount * 2 + offset]
        }
        for offset in 0..<2 { sums[new * 2 + offset] = other.sums[row * 2 + offset] }
        updatedAt[new] = other.updatedAt[row]
    }

    // MARK: checkpoint

    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(count))
        for row in 0..<count {
            writer.block(table.key(row))
            writer.varint(updatedAt[row])
            for histogram in 0..<2 {
                writer.fixed(sum(row, histogram).bitPattern)
                for count in buckets(row, histogram) { writer.varint(count) }
            }
        }
    }

    /// Puts back what was written; false when it is something else.
    mutating func read(_ reader: inout ByteReader, _ configuration: ServiceGraphConfiguration) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            guard let block = reader.block(), let updated = reader.varint() else { return false }
            let key = Array(block)
            let isOverflow = key == SeriesKey.overflow || key == ServiceGraphKey.failedOverflow
            let labels = isOverflow ? SeriesKey.overflowLabels : ServiceGraphKey.labels(key[...], configuration)
            guard let labels, table.index(of: key) == nil else { return false }
            let row = append(key, labels)
            updatedAt[row] = updated
            for histogram in 0..<2 {
                guard let bits = reader.fixed(UInt64.self) else { return false }
                sums[row * 2 + histogram] = Double(bitPattern: bits)
                for bucket in 0..<bucketCount {
                    guard let number = reader.varint() else { return false }
                    buckets[(row * 2 + histogram) * bucketCount + bucket] = number
                }
            }
        }
        return true
    }
}

/// The bytes that make a series: `0`, ``GraphEdge/code``, then the two sides as blocks. A side is its name and its
/// values of the dimensions, each as a length (varint) and UTF-8; empty where there is none.
enum ServiceGraphKey {
    /// Of what failed among what is over the limit of series.
    static let failedOverflow: [UInt8] = [1, 16]

    static func append(client: ArraySlice<UInt8>, server: ArraySlice<UInt8>, _ edge: GraphEdge, to key: inout [UInt8]) {
        key.append(0)
        key.append(edge.code)
        SeriesKey.append(client, to: &key)
        SeriesKey.append(server, to: &key)
    }

    static func isFailed(_ key: [UInt8]) -> Bool { key.count > 1 && key[1] & 16 != 0 }

    /// Nil when the bytes are no key of this configuration.
    static func labels(_ key: ArraySlice<UInt8>, _ configuration: ServiceGraphConfiguration) -> PrometheusLabels? {
        var reader = ByteReader(key)
        guard reader.byte() == 0, let code = reader.byte(), code < 32,
            let connection = GraphEdge.Connection(rawValue: code & 3),
            let node = GraphEdge.VirtualNode(rawValue: code >> 2 & 3), let client = reader.block(),
            let server = reader.block(), reader.isAtEnd,
            let clientTexts = texts(client, configuration), let serverTexts = texts(server, configuration)
        else { return nil }
        var pairs: [(String, String)] = [("client", clientTexts[0]), ("server", serverTexts[0])]
        pairs.append(("connection_type", connection.label))
        pairs.append(("failed", code & 16 == 0 ? "false" : "true"))
        if configuration.hasVirtualNodeLabel { pairs.append(("virtual_node", node.label)) }
        for (prefix, texts) in [("client_", clientTexts), ("server_", serverTexts)] {
            for (dimension, text) in zip(configuration.dimensions, texts.dropFirst()) {
                pairs.append((PrometheusName.label(prefix + dimension), text))
            }
        }
        // Prometheus cannot tell a label without a value from none.
        return PrometheusLabels(pairs.filter { !$0.1.isEmpty })
    }

    /// The name of a side, with its length.
    static func name(of side: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var reader = ByteReader(side)
        _ = reader.block()
        return side.dropLast(reader.remaining)
    }

    private static func texts(_ side: ArraySlice<UInt8>, _ configuration: ServiceGraphConfiguration) -> [String]? {
        var reader = ByteReader(side)
        var result: [String] = []
        while !reader.isAtEnd {
            guard let block = reader.block(), let text = String(validating: block, as: UTF8.self) else { return nil }
            result.append(text)
        }
        return result.count == configuration.dimensions.count + 1 ? result : nil
    }
}
