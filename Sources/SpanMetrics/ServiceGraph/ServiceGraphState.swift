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

    private var attributes: PeerAttributes
    private let dimensionKeys: [[UInt8]]
    // What follows is kept so that a span allocates nothing.
    /// The side of the span at hand.
    private var key: [UInt8] = []
    /// The servers that waited for the client at hand.
    private var servers: [HalfEdgeTable.Place] = []
    /// Spans that take part and are recorded next.
    private var chosen: [Chosen] = []
    /// Peers that were asked before, by the end of their names.
    private var peers = [UInt32](repeating: ServiceGraphTotals.unknown, count: 64)

    private struct Chosen {
        /// Row of the batch's spans.
        let span: Int
        /// Of a client that says it.
        var asked: PeerAttributes.Asked?
    }

    /// Spans that are looked at together: more than a processor fetches side by side, few enough to be in its cache
    /// still when they are recorded.
    private static let chosenMax = 32
    /// Series that are no longer counted in are looked for once in so many nanoseconds.
    private static let sweepNanoseconds: UInt64 = 60_000_000_000

    init(_ configuration: ServiceGraphConfiguration, seed: UInt64) {
        self.configuration = configuration
        totals = ServiceGraphTotals(configuration, seed: seed)
        waiting = HalfEdgeTable(capacityMax: configuration.itemsMax, seed: seed)
        attributes = PeerAttributes(
            database: configuration.databaseNameAttributes, peer: configuration.virtualNodePeerAttributes)
        dimensionKeys = configuration.dimensions.map { Array($0.utf8) }
    }

    var statistics: ServiceGraphStatistics {
        var result = totals.statistics
        result.waitingSpans = waiting.count
        result.series = totals.series.reduce(0) { $0 + $1.shownCount }
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
        while let first = waiting.firstTime, isDue(first, at: now) { settleFirst(isDue: true) }
        let expiration = configuration.seriesExpirationNanoseconds
        if expiration > 0, now / Self.sweepNanoseconds != before / Self.sweepNanoseconds, now > expiration {
            totals.removeStale(before: now - expiration)
        }
        if totals.isOversized {
            totals.renumber(&waiting)
            for place in peers.indices { peers[place] = ServiceGraphTotals.unknown }
        }
    }

    private func isDue(_ receivedAt: UInt64, at time: UInt64) -> Bool {
        time >= receivedAt && time - receivedAt >= configuration.timeToLiveNanoseconds
    }

    /// Gives up what waits for longest: because its time is over, or else because others need the room.
    private mutating func settleFirst(isDue: Bool) {
        var half = waiting.removeFirst()
        if let parent = clientAbove(half) {
            waiting[parent].flags.insert(.nested)
            half.inherit(waiting[parent])
        }
        totals.settle(half, at: now, isDue: isDue)
    }

    /// All series as they are at a time: with the sides whose wait is over by then, as the next batch would find them.
    func snapshot(now time: UInt64) -> ServiceGraphSnapshot {
        let time = max(now, time)
        guard let first = waiting.firstTime, isDue(first, at: time) else {
            return ServiceGraphSnapshot(totals, configuration)
        }
        var later = totals
        var nested: Set<HalfEdgeTable.Place> = []
        waiting.forEach { half, place, receivedAt in
            guard isDue(receivedAt, at: time) else { return false }
            var half = half
            if let parent = clientAbove(half), waiting.isOlder(place, parent) {
                nested.insert(parent)
                half.inherit(waiting[parent])
            }
            if nested.contains(place) { half.flags.insert(.nested) }
            later.settle(half, at: time, isDue: true)
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
        for scope in batch.scopes[resource.scopes.indices] {
            var next = scope.spans.indices.lowerBound
            while choose(&next, of: scope.spans, batch, tenant) {
                if origin == nil { origin = self.origin(resource, batch) }
                guard let origin, !origin.service.isEmpty else {
                    totals.countDropped(.unnamed, spans: chosen.count)
                    continue
                }
                recordChosen(of: batch, origin, tenant)
            }
        }
    }

    /// Takes the next spans that are clients, servers, producers or consumers; false when none is left.
    private mutating func choose(
        _ next: inout Int, of rows: RowRange, _ batch: SpanBatch, _ tenant: UInt16
    ) -> Bool {
        chosen.removeAll(keepingCapacity: true)
        let end = rows.indices.upperBound
        batch.spans.withUnsafeBufferPointer { spans in
            guard let first = spans.baseAddress else { return }
            while next < end, chosen.count < Self.chosenMax {
                if spans[next].kind >= 2, spans[next].kind <= 5 { chosen.append(Chosen(span: next)) }
                next += 1
            }
            // Each step for all before the next one: what it reads, often in no cache yet, the processor fetches
            // meanwhile.
            for index in chosen.indices { fetch(first + chosen[index].span, batch, tenant) }
            for index in chosen.indices {
                let span = first + chosen[index].span
                guard Self.isClient(span) else { continue }
                chosen[index].asked = attributes.find(span, of: batch)
            }
            for index in chosen.indices { chosen[index].asked?.readEnd(of: batch) }
        }
        return !chosen.isEmpty
    }

    @inline(__always)
    private static func isClient(_ span: UnsafePointer<SpanRow>) -> Bool {
        span.pointee.kind == 3 || span.pointee.kind == 4
    }

    /// Has the processor fetch what a chosen span is looked up by.
    @inline(__always)
    private mutating func fetch(_ span: UnsafePointer<SpanRow>, _ batch: SpanBatch, _ tenant: UInt16) {
        let (traceID, parent) = (span.pointee.traceID, span.pointee.parentSpanID)
        if parent != .invalid { waiting.fetch(HalfEdge.Key(traceID, parent), tenant: tenant) }
        guard Self.isClient(span) else { return }
        waiting.fetch(HalfEdge.Key(traceID, span.pointee.spanID), tenant: tenant)
        attributes.fetch(span, of: batch)
    }

    private mutating func recordChosen(of batch: SpanBatch, _ origin: Origin, _ tenant: UInt16) {
        batch.spans.withUnsafeBufferPointer { spans in
            guard let first = spans.baseAddress else { return }
            for index in chosen.indices {
                let span = first + chosen[index].span
                let side = origin.side ?? side(of: span.pointee, origin, batch)
                record(span, of: batch, side, tenant, chosen[index].asked)
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
            SeriesKey.append(service.slice, of: batch, to: &key)
            result.side = totals.side(key)
        }
        return result
    }

    private mutating func side(of span: borrowing SpanRow, _ origin: Origin, _ batch: SpanBatch) -> UInt32 {
        key.removeAll(keepingCapacity: true)
        SeriesKey.append(origin.service, of: batch, to: &key)
        let attributes = span.attributes
        for (index, known) in origin.dimensions.enumerated() {
            SeriesKey.append(known ?? batch.attribute(dimensionKeys[index], in: attributes), of: batch, to: &key)
        }
        return totals.side(key)
    }

    /// - Parameter span: By its address, as a row is long to copy.
    @inline(__always)
    private mutating func record(
        _ span: UnsafePointer<SpanRow>, of batch: SpanBatch, _ side: UInt32, _ tenant: UInt16,
        _ asked: PeerAttributes.Asked?
    ) {
        let kind = span.pointee.kind
        let isClient = Self.isClient(span)
        let (traceID, parent) = (span.pointee.traceID, span.pointee.parentSpanID)
        if !isClient, parent == .invalid { return addRoot(span, of: batch, side, tenant) }
        var flags: HalfEdge.Flags = isClient ? .client : []
        if span.pointee.isError { flags.insert(.error) }
        if kind >= 4 { flags.insert(.messaging) }
        let clientID = isClient ? span.pointee.spanID : parent
        let hasParent = isClient && parent != .invalid
        let half = HalfEdge(
            key: HalfEdge.Key(traceID, clientID), parent: hasParent ? HalfEdge.Key(traceID, parent) : .none,
            durationNanoseconds: span.pointee.durationNanoseconds, side: side, peer: ServiceGraphTotals.unknown,
            count: Self.count(span, clientID, batch), tenant: tenant, flags: flags)
        if isClient {
            addClient(half, asked, batch)
        } else {
            addServer(half)
        }
    }

    /// How many requests the span stands for; chosen by the client's span, so that both sides round alike.
    @inline(__always)
    private static func count(_ span: UnsafePointer<SpanRow>, _ clientID: SpanID, _ batch: SpanBatch) -> UInt32 {
        guard !span.pointee.traceState.isEmpty else { return 1 }
        let weight = TraceStateWeight.adjustedCount(batch.slice(span.pointee.traceState))
        return UInt32(
            clamping: AdjustedCount.count(weight: weight, traceID: span.pointee.traceID, spanID: clientID))
    }

    // MARK: edges

    /// A server's span with which a trace begins: nobody we know has asked.
    private mutating func addRoot(
        _ span: UnsafePointer<SpanRow>, of batch: SpanBatch, _ side: UInt32, _ tenant: UInt16
    ) {
        guard !configuration.virtualNodePeerAttributes.isEmpty else { return totals.countExpired() }
        let nanoseconds = span.pointee.durationNanoseconds
        let edge = GraphEdge(
            client: ServiceGraphTotals.user, server: side, connection: .virtualNode, virtualNode: .client,
            isFailed: span.pointee.isError)
        totals.add(
            edge, tenant: tenant, count: UInt64(Self.count(span, span.pointee.spanID, batch)),
            serverNanoseconds: nanoseconds, clientNanoseconds: nanoseconds, at: now)
    }

    private mutating func addClient(_ half: HalfEdge, _ asked: PeerAttributes.Asked?, _ batch: SpanBatch) {
        var client = half
        var isKnown = false
        servers.removeAll(keepingCapacity: true)
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
        // Also where a server answered: the client's span below this one may name nobody.
        if let asked { client.peer = peer(asked, of: batch) }
        if asked?.isDatabase == true {
            client.flags.insert(.database)
        } else if !servers.isEmpty {
            match(&client)
        }
        if let parent = clientAbove(client) {
            waiting[parent].flags.insert(.nested)
            client.inherit(waiting[parent])
        }
        wait(client)
    }

    /// Counts a request to each of ``servers``, in the order in which they came.
    private mutating func match(_ client: inout HalfEdge) {
        if servers.count > 1 { servers.sort { waiting.isOlder($0, $1) } }
        client.flags.insert(.matched)
        for index in servers.indices {
            waiting[servers[index]].flags.insert(.matched)
            complete(client, waiting[servers[index]])
        }
    }

    private mutating func addServer(_ server: HalfEdge) {
        var client: HalfEdgeTable.Place?
        var others = 0
        waiting.places(of: server.key, tenant: server.tenant) { place in
            if waiting[place].flags.contains(.client) {
                if waiting[place].asksService { client = place }
            } else {
                others += 1
            }
            return client == nil
        }
        if let client {
            waiting[client].flags.insert(.matched)
            return complete(waiting[client], server)
        }
        guard others < HalfEdgeTable.perKeyMax else { return totals.countDropped(.noRoom) }
        wait(server)
    }

    /// The client's or producer's span of the same service directly above one: both describe one request.
    @inline(__always)
    private func clientAbove(_ half: HalfEdge) -> HalfEdgeTable.Place? {
        guard half.parent != .none else { return nil }
        var result: HalfEdgeTable.Place?
        waiting.places(of: half.parent, tenant: half.tenant) { place in
            if waiting[place].flags.contains(.client), totals.isSameService(waiting[place].side, half.side) {
                result = place
            }
            return result == nil
        }
        return result
    }

    private mutating func wait(_ half: HalfEdge) {
        makeRoom()
        waiting.append(half, at: now)
    }

    /// Gives up what waits for longest where nothing more may wait.
    mutating func makeRoom() {
        if waiting.count >= configuration.itemsMax { settleFirst(isDue: false) }
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

    @inline(__always)
    private mutating func peer(_ attribute: PeerAttributes.Asked, of batch: SpanBatch) -> UInt32 {
        let row = batch.attributes[Int(attribute.row)]
        guard row.kind == .string else { return newPeer(row, of: batch) }
        let place = Int((attribute.lastBytes &* 0x9E37_79B9_7F4A_7C15) >> 58)
        if totals.isPeer(peers[place], row.slice, of: batch) { return peers[place] }
        peers[place] = newPeer(row, of: batch)
        return peers[place]
    }

    private mutating func newPeer(_ row: AttributeRow, of batch: SpanBatch) -> UInt32 {
        key.removeAll(keepingCapacity: true)
        SeriesKey.append(row, of: batch, to: &key)
        for _ in dimensionKeys { SeriesKey.append("".utf8, to: &key) }
        return totals.side(key)
    }
}

extension HalfEdge {
    /// Of a client: whether a server's span may answer it.
    fileprivate var asksService: Bool { !flags.contains(.database) || flags.contains(.inherited) }

    /// Takes from the client's span above whom it asked, where that one knows better: it names a database, or this one
    /// names nobody.
    @inline(__always)
    fileprivate mutating func inherit(_ above: HalfEdge) {
        guard flags.isDisjoint(with: [.matched, .database, .inherited]), !above.flags.contains(.inherited) else {
            return
        }
        if above.flags.contains(.database) {
            flags.insert(.database)
        } else if peer != ServiceGraphTotals.unknown || above.peer == ServiceGraphTotals.unknown {
            return
        }
        flags.insert(.inherited)
        peer = above.peer
    }
}
