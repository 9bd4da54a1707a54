import TraceStorage

/// The `service_graph` section, version 2: the configuration's fingerprint as a block; the time and the number of
/// tenants as varints, for each its name as a block and its series; the number of sides as a varint and each as a
/// block; the number of spans that wait, and for each, in the order of their arrival, its key and its parent's as u64,
/// its flags as u8, and as varints the time since the one before, its duration, its side, its peer, its count and its
/// tenant by number.
///
/// It is written every few seconds with all spans that wait, so 200,000 of them, 6 MB, must take no more than
/// milliseconds.
extension ServiceGraphState {
    static let sectionVersion: UInt32 = 2
    /// Three numbers of fixed size and six varints.
    private static let halfBytesMax = 17 + 6 * 10

    func checkpointSection(name: String) -> CheckpointSection {
        var writer = ByteWriter()
        writer.block(configuration.fingerprint.utf8)
        writer.varint(now)
        writer.varint(UInt64(totals.tenants.count))
        for (tenant, series) in zip(totals.tenants, totals.series) {
            writer.block(tenant.name.utf8)
            series.write(to: &writer)
        }
        writeWaiting(to: &writer)
        return CheckpointSection(name: name, version: Self.sectionVersion, position: position, payload: writer.bytes)
    }

    private func writeWaiting(to writer: inout ByteWriter) {
        let used = usedSides()
        writer.varint(UInt64(used.sides.count))
        for side in used.sides { writer.block(totals.sides.key(Int(side))) }
        writer.varint(UInt64(waiting.count))
        writer.reserve(waiting.count * 32)
        var last: UInt64 = 0
        waiting.forEach { half, _, receivedAt in
            writer.write(upTo: Self.halfBytesMax) { room in
                room.fixed(half.key.rawValue)
                room.fixed(half.parent.rawValue)
                room.fixed(half.flags.rawValue)
                room.varint(receivedAt - last)
                room.varint(half.durationNanoseconds)
                room.varint(UInt64(used.numbers[Int(half.side)]))
                room.varint(UInt64(used.numbers[Int(half.peer)]))
                room.varint(UInt64(half.count))
                room.varint(UInt64(half.tenant))
            }
            last = receivedAt
            return true
        }
    }

    /// The sides that spans wait with, in the order in which they come, and by side its place among them.
    private func usedSides() -> (sides: [UInt32], numbers: [UInt32]) {
        var numbers = [UInt32](repeating: .max, count: totals.sides.count)
        var sides: [UInt32] = []
        func use(_ side: UInt32) {
            guard numbers[Int(side)] == .max else { return }
            numbers[Int(side)] = UInt32(sides.count)
            sides.append(side)
        }
        waiting.forEach { half, _, _ in
            use(half.side)
            use(half.peer)
            return true
        }
        return (sides, numbers)
    }

    static func restored(
        from section: CheckpointSection, _ configuration: ServiceGraphConfiguration, seed: UInt64
    ) throws(CheckpointError) -> (state: ServiceGraphState, outcome: RestoreOutcome) {
        var reader = section.reader
        let fingerprint = try section.fingerprint(&reader, versionMax: sectionVersion)
        var state = ServiceGraphState(configuration, seed: seed)
        state.position = section.position
        guard section.version == sectionVersion else {
            return (state, .startedOver(reason: "the service graph of an earlier version cannot be continued"))
        }
        guard fingerprint == configuration.fingerprint else {
            return (state, .startedOver(reason: "dimensions, buckets or labels of servicegraph have changed"))
        }
        guard state.read(&reader), reader.isAtEnd else { throw section.holdsSomethingElse }
        return (state, .restored)
    }

    private mutating func read(_ reader: inout ByteReader) -> Bool {
        guard let time = reader.varint(), let count = reader.varint() else { return false }
        now = time
        for _ in 0..<count {
            var series = totals.emptySeries()
            guard let name = reader.text(), let tenant = TenantID(name), series.read(&reader, configuration),
                totals.restore(tenant, series)
            else { return false }
        }
        return readWaiting(&reader)
    }

    private mutating func readWaiting(_ reader: inout ByteReader) -> Bool {
        guard let sideCount = reader.varint() else { return false }
        var sides: [UInt32] = []
        for _ in 0..<sideCount {
            guard let key = reader.block() else { return false }
            sides.append(totals.side(Array(key)))
        }
        guard let count = reader.varint() else { return false }
        var last: UInt64 = 0
        for _ in 0..<count {
            guard let key = reader.fixed(UInt64.self), let parent = reader.fixed(UInt64.self),
                let flags = reader.byte().map(HalfEdge.Flags.init(rawValue:)), flags.isSubset(of: .known),
                let delta = reader.varint(), !last.addingReportingOverflow(delta).overflow,
                let duration = reader.varint(), let side = reader.varint(), side < sides.count,
                let peer = reader.varint(), peer < sides.count,
                let number = reader.varint().flatMap(UInt32.init(exactly:)),
                let tenant = reader.varint().flatMap(UInt16.init(exactly:)), tenant < totals.tenants.count
            else { return false }
            last += delta
            makeRoom()
            waiting.append(
                HalfEdge(
                    key: HalfEdge.Key(rawValue: key), parent: HalfEdge.Key(rawValue: parent),
                    durationNanoseconds: duration, side: sides[Int(side)], peer: sides[Int(peer)], count: number,
                    tenant: tenant, flags: flags), at: last)
        }
        return true
    }
}
