import OTLP
import TraceStorage

/// What was counted, and the names that it is counted by.
struct ServiceGraphTotals: Sendable {
    /// The side that is asked where nothing says who it is.
    static let unknown: UInt32 = 0
    /// The side that asks where a trace begins with a server.
    static let user: UInt32 = 1

    private let configuration: ServiceGraphConfiguration
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

    // MARK: counting

    /// Counts `count` requests.
    mutating func add(
        _ edge: GraphEdge, tenant: UInt16, count: UInt64, serverNanoseconds: UInt64, clientNanoseconds: UInt64,
        at now: UInt64
    ) {
        let row = row(of: edge, tenant)
        series[Int(tenant)].add(
            count,
            server: (REDSeries.bucket(of: serverNanoseconds, configuration.bucketBoundsNanoseconds), serverNanoseconds),
            client: (REDSeries.bucket(of: clientNanoseconds, configuration.bucketBoundsNanoseconds), clientNanoseconds),
            at: now, to: row)
        statistics.edges = statistics.edges.addingClamped(count)
        if series[Int(tenant)].isOverflow(row) {
            statistics.overflowedEdges = statistics.overflowedEdges.addingClamped(count)
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

    /// What is known of a side that waits no longer and whose other side did not come.
    mutating func expire(_ half: HalfEdge, at now: UInt64) {
        guard !half.flags.contains(.matched) else { return }
        countExpired()
        guard half.flags.contains(.client), !configuration.virtualNodePeerAttributes.isEmpty else { return }
        let edge = GraphEdge(
            client: half.side, server: half.peer, connection: .virtualNode, virtualNode: .server,
            isFailed: half.flags.contains(.error))
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
