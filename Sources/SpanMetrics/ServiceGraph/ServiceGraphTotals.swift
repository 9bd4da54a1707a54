import OTLP
import TraceStorage

/// What was counted, and the names that it is counted by.
struct ServiceGraphTotals: Sendable {
    /// The side that is asked where nothing says who it is.
    static let unknown: UInt32 = 0
    /// The side that asks where a trace begins with a server.
    static let user: UInt32 = 1

    private let configuration: ServiceGraphConfiguration
    /// Of the histograms; here so that nothing is retained for a request.
    private let bounds: [UInt64]
    private let hasVirtualServers: Bool
    private let dimensionCount: Int
    private let seed: UInt64
    /// Services and peers, with their values of the dimensions; see ``ServiceGraphKey``.
    private(set) var sides: KeyTable
    /// Sides past which those that are no longer in use are forgotten.
    private var sidesMax = Self.spareSidesMax
    /// By number.
    private(set) var tenants: [TenantID] = []
    private var tenantNumbers: [TenantID: UInt16] = [:]
    private(set) var series: [ServiceGraphSeries] = []
    private(set) var statistics = ServiceGraphStatistics()
    private var memo = [Memo](repeating: Memo(), count: Memo.count)
    /// The key of the edge at hand; kept so that an edge allocates nothing.
    private var key: [UInt8] = []

    /// Sides kept beyond as many as are in use.
    private static let spareSidesMax = 16_384

    /// The row of an edge that was counted before.
    private struct Memo: Sendable {
        /// A power of two; more than the edges of most graphs.
        static let count = 1_024

        var client = UInt32.max
        var server = UInt32.max
        var code: UInt8 = 0
        var tenant: UInt16 = 0
        var row: Int32 = 0
    }

    init(_ configuration: ServiceGraphConfiguration, seed: UInt64) {
        self.configuration = configuration
        bounds = configuration.bucketBoundsNanoseconds
        hasVirtualServers = !configuration.virtualNodePeerAttributes.isEmpty
        dimensionCount = configuration.dimensions.count
        self.seed = seed
        sides = Self.emptySides(configuration, seed)
    }

    private static func emptySides(_ configuration: ServiceGraphConfiguration, _ seed: UInt64) -> KeyTable {
        var sides = KeyTable(seed: seed)
        for name in ["unknown", "user"] {
            var key: [UInt8] = []
            SeriesKey.append(name.utf8, to: &key)
            for _ in configuration.dimensions { SeriesKey.append("".utf8, to: &key) }
            _ = sides.insert(key)
        }
        return sides
    }

    func emptySeries() -> ServiceGraphSeries {
        ServiceGraphSeries(seed: seed, bucketCount: configuration.bucketBoundsNanoseconds.count + 1)
    }

    /// The number of a tenant; nil when there are more than numbers.
    mutating func number(of tenant: TenantID) -> UInt16? {
        if let known = tenantNumbers[tenant] { return known }
        guard tenants.count <= Int(UInt16.max) else { return nil }
        let number = UInt16(tenants.count)
        tenantNumbers[tenant] = number
        tenants.append(tenant)
        series.append(emptySeries())
        return number
    }

    /// The number of a side.
    @inline(__always)
    mutating func side(_ key: [UInt8]) -> UInt32 {
        key.withUnsafeBytes { UInt32(truncatingIfNeeded: sides.number(of: $0).index) }
    }

    /// Whether a side is a peer of this name, one that is shorter than 128 bytes.
    @inline(__always)
    func isPeer(_ side: UInt32, _ name: ByteRange, of batch: SpanBatch) -> Bool {
        guard name.count < 128 else { return false }
        return batch.bytes.withUnsafeBytes { bytes in
            let text = UnsafeRawBufferPointer(rebasing: bytes[name.indices])
            return sides.isKey(Int(side), prefix: UInt8(text.count), text, zeros: dimensionCount)
        }
    }

    /// Whether two sides differ in nothing but dimensions.
    @inline(__always)
    func isSameService(_ a: UInt32, _ b: UInt32) -> Bool {
        if a == b || dimensionCount == 0 { return a == b }
        return ServiceGraphKey.name(of: sides.key(Int(a))) == ServiceGraphKey.name(of: sides.key(Int(b)))
    }

    // MARK: counting

    /// Counts `count` requests.
    mutating func add(
        _ edge: GraphEdge, tenant: UInt16, count: UInt64, serverNanoseconds: UInt64, clientNanoseconds: UInt64,
        at now: UInt64
    ) {
        let row = row(of: edge, tenant)
        let server = REDSeries.bucket(of: serverNanoseconds, bounds)
        let client =
            serverNanoseconds == clientNanoseconds ? server : REDSeries.bucket(of: clientNanoseconds, bounds)
        series[Int(tenant)].add(
            count, server: (server, serverNanoseconds), client: (client, clientNanoseconds), at: now, to: row)
        statistics.edges = statistics.edges.addingClamped(count)
        if series[Int(tenant)].isOverflow(row) {
            statistics.overflowedEdges = statistics.overflowedEdges.addingClamped(count)
            if edge.isFailed { series[Int(tenant)].addFailedOverflow(count) }
        }
    }

    private mutating func row(of edge: GraphEdge, _ tenant: UInt16) -> Int {
        let mixed = (edge.client &* 31 &+ edge.server) &* 31 &+ UInt32(edge.code)
        let place = Int(mixed) & (Memo.count - 1)
        let known = memo[place]
        if known.client == edge.client, known.server == edge.server, known.code == edge.code, known.tenant == tenant {
            return Int(known.row)
        }
        key.removeAll(keepingCapacity: true)
        ServiceGraphKey.append(
            client: sides.key(Int(edge.client)), server: sides.key(Int(edge.server)), edge, to: &key)
        let row = series[Int(tenant)].row(of: key, configuration)
        memo[place] = Memo(
            client: edge.client, server: edge.server, code: edge.code, tenant: tenant, row: Int32(row))
        return row
    }

    mutating func countDropped(_ reason: ServiceGraphStatistics.DropReason, spans: Int = 1) {
        statistics.droppedSpans[reason.rawValue] += UInt64(spans)
    }

    mutating func countExpired() { statistics.expiredEdges += 1 }

    /// Counts what is known of a side that waits no longer.
    ///
    /// - Parameter isDue: Whether its time is over; else others need its room, and its other side may be about to come:
    ///   counted as a request to nobody it would be a false one.
    mutating func settle(_ half: HalfEdge, at now: UInt64, isDue: Bool) {
        guard !half.flags.contains(.matched) else { return }
        var edge = GraphEdge(client: half.side, server: half.peer, isFailed: half.flags.contains(.error))
        if half.flags.contains(.nested) {
            return countDropped(.nested)
        } else if half.flags.contains(.database) {
            edge.connection = .database
        } else if !isDue {
            return countDropped(.noRoom)
        } else {
            countExpired()
            guard half.flags.contains(.client), hasVirtualServers else { return }
            (edge.connection, edge.virtualNode) = (.virtualNode, .server)
        }
        add(
            edge, tenant: half.tenant, count: UInt64(half.count), serverNanoseconds: half.durationNanoseconds,
            clientNanoseconds: half.durationNanoseconds, at: now)
    }

    // MARK: forgetting

    /// Forgets series that nobody has asked for since a time.
    mutating func removeStale(before time: UInt64) {
        for tenant in series.indices where series[tenant].removeStale(before: time) { forgetRows() }
    }

    private mutating func forgetRows() {
        for place in memo.indices { memo[place] = Memo() }
    }

    var isOversized: Bool { sides.count > sidesMax }

    /// Begins a new table of sides with those of `waiting`.
    mutating func renumber(_ waiting: inout HalfEdgeTable) {
        let old = sides
        var new = Self.emptySides(configuration, seed)
        var numbers: [UInt32: UInt32] = [:]
        func number(_ side: UInt32) -> UInt32 {
            if let known = numbers[side] { return known }
            let number = Array(old.key(Int(side))).withUnsafeBytes { UInt32(new.number(of: $0).index) }
            numbers[side] = number
            return number
        }
        waiting.update { half in
            half.side = number(half.side)
            half.peer = number(half.peer)
        }
        sides = new
        sidesMax = new.count * 2 + Self.spareSidesMax
        forgetRows()
    }

    // MARK: checkpoint

    /// Puts a tenant back; false when it is there already.
    mutating func restore(_ tenant: TenantID, _ restored: ServiceGraphSeries) -> Bool {
        guard tenantNumbers[tenant] == nil, let number = number(of: tenant) else { return false }
        series[Int(number)] = restored
        return true
    }
}
