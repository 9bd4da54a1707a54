import OTLP
import TraceStorage

/// What ``ServiceGraph`` guards.
struct ServiceGraphState: Sendable {
    let configuration: ServiceGraphConfiguration
    var position = JournalPosition.beginning
    /// The last batch's time, or that of an earlier one if its clock ran ahead: unix nanoseconds.
    var now: UInt64 = 0
    var totals: ServiceGraphTotals
    var waiting: HalfEdgeTable

    private let attributes: PeerAttributes
    private let dimensionKeys: [[UInt8]]
    /// The side of the span at hand; kept so that a span allocates nothing.
    private var key: [UInt8] = []
    /// The servers that waited for the client at hand; kept likewise.
    private var servers: [HalfEdgeTable.Place] = []

    /// Series that are no longer counted in are looked for once in so many nanoseconds.
    private static let sweepNanoseconds: UInt64 = 60_000_000_000

    init(_ configuration: ServiceGraphConfiguration, seed: UInt64) {
        self.configuration = configuration
        totals = ServiceGraphTotals(configuration, seed: seed)
        waiting = HalfEdgeTable(seed: seed)
        attributes = PeerAttributes(
            database: configuration.databaseNameAttributes, peer: configuration.virtualNodePeerAttributes)
        dimensionKeys = configuration.dimensions.map { Array($0.utf8) }
    }

    var statistics: ServiceGraphStatistics {
        var result = totals.statistics
        result.waitingSpans = waiting.count
        result.series = totals.series.reduce(0) { $0 + $1.count }
        return result
    }

    mutating func record(_ stored: StoredBatch) {
        guard stored.position > position else { return }
        position = stored.position
        guard configuration.isEnabled else { return }
        pass(to: stored.receivedAt)
        guard let tenant = totals.number(of: stored.tenant) else {
            return totals.countDropped(.tenants, spans: stored.batch.spans.count)
        }
        for resource in stored.batch.resources { record(resource, of: stored.batch, tenant) }
    }

    // MARK: time

    private mutating func pass(to time: UInt64) {
        let before = now
        now = max(now, time)
        while let first = waiting.first, isDue(first, at: now) { totals.expire(waiting.removeFirst(), at: now) }
        let expiration = configuration.seriesExpirationNanoseconds
        if expiration > 0, now / Self.sweepNanoseconds != before / Self.sweepNanoseconds, now > expiration {
            totals.removeStale(before: now - expiration)
        }
        if totals.isOversized { totals.renumber(&waiting) }
    }

    private func isDue(_ half: HalfEdge, at time: UInt64) -> Bool {
        time >= half.receivedAt && time - half.receivedAt >= configuration.timeToLiveNanoseconds
    }

    /// All series as they are at a time: with the sides whose wait is over by then, as the next batch would find them.
    func snapshot(now time: UInt64) -> ServiceGraphSnapshot {
        let time = max(now, time)
        guard let first = waiting.first, isDue(first, at: time) else {
            return ServiceGraphSnapshot(totals, configuration)
        }
        var later = totals
        waiting.forEach { half in
            guard isDue(half, at: time) else { return false }
            later.expire(half, at: time)
            return true
        }
        return ServiceGraphSnapshot(later, configuration)
    }

    // MARK: spans

    /// What the spans of a resource have in common.
    private struct Origin {
        /// The side of its spans; nil where dimensions depend on the span.
        var side: UInt32?
        var service: ByteRange
        /// For each dimension the resource's value.
        var dimensions: [AttributeRow?]
    }

    private mutating func record(_ resource: ResourceRow, of batch: SpanBatch, _ tenant: UInt16) {
        var origin: Origin?
        batch.spans.withUnsafeBufferPointer { spans in
            for scope in batch.scopes[resource.scopes.indices] {
                for index in scope.spans.indices where (2...5).contains(spans[index].kind) {
                    if origin == nil { origin = self.origin(resource, batch) }
                    guard let origin, !origin.service.isEmpty else {
                        totals.countDropped(.unnamed)
                        continue
                    }
                    let side = origin.side ?? side(of: spans[index], origin, batch)
                    record(spans[index], of: batch, side, tenant)
                }
            }
        }
    }

    private mutating func origin(_ resource: ResourceRow, _ batch: SpanBatch) -> Origin {
        guard let service = batch.attribute("service.name", in: resource.attributes), service.kind == .string else {
            return Origin(side: nil, service: .empty, dimensions: [])
        }
        let dimensions = dimensionKeys.map { batch.attribute($0, in: resource.attributes) }
        var result = Origin(side: nil, service: service.slice, dimensions: dimensions)
        if dimensions.isEmpty {
            key.removeAll(keepingCapacity: true)
            append(batch.slice(service.slice))
            result.side = totals.side(key)
        }
        return result
    }

    private mutating func side(of span: borrowing SpanRow, _ origin: Origin, _ batch: SpanBatch) -> UInt32 {
        key.removeAll(keepingCapacity: true)
        append(batch.slice(origin.service))
        let attributes = span.attributes
        for (index, known) in origin.dimensions.enumerated() {
            if let row = known ?? batch.attribute(dimensionKeys[index], in: attributes) {
                append(row, of: batch)
            } else {
                SeriesKey.append("".utf8, to: &key)
            }
        }
        return totals.side(key)
    }

    private mutating func record(
        _ span: borrowing SpanRow, of batch: SpanBatch, _ side: UInt32, _ tenant: UInt16
    ) {
        let kind = span.kind
        let isClient = kind == 3 || kind == 4
        if !isClient, span.parentSpanID == .invalid { return addRoot(span, of: batch, side, tenant) }
        var flags: HalfEdge.Flags = isClient ? .client : []
        if span.isError { flags.insert(.error) }
        if kind >= 4 { flags.insert(.messaging) }
        let clientID = isClient ? span.spanID : span.parentSpanID
        var half = HalfEdge(
            key: HalfEdge.Key(span.traceID, clientID), receivedAt: now,
            durationNanoseconds: span.durationNanoseconds, side: side, peer: ServiceGraphTotals.unknown,
            count: Self.count(span, clientID, batch), tenant: tenant, flags: flags)
        if isClient {
            let found = attributes.find(span.attributes, of: batch)
            if found.database >= 0 {
                return addDatabase(half, peer(batch.attributes[found.database], of: batch))
            }
            if found.peer >= 0 { half.peer = peer(batch.attributes[found.peer], of: batch) }
            addClient(half)
        } else {
            addServer(half)
        }
    }

    /// How many requests the span stands for; chosen by the client's span, so that both sides round alike.
    @inline(__always)
    private static func count(_ span: borrowing SpanRow, _ clientID: SpanID, _ batch: SpanBatch) -> UInt32 {
        guard !span.traceState.isEmpty else { return 1 }
        let weight = TraceStateWeight.adjustedCount(batch.slice(span.traceState))
        return UInt32(clamping: AdjustedCount.count(weight: weight, traceID: span.traceID, spanID: clientID))
    }

    // MARK: edges

    /// A server's span with which a trace begins: nobody we know has asked.
    private mutating func addRoot(
        _ span: borrowing SpanRow, of batch: SpanBatch, _ side: UInt32, _ tenant: UInt16
    ) {
        guard !configuration.virtualNodePeerAttributes.isEmpty else { return totals.countExpired() }
        let edge = GraphEdge(
            client: ServiceGraphTotals.user, server: side, connection: .virtualNode, virtualNode: .client,
            isFailed: span.isError)
        totals.add(
            edge, tenant: tenant, count: UInt64(Self.count(span, span.spanID, batch)),
            serverNanoseconds: span.durationNanoseconds, clientNanoseconds: span.durationNanoseconds, at: now)
    }

    private mutating func addDatabase(_ half: HalfEdge, _ database: UInt32) {
        let edge = GraphEdge(
            client: half.side, server: database, connection: .database, isFailed: half.flags.contains(.error))
        totals.add(
            edge, tenant: half.tenant, count: UInt64(half.count), serverNanoseconds: half.durationNanoseconds,
            clientNanoseconds: half.durationNanoseconds, at: now)
    }

    private mutating func addClient(_ client: HalfEdge) {
        var client = client
        var isKnown = false
        var servers: [HalfEdgeTable.Place] = []
        swap(&servers, &self.servers)
        defer {
            servers.removeAll(keepingCapacity: true)
            swap(&servers, &self.servers)
        }
        waiting.places(of: client.key, tenant: client.tenant) { place in
            let flags = waiting[place].flags
            if flags.contains(.client) {
                isKnown = true
            } else if !flags.contains(.matched) {
                servers.append(place)
            }
            return !isKnown
        }
        // The same span again: what it asked for is counted by the first one.
        guard !isKnown else { return totals.countDropped(.duplicate) }
        for place in servers {
            waiting[place].flags.insert(.matched)
            complete(client, waiting[place])
            client.flags.insert(.matched)
        }
        wait(client)
    }

    private mutating func addServer(_ server: HalfEdge) {
        var client: HalfEdgeTable.Place?
        var others = 0
        waiting.places(of: server.key, tenant: server.tenant) { place in
            if waiting[place].flags.contains(.client) { client = place }
            others += 1
            return client == nil
        }
        if let client {
            waiting[client].flags.insert(.matched)
            return complete(waiting[client], server)
        }
        guard others < HalfEdgeTable.perKeyMax else { return totals.countDropped(.noRoom) }
        wait(server)
    }

    private mutating func wait(_ half: HalfEdge) {
        if waiting.count >= configuration.itemsMax {
            // Its other side may be about to come: counted as a request to nobody it would be a false one.
            if !waiting.removeFirst().flags.contains(.matched) { totals.countDropped(.noRoom) }
        }
        waiting.append(half)
    }

    private mutating func complete(_ client: HalfEdge, _ server: HalfEdge) {
        let flags = client.flags.union(server.flags)
        let edge = GraphEdge(
            client: client.side, server: server.side, connection: flags.contains(.messaging) ? .messaging : .direct,
            isFailed: flags.contains(.error))
        totals.add(
            edge, tenant: client.tenant, count: UInt64(max(client.count, server.count)),
            serverNanoseconds: server.durationNanoseconds, clientNanoseconds: client.durationNanoseconds, at: now)
    }

    // MARK: names

    private mutating func peer(_ row: AttributeRow, of batch: SpanBatch) -> UInt32 {
        key.removeAll(keepingCapacity: true)
        append(row, of: batch)
        for _ in dimensionKeys { SeriesKey.append("".utf8, to: &key) }
        return totals.side(key)
    }

    private mutating func append(_ row: AttributeRow, of batch: SpanBatch) {
        if row.kind == .string {
            append(batch.slice(row.slice))
        } else {
            SeriesKey.append(SeriesKey.cut(AttributeText.text(batch.value(of: row)).utf8[...]), to: &key)
        }
    }

    /// Label values are UTF-8, so other bytes become U+FFFD before they make a key.
    private mutating func append(_ text: ArraySlice<UInt8>) {
        let text = SeriesKey.cut(text)
        if text.allSatisfy({ $0 < 0x80 }) {
            SeriesKey.append(text, to: &key)
        } else {
            SeriesKey.append(String(decoding: text, as: UTF8.self).utf8, to: &key)
        }
    }
}
